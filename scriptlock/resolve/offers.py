"""What the indexes offer of a package, and which of it a target would get."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from functools import lru_cache
from itertools import product
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
        self._by_version: dict[str, Mapping[Version, Sequence[_File]]] = {}
        self._versions: dict[str, Sequence[Version]] = {}
        self._best: dict[tuple[str, Version, str], Any] = {}
        self._requires: dict[Any, tuple[str, ...] | None] = {}
        self._orders: dict[str, _Places] = {}

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
            ranked = ((self._rank(file, target), file) for file in files)
            fitting = [(rank, file) for rank, file in ranked if rank is not None]
            fitting.sort(key=lambda pair: pair[0], reverse=True)
            readable = (file.link for _, file in fitting if file.tags is None or _wheel(file.link.filename))
            self._best[key] = next(readable, None)
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

    def _files(self, name: str) -> Mapping[Version, Sequence[_File]]:
        if name not in self._by_version:
            found: defaultdict[Version, list[_File]] = defaultdict(list)
            for link in self._links(name):
                file = _read(link, name)
                if file is not None and self._counts(file, name):
                    found[file.version].append(file)
            self._by_version[name] = found
        return self._by_version[name]

    def _counts(self, file: _File, name: str) -> bool:
        if file.tags is None and name not in self._allow_sdist:
            return False
        moment, uploaded = self._exclude_newer, file.link.upload_time
        return moment is None or (uploaded is not None and uploaded < moment)

    def _rank(self, file: _File, target: Target) -> tuple[object, ...] | None:
        link = file.link
        if file.tags is None:
            place = 0
        else:
            found = self._places(target)[file.tags]
            if found is None:
                return None
            place = found
        if not admits(link.requires_python, target.markers["python_full_version"]):
            return None
        return (not link.is_yanked, file.tags is not None, -place, file.build)

    def _places(self, target: Target) -> _Places:
        key = str(target)
        if key not in self._orders:
            self._orders[key] = _Places(target.tags)
        return self._orders[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A link, and what its name says, read once: there may be thousands."""

    link: Any
    version: Version
    tags: str | None
    """As written; None for a source."""
    build: BuildTag


class _Places(dict[str, int | None]):
    """By the tags of a wheel, as written: its place in a target's order, None if it does not fit."""

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__()
        self._order = {tag: place for place, tag in enumerate(tags)}

    def __missing__(self, tags: str) -> int | None:
        several = map("-".join, product(*(part.split(".") for part in tags.lower().split("-"))))
        self[tags] = min((self._order[tag] for tag in several if tag in self._order), default=None)
        return self[tags]


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


def _read(link: Any, name: str) -> _File | None:
    filename = link.filename
    try:
        if filename.endswith(".whl"):
            # No more than that: of most files nothing else is ever asked.
            found, version, *build, python, abi, platform = filename[:-4].split("-")
            if len(build) > 1 or _normalised(found) != name:
                return None
            number = _BUILD.fullmatch(build[0]) if build else None
            told: BuildTag = (int(number[1]), number[2]) if number else ()
            return _File(link=link, version=_parse(version), tags=f"{python}-{abi}-{platform}", build=told)
        if filename.endswith(SOURCES):
            project, parsed = parse_sdist_filename(filename)
            return _File(link=link, version=parsed, tags=None, build=()) if project == name else None
    except (ValueError, InvalidSdistFilename):  # InvalidVersion is one, and so is a name with too few parts
        pass
    return None


_BUILD = re.compile(r"(\d+)(.*)")
_parse = lru_cache(maxsize=65536)(Version)
_normalised = lru_cache(maxsize=4096)(canonicalize_name)
