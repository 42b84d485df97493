"""What a page in JSON lists of one package, by version: most of a page is never asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from typing import Any

from packaging.utils import canonicalize_name, parse_sdist_filename
from packaging.version import Version

from scriptlock.resolve.kept import KeptRows
from scriptlock.resolve.rows import Row, rows

WHEEL = ".whl"
SOURCES = (".tar.gz", ".zip")

Make = Callable[[Mapping[str, Any]], Any]
"""Makes pip's link from a row, or None if it is nothing."""
Listed = Callable[[], Iterable[Any]]
"""Returns rows, or links, in the order of the page."""
Told = tuple[list[str], dict[str, list[Mapping[str, Any]]]]
"""Versions (PEP 440), and rows (PEP 691) of some of them."""


class Page:
    """One page.

    :param body: as it came.
    :param kept: what an earlier process has left of it.
    :raises ValueError: if it is no JSON, or none that lists files.
    """

    def __init__(self, name: str, body: bytes, make: Make, kept: KeptRows | None = None) -> None:
        self._name, self._body, self._make, self._kept = name, body, make, kept
        self._asked: set[Version] = set()
        self._rows: list[Any] | None = None
        if kept is None:
            self.every()

    @property
    def size(self) -> int:
        """How many rows were read."""
        return len(self._rows or ())

    @property
    def weight(self) -> int:
        """How many bytes of text it holds, whether they were read or not."""
        return len(self._body)

    def every(self) -> list[Any]:
        """Return all that it lists, whatever it is."""
        if self._rows is None:
            self._rows = rows(self._body, self._make)
        return self._rows

    def wheels(self) -> Mapping[Version, Listed]:
        """Return what gives the wheels of each version."""
        versions = self._by_version if self._kept is None else map(_parse, self._kept.versions)
        return {version: partial(self._of, version) for version in versions}

    def to_keep(self) -> Told | None:
        """Return the versions of its wheels, and of those that were asked for the rows.

        None if that is kept already, or only pip can read one of them.
        """
        if self._rows is None or not self._asked:
            return None
        before = self._kept.places if self._kept else ()
        wanted = [version for version in self._by_version if version in self._asked or str(version) in before]
        found = {str(version): self._by_version[version] for version in wanted}
        if not all(isinstance(row, Row) for listed in found.values() for row in listed):
            return None
        versions = [*map(str, self._by_version)]
        return versions, {text: [row.told for row in listed] for text, listed in found.items()}

    @cached_property
    def _by_version(self) -> Mapping[Version, list[Any]]:
        return by_version(self.every(), self._name)

    def _of(self, version: Version) -> Iterable[Any]:
        self._asked.add(version)
        told = self._kept.of(str(version)) if self._kept else None
        return self._by_version[version] if told is None else [Row.of(row, self._make) for row in told]


def by_version(listed: Iterable[Any], name: str, *, with_sources: bool = False) -> dict[Version, list[Any]]:
    """Return what counts of a package, in its order."""
    found: dict[Version, list[Any]] = {}
    spelled: dict[str, list[Any]] = {}  # 1 and 1.0 are the same version, and its files keep their order
    for one in listed:
        version = _version(one.filename, name, with_sources=with_sources)
        if version is None:
            continue
        if version not in spelled:
            with suppress(ValueError):  # no version, or one of more digits than Python reads
                spelled[version] = found.setdefault(_parse(version), [])
        spelled.setdefault(version, []).append(one)
    return found


def _version(filename: str, name: str, *, with_sources: bool) -> str | None:
    """Return the version in the name of a package's file, as written; None if it is none of its files."""
    # No more than that: of most files nothing else is ever asked.
    if filename.endswith(WHEEL):
        parts = filename.split("-")
        if len(parts) in _PARTS and _normalised(parts[0]) == name:
            return parts[1]
    elif with_sources and filename.endswith(SOURCES):
        with suppress(ValueError):  # InvalidSdistFilename is one
            project, version = parse_sdist_filename(filename)
            return str(version) if project == name else None
    return None


_PARTS = frozenset({5, 6})
"""How many there are of a wheel's name: without a build tag, and with one."""
_parse = lru_cache(maxsize=65536)(Version)
_normalised = lru_cache(maxsize=4096)(canonicalize_name)
