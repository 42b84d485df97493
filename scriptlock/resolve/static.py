"""What a repository's pyproject.toml promises about the wheel that is built from it (PEP 621)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

NEEDED = frozenset({"dependencies", "optional-dependencies", "requires-python", "version"})
"""What a resolver has to know; what is neither here nor called dynamic is empty."""


def promised(pyproject: bytes) -> bytes | None:
    """Return the metadata of every wheel that is built from a project, or None if only a build can tell."""
    try:
        project = tomllib.loads(pyproject.decode("utf-8")).get("project", {})
        if NEEDED.intersection(project.get("dynamic", [])) or not {"name", "version"} <= project.keys():
            return None
        return "".join(f"{line}\n" for line in _lines(project)).encode()
    except (
        ValueError,
        TypeError,
        AttributeError,
        InvalidRequirement,
    ):  # what a build makes of it, it will say
        return None


def _lines(project: Mapping[str, Any]) -> Iterator[str]:
    yield from ("Metadata-Version: 2.2", f"Name: {project['name']}", f"Version: {project['version']}")
    if "requires-python" in project:
        yield f"Requires-Python: {project['requires-python']}"
    for text in project.get("dependencies", []):
        yield f"Requires-Dist: {Requirement(text)}"
    for extra, texts in project.get("optional-dependencies", {}).items():
        yield f"Provides-Extra: {extra}"
        for requirement in map(Requirement, texts):
            also = f"({requirement.marker}) and " if requirement.marker else ""
            requirement.marker = None
            yield f'Requires-Dist: {requirement} ; {also}extra == "{extra}"'
