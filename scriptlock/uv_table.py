"""What a header's ``[tool.uv]`` asks for that decides what is installed, and that nobody follows here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packaging.utils import canonicalize_name

from scriptlock.header import Header
from scriptlock.model import Notice

_INDEX = "write `index-url` in [tool.scriptlock], or name it in pip's configuration"
_BOUNDS = "write `constraints` in [tool.scriptlock]"
_INSTEAD = {
    "index": ("index-url", _INDEX),
    "index-url": ("index-url", _INDEX),
    "extra-index-url": ("index-url", "name it in pip's configuration"),
    "find-links": ("index-url", "name it in pip's configuration"),
    "constraint-dependencies": ("constraints", _BOUNDS),
    "override-dependencies": ("constraints", _BOUNDS),
    "exclude-newer": ("exclude-newer", "write `exclude-newer` in [tool.scriptlock]"),
    "prerelease": ("prereleases", "write `prereleases` in [tool.scriptlock]"),
}
"""By uv's key: the setting of ours that says the same, and what to do."""


def find_unfollowed(header: Header) -> Iterator[Notice]:
    """Yield what uv would go by, and where the script does not say the same in a way that is followed."""
    asked = _table(header.metadata, "tool", "uv")
    ours = _table(header.metadata, "tool", "scriptlock")
    if sources := _table(asked, "sources"):
        yield from _unfollowed_sources(header, sources, has_index="index-url" in ours)
    for key, (setting, instead) in _INSTEAD.items():
        if asked.get(key) and setting not in ours:
            yield _notice(header, key, f"is not followed; {instead}")


def _unfollowed_sources(header: Header, sources: dict[str, Any], *, has_index: bool) -> Iterator[Notice]:
    """Yield one notice for all packages whose source is neither a URL in the dependencies nor our index."""
    declared = {canonicalize_name(dependency.name): dependency for dependency in header.dependencies}
    left = [
        canonicalize_name(name)
        for name, source in sources.items()
        if not (has_index and _is_index(source))
        and getattr(declared.get(canonicalize_name(name)), "url", None) is None
    ]
    names = [declared[name].name for name in left if name in declared]
    if left:
        whose = f" for {', '.join(names)}" if names else ""
        name = names[0] if len(names) == 1 else "name"
        yield _notice(header, "sources", f"is not followed{whose}; write `{name} @ URL` in dependencies")


def _is_index(source: object) -> bool:
    several = source if isinstance(source, list) else [source]  # uv takes one for each marker
    return all(isinstance(one, dict) and "index" in one for one in several)


def _notice(header: Header, key: str, what: str) -> Notice:
    return Notice(line=header.line_in(("tool", "uv", key)), message=f"`{key}` of [tool.uv] {what}")


def _table(metadata: dict[str, Any], *path: str) -> dict[str, Any]:
    table: Any = metadata
    for name in path:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}
