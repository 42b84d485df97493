"""What the indexes offer of a package, and which of it a target would get."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from email.parser import BytesHeaderParser
from functools import lru_cache
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    BuildTag,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from scriptlock.targets import Target

SOURCES = (".tar.gz", ".zip")


class Offers:
    """The files of every package that one order deals with, read once for all its targets.

    :param links: returns every link that the indexes have for a name, as pip makes them.
    :param metadata: returns the metadata of a link's wheel, or None if it is not to be had by itself.
    :param allow_sdist: the packages whose sources count.
    :param exclude_newer: files uploaded at that moment or later do not count.
    """

    def __init__(
        self,
        links: Callable[[str], Iterable[Any]],
        metadata: Callable[[Any], bytes | None],
        *,
        allow_sdist: Collection[str] = (),
        exclude_newer: datetime | None = None,
    ) -> None:
        self._links = links
        self._metadata = metadata
        self._allow_sdist = allow_sdist
        self._exclude_newer = exclude_newer
        self._by_version: dict[str, Mapping[Version, Sequence[Any]]] = {}
        self._versions: dict[str, Sequence[Version]] = {}
        self._best: dict[tuple[str, Version, str], Any] = {}
        self._requires: dict[Any, tuple[str, ...] | None] = {}
        self._orders: dict[str, Mapping[str, int]] = {}

    def versions(self, name: str) -> Sequence[Version]:
        """Return the versions that there are files of, the newest first."""
        if name not in self._versions:
            self._versions[name] = sorted(self._files(name), reverse=True)
        return self._versions[name]

    def best(self, name: str, version: Version, target: Target) -> Any | None:
        """Return the link of the file that the target would get of a version, or None if none fits.

        A wheel before a source, and of several wheels the one with the most preferred tag.
        """
        key = (name, version, str(target))
        if key not in self._best:
            # Of equals the last, as pip's resolver has it: of several indexes, the one that was named last.
            files = reversed(self._files(name).get(version, ()))
            ranked = ((self._rank(link, target), link) for link in files)
            fitting = [(rank, link) for rank, link in ranked if rank is not None]
            self._best[key] = max(fitting, key=lambda pair: pair[0], default=(None, None))[1]
        return self._best[key]

    def learn(self, link: Any, requires: Iterable[str]) -> None:
        """Remember what a wheel's metadata asks for."""
        self._requires[link] = tuple(requires)

    def requires(self, link: Any) -> tuple[str, ...] | None:
        """Return what a wheel's metadata asks for (PEP 508), or None if it is not to be had (PEP 658)."""
        if link not in self._requires:
            told = self._metadata(link)
            found = BytesHeaderParser().parsebytes(told).get_all("Requires-Dist", []) if told else None
            self._requires[link] = None if found is None else tuple(map(str, found))
        return self._requires[link]

    def _files(self, name: str) -> Mapping[Version, Sequence[Any]]:
        if name not in self._by_version:
            found: defaultdict[Version, list[Any]] = defaultdict(list)
            for link in self._links(name):
                version = _version(link.filename, name) if self._counts(link, name) else None
                if version is not None:
                    found[version].append(link)
            self._by_version[name] = found
        return self._by_version[name]

    def _counts(self, link: Any, name: str) -> bool:
        if not link.is_wheel and name not in self._allow_sdist:
            return False
        moment = self._exclude_newer
        return moment is None or (link.upload_time is not None and link.upload_time < moment)

    def _rank(self, link: Any, target: Target) -> tuple[object, ...] | None:
        if not admits(link.requires_python, target.markers["python_full_version"]):
            return None
        if not link.is_wheel:
            return (not link.is_yanked, False)
        known = _wheel(link.filename)
        order = self._order(target)
        places = [order[tag] for tag in known[1] if tag in order] if known else []
        return (not link.is_yanked, True, -min(places), known[0]) if known and places else None

    def _order(self, target: Target) -> Mapping[str, int]:
        key = str(target)
        if key not in self._orders:
            self._orders[key] = {tag: place for place, tag in enumerate(target.tags)}
        return self._orders[key]


@lru_cache(maxsize=4096)
def admits(requires_python: str | None, python: str) -> bool:
    """Return whether a file is for a Python; what cannot be read admits all, as pip has it."""
    try:
        return SpecifierSet(requires_python or "").contains(python, prereleases=True)
    except InvalidSpecifier:
        return True


def fits(link: Any, target: Target) -> bool:
    """Return whether a wheel can be installed on the target."""
    known = _wheel(link.filename)
    return bool(known and not known[1].isdisjoint(target.tags))


@lru_cache(maxsize=65536)
def _wheel(filename: str) -> tuple[BuildTag, frozenset[str]] | None:
    try:
        _, _, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return None
    return build, frozenset(map(str, tags))


def _version(filename: str, name: str) -> Version | None:
    try:
        if filename.endswith(".whl"):
            # No more of the name than that: there may be thousands of files, and few are looked at.
            found, version, _ = filename.split("-", 2)
            return _parse(version) if _normalised(found) == name else None
        if filename.endswith(SOURCES):
            project, parsed = parse_sdist_filename(filename)
            return parsed if project == name else None
    except (ValueError, InvalidSdistFilename):  # InvalidVersion is one
        pass
    return None


_parse = lru_cache(maxsize=65536)(Version)
_normalised = lru_cache(maxsize=4096)(canonicalize_name)
