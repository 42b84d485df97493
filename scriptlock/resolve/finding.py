"""pip's finder, told what the indexes offer a target in place of going through every file again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from packaging.version import Version

from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.offers import Offers
from scriptlock.targets import Target


class Applicable:
    """Candidates for pip's resolver, which looks at few of them, and often; each is made when it comes to it.

    :param best_first: all of them.
    """

    def __init__(self, best_first: Iterator[Any]) -> None:
        self._rest = best_first
        self._made: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        return reversed(self)  # only to ask whether all of them are yanked

    def __reversed__(self) -> Iterator[Any]:
        for place in count():
            if place == len(self._made):
                try:
                    self._made.append(next(self._rest))
                except StopIteration:
                    return
            yield self._made[place]


@dataclass(frozen=True, slots=True)
class Found:
    """What pip's resolver reads of a finder's answer."""

    applicable_candidates: Applicable


class ShortLists:
    """Takes the place of pip's finders for packages of which only wheels count: a version has one candidate.

    :param prereleases: whether they are as good as any.
    """

    def __init__(self, borrowed: Borrowed, offers: Offers, *, prereleases: bool) -> None:
        self._borrowed = borrowed
        self._offers = offers
        self._prereleases = True if prereleases else None
        self._as_pip_has_it = cache(self._read)
        self._best: dict[tuple[str, str, Any], Found] = {}

    def all_candidates(self, target: Target, name: str) -> list[Any]:
        """Return what ``find_all_candidates`` does, without those that only come after a better one."""
        found = (self._candidate(target, name, version) for version in self._offers.versions(name))
        return [candidate for candidate in found if candidate is not None]

    def best_candidates(self, target: Target, name: str, specifier: Any) -> Found:
        """Return what ``find_best_candidate`` does.

        :param specifier: pip's, of the versions that are within bounds.
        """
        key = (target.key, name, specifier)
        if key not in self._best:
            self._best[key] = Found(Applicable(self._best_first(target, name, specifier)))
        return self._best[key]

    def _best_first(self, target: Target, name: str, specifier: Any) -> Iterator[Any]:
        ours, made = {}, {}

        def listed() -> Iterator[Any]:
            for version in self._offers.versions(name):
                theirs = self._as_pip_has_it(version)
                ours[theirs] = version
                yield theirs

        def fitting() -> Iterator[Any]:
            for version in specifier.filter(listed(), prereleases=True):
                candidate = self._candidate(target, name, ours[version])
                if candidate is not None:
                    made[version] = candidate
                    yield version

        # Whether pre-releases count depends on what else there is, so that only what fits may be asked.
        for version in specifier.filter(fitting(), prereleases=self._prereleases):
            yield made[version]  # yanked or not: pip has its own rule for which of them it takes

    def _candidate(self, target: Target, name: str, version: Version) -> Any | None:
        link = self._offers.best(name, version, target)
        return link and self._borrowed.InstallationCandidate(name, str(version), link)

    def _read(self, version: Version) -> Any:
        return self._borrowed.Version(str(version))
