"""pip's finder, told what the indexes offer a target in place of going through every file again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from packaging.version import Version

from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.offers import Offers
from scriptlock.targets import Target


@dataclass(frozen=True, slots=True)
class Applicable:
    """Candidates for pip's resolver, which looks at few of them; each is made when it comes to it."""

    best_first: Callable[[], Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        return self.best_first()  # only to ask whether all of them are yanked

    def __reversed__(self) -> Iterator[Any]:
        return self.best_first()


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
        self._by_text = cache(self._read_texts)
        self._parse = cache(borrowed.Version)

    def all_candidates(self, target: Target, name: str) -> list[Any]:
        """Return what ``find_all_candidates`` does, without those that only come after a better one."""
        found = (self._candidate(target, name, version) for version in self._by_text(name))
        return [candidate for candidate in found if candidate is not None]

    def best_candidates(self, target: Target, name: str, specifier: Any) -> Found:
        """Return what ``find_best_candidate`` does.

        :param specifier: pip's, of the versions that are within bounds.
        """
        return Found(Applicable(partial(self._best_first, target, name, specifier)))

    def _best_first(self, target: Target, name: str, specifier: Any) -> Iterator[Any]:
        made = {}

        def fitting() -> Iterator[Any]:
            for version in specifier.filter(map(self._parse, self._by_text(name)), prereleases=True):
                candidate = self._candidate(target, name, str(version))
                if candidate is not None:
                    made[version] = candidate
                    yield version

        # Whether pre-releases count depends on what else there is, so that only what fits may be asked.
        for version in specifier.filter(fitting(), prereleases=self._prereleases):
            yield made[version]  # yanked or not: pip has its own rule for which of them it takes

    def _candidate(self, target: Target, name: str, version: str) -> Any | None:
        link = self._offers.best(name, self._by_text(name)[version], target)
        return link and self._borrowed.InstallationCandidate(name, version, link)

    def _read_texts(self, name: str) -> Mapping[str, Version]:
        """Return the versions by their texts, which is what pip's reads them from; the newest first."""
        return {str(version): version for version in self._offers.versions(name)}
