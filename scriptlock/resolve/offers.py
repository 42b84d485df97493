"""What the indexes offer of a package, and which of it a target would get."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from itertools import groupby, product
from typing import Any, Self

from packaging.specifiers import SpecifierSet
from packaging.utils import BuildTag, parse_wheel_filename
from packaging.version import Version

from scriptlock.resolve.metadata import requires
from scriptlock.resolve.once import Once
from scriptlock.resolve.pages import WHEEL, Listed, Page, by_version
from scriptlock.resolve.rows import Row, in_utc, sha256_of
from scriptlock.targets import Target


class Offers:
    """The files of every package that one order deals with, read once for all its targets.

    Several threads may ask at once.

    :param listed: returns all that the indexes list for a name: links as pip makes them, :class:`Row`, or
        whole pages.
    :param metadata: returns the metadata of a link's wheel, or None if it is not to be had by itself.
    :param allow_sdist: the packages whose sources count.
    :param exclude_newer: files uploaded at that moment or later do not count.
    """

    def __init__(
        self,
        listed: Callable[[str], Iterable[Any]],
        metadata: Callable[[Any], bytes | None],
        *,
        allow_sdist: Collection[str] = (),
        exclude_newer: datetime | None = None,
    ) -> None:
        self._listed = listed
        self._metadata = metadata
        self._allow_sdist = allow_sdist
        self._exclude_newer = exclude_newer
        self._by_version = Once[str, Mapping[Version, Sequence[Listed]]]()
        self._versions: dict[str, Sequence[Version]] = {}
        self._files: dict[tuple[str, Version], Sequence[_File]] = {}
        self._best: dict[tuple[str, Version, str], Any] = {}
        self._undated: set[str] = set()
        self._pages: list[Page] = []
        self._loose_rows = 0
        self._requires = Once[Any, tuple[str, ...] | None]()
        self._orders: dict[str, _Places] = {}

    @property
    def rows(self) -> int:
        """How many files were read so far."""
        return self._loose_rows + sum(page.size for page in self._pages)

    @property
    def weight(self) -> int:
        """How many bytes of pages are held, of which most may never be read."""
        return sum(page.weight for page in self._pages)

    def versions(self, name: str) -> Sequence[Version]:
        """Return the versions that there are files of, the newest first."""
        if name not in self._versions:
            self._versions[name] = sorted(self._listed_by_version(name), reverse=True)
        return self._versions[name]

    def is_dated(self, name: str) -> bool:
        """Return whether ``exclude_newer`` can hold: whether each file tells when it was uploaded."""
        self._listed_by_version(name)
        return name not in self._undated

    def best(self, name: str, version: Version, target: Target) -> Any | None:
        """Return the link of the file that the target would get of a version, or None if none fits.

        A wheel before a source, and of several wheels the one with the most preferred tag.
        """
        key = (name, version, target.key)
        if key not in self._best:
            # Of equals the last, as pip's resolver has it: of several indexes, the one that was named last.
            files = reversed(self._files_of(name, version))
            ranked = ((self._rank(file, target), file) for file in files)
            fitting = [(rank, file) for rank, file in ranked if rank is not None]
            fitting.sort(key=lambda pair: pair[0], reverse=True)
            readable = (file for _, file in fitting if file.tags is None or _wheel(file.listed.filename))
            self._best[key] = next((_link(file.listed) for file in readable), None)
        return self._best[key]

    def can_have(self, name: str, version: str, target: Target) -> bool:
        """Return whether there is a file of a version for the target."""
        return self.best(name, Version(version), target) is not None

    def sha256s(self, name: str, version: str) -> frozenset[str]:
        """Return the digests of the files of a version; none if there is a file of which it is not told."""
        digests = {sha256_of(file.listed) for file in self._files_of(name, Version(version))}
        return frozenset() if None in digests else frozenset(filter(None, digests))

    def learn(self, link: Any, requires: Iterable[str]) -> None:
        """Remember what a wheel's metadata asks for."""
        self._requires.put(link, tuple(requires))

    def requires(self, link: Any) -> tuple[str, ...] | None:
        """Return what a wheel's metadata asks for (PEP 508), or None if it is not to be had (PEP 658)."""

        def read() -> tuple[str, ...] | None:
            told = self._metadata(link)
            return requires(told) if told else None

        return self._requires.get(link, read)

    def _listed_by_version(self, name: str) -> Mapping[Version, Sequence[Listed]]:
        return self._by_version.get(name, lambda: self._sort(name))

    def _sort(self, name: str) -> Mapping[Version, Sequence[Listed]]:
        is_plain = name not in self._allow_sdist and self._exclude_newer is None
        found: dict[Version, list[Listed]] = {}
        for are_pages, several in groupby(self._listed(name), lambda one: is_plain and isinstance(one, Page)):
            for part in map(self._wheels, several) if are_pages else [self._loose(several, name)]:
                for version, listed in part.items():
                    found.setdefault(version, []).append(listed)
        return found

    def _wheels(self, page: Page) -> Mapping[Version, Listed]:
        self._pages.append(page)
        return page.wheels()

    def _loose(self, listed: Iterable[Any], name: str) -> Mapping[Version, Listed]:
        every: list[Any] = []
        for one in listed:
            every += one.every() if isinstance(one, Page) else [one]
        self._loose_rows += len(every)
        if self._exclude_newer is not None:
            if any(one.upload_time is None and not _is_local(one) for one in every):
                self._undated.add(name)
            every = [one for one in every if self._counts(one, self._exclude_newer)]
        sorted_out = by_version(every, name, with_sources=name in self._allow_sdist)
        return {version: partial(iter, found) for version, found in sorted_out.items()}

    def _files_of(self, name: str, version: Version) -> Sequence[_File]:
        key = (name, version)
        if key not in self._files:
            several = self._listed_by_version(name).get(version, ())
            self._files[key] = [_File.read(one) for listed in several for one in listed()]
        return self._files[key]

    def _counts(self, listed: Any, moment: datetime) -> bool:
        # As pip has it, a file that lies in a folder is there whenever it was made.
        uploaded = listed.upload_time
        return _is_local(listed) or (uploaded is not None and in_utc(uploaded) < moment)

    def _rank(self, file: _File, target: Target) -> tuple[object, ...] | None:
        listed = file.listed
        if file.tags is None:
            place = 0
        else:
            found = self._places(target)[file.tags]
            if found is None:
                return None
            place = found
        if not admits(listed.requires_python, target.markers["python_full_version"]):
            return None
        return (not listed.is_yanked, file.tags is not None, -place, file.build)

    def _places(self, target: Target) -> _Places:
        if target.key not in self._orders:
            self._orders[target.key] = _Places(target.tags)
        return self._orders[target.key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What the name of a file says."""

    listed: Any
    tags: str | None
    """As written; None for a source."""
    build: BuildTag

    @classmethod
    def read(cls, listed: Any) -> Self:
        """Return it for a file whose version could be read."""
        if not listed.filename.endswith(WHEEL):
            return cls(listed=listed, tags=None, build=())
        _, _, *build, python, abi, platform = listed.filename.removesuffix(WHEEL).split("-")
        number = _BUILD.fullmatch(build[0]) if build else None
        told: BuildTag = ()
        with suppress(ValueError):  # of more digits than Python reads
            told = (int(number[1]), number[2]) if number else ()
        return cls(listed=listed, tags=f"{python}-{abi}-{platform}", build=told)


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
    except ValueError:  # InvalidSpecifier is one; so is a number of more digits than Python reads
        return True


def fits(link: Any, target: Target) -> bool:
    """Return whether a wheel can be installed on the target."""
    known = _wheel(link.filename)
    return bool(known and not known[1].isdisjoint(target.tags))


@lru_cache(maxsize=65536)
def _wheel(filename: str) -> tuple[BuildTag, frozenset[str]] | None:
    try:
        _, _, build, tags = parse_wheel_filename(filename)
    except ValueError:  # InvalidWheelFilename is one; so is a number of more digits than Python reads
        return None
    return build, frozenset(map(str, tags))


def _link(listed: Any) -> Any:
    return listed.link if isinstance(listed, Row) else listed


def _is_local(listed: Any) -> bool:
    return bool(getattr(listed, "is_file", False))


_BUILD = re.compile(r"(\d+)(.*)")
