"""Targets that need no resolver: what was chosen for another one, followed through this one's markers.

It is taken over only if a resolver could have no reason to choose otherwise: every file fits, every
bound holds, and nothing newer could be had here that was out of reach there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice, takewhile
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.errors import NoCompatibleWheel
from scriptlock.resolve.offers import Offers, admits, fits
from scriptlock.resolve.protocol import Question
from scriptlock.resolve.solutions import Chosen, Need, Solution, applicable, needs, parse
from scriptlock.targets import Target


class Walker:
    """What resolvers said of the targets so far, to be followed through the next ones.

    What it says of a distribution's requirements is taken to hold for all files of its version.
    """

    def __init__(self, offers: Offers) -> None:
        self._offers = offers
        self._solved: list[Solution] = []
        self._platforms: set[str] = set()

    def learn(self, solution: Solution) -> None:
        """Remember what a resolver said of a target."""
        self._solved.append(solution)
        self._platforms.add(solution.target.platform)

    def follow(self, question: Question) -> Solution | None:
        """Return other targets' solutions as this one's, or None if a resolver has to be asked.

        :raises NoCompatibleWheel: if the target is optional and cannot have something that others have,
            while its platform is served with another Python. A resolver might find a way round it,
            but with versions that nobody would want.
        """
        lacking = None
        for primary in reversed(self._solved):
            needed = needs(question, [primary, *reversed(self._solved)])
            if needed is None:
                continue
            if missing := self._unobtainable(question, needed):
                lacking = lacking or missing
            elif solution := self._take(question, needed):
                self._platforms.add(question.target.platform)
                return solution
        if lacking and question.is_optional and question.target.platform in self._platforms:
            raise NoCompatibleWheel(f"{lacking} has no file for it")
        return None

    def keepable(self, question: Question) -> dict[str, str]:
        """Return the versions of the last solution that a resolver may prefer on another target, by name."""
        return {
            name: str(found.version)
            for known in self._solved[-1:]
            for name, found in known.chosen.items()
            if found.url is None
            and (here := self._offers.best(name, found.version, question.target)) is not None
            # To prefer it would be to pin it, and what is pinned may be yanked.
            and not here.is_yanked
            and self._better(name, found.version, SpecifierSet(), question) is None
        }

    def pays(self, question: Question, solution: Solution) -> bool:
        """Return whether something better was done without, for what the resolver was told to keep."""
        return any(self._missed(question, solution))

    def obstacles(self, question: Question, solution: Solution) -> set[str]:
        """Return what of the preferred stands in the way of something better that has to be chosen anew.

        What requires it may lie between: of that, the best version for the target is looked into.
        """
        found, seen = set[str](), set[str]()
        pending = [*self._missed(question, solution)] if question.preferred else []
        while pending:
            name, version = pending.pop()
            seen.add(name)
            for required, bound in self._required(name, version, question.target):
                if preferred := question.preferred.get(required):
                    found |= set() if bound.contains(preferred, prereleases=True) else {required}
                elif required not in seen:
                    versions = bound.filter(self._offers.versions(required))
                    files = ((one, self._offers.best(required, one, question.target)) for one in versions)
                    pending += islice(((required, one) for one, file in files if file is not None), 1)
        return found

    def _required(
        self, name: NormalizedName, version: Version, target: Target
    ) -> Iterator[tuple[NormalizedName, SpecifierSet]]:
        """Yield what a version requires of the indexes on a target, as far as that can be read."""
        link = self._offers.best(name, version, target)
        with suppress(InvalidRequirement):  # pip ignores such a file
            for requirement in applicable((link and self._offers.requires(link)) or (), target):
                if requirement.url is None:
                    yield canonicalize_name(requirement.name), requirement.specifier

    def _missed(self, question: Question, solution: Solution) -> Iterator[tuple[NormalizedName, Version]]:
        """Yield better versions of what is not preferred, which a resolver was told nothing of."""
        for name, (found, bound) in (needs(question, [solution]) or {}).items():
            if found.url is None and not self._preferred(name, question):
                better = self._better(name, found.version, bound, question)
                if better is not None:
                    yield name, better

    def _take(self, question: Question, needed: Mapping[NormalizedName, Need]) -> Solution | None:
        chosen = {}
        for name, (found, bound) in needed.items():
            if not self._is_certain(name, found, bound, question):
                return None
            link = self._link(name, found, question.target)
            # Only a resolver knows what a source requires, and who may have what was yanked.
            if link is None or not (link.is_wheel or found.commit) or (link.is_yanked and found.url is None):
                return None
            chosen[name] = found if link == found.link else replace(found, link=link, sha256=None)
        return Solution(target=question.target, chosen=chosen)

    def _unobtainable(self, question: Question, needed: Mapping[NormalizedName, Need]) -> str | None:
        """Return a package of which no version within the bounds has a file for the target."""
        missing = None
        for name, (found, bound) in sorted(needed.items()):
            if found.url is not None or self._has(name, found.version, bound, question.target):
                continue
            if self._has_any(name, bound, question.target):
                return None  # with another version of this one, others may be needed of the rest
            missing = missing or name
        return missing

    def _link(self, name: NormalizedName, found: Chosen, target: Target) -> Any | None:
        if not admits(found.requires_python, target.markers["python_full_version"]):
            return None
        if found.url is None:
            return self._offers.best(name, found.version, target)
        fitting = found.is_portable if found.commit else fits(found.link, target)
        return found.link if fitting else None

    def _is_certain(
        self, name: NormalizedName, found: Chosen, bound: SpecifierSet, question: Question
    ) -> bool:
        """Return whether a resolver would choose the same here, too."""
        if not bound.contains(found.version, prereleases=True):
            return False
        if found.url is not None:
            return True
        if preferred := self._preferred(name, question):
            return preferred == found.version
        return self._better(name, found.version, bound, question) is None

    def _preferred(self, name: NormalizedName, question: Question) -> Version | None:
        """Return the version that the target is to keep, if it can have that at all."""
        version = question.preferred.get(name)
        return Version(version) if version and self._offers.can_have(name, version, question.target) else None

    def _better(
        self, name: NormalizedName, version: Version, bound: SpecifierSet, question: Question
    ) -> Version | None:
        """Return what is better, within the bounds, and might be had on this target."""
        wants_prereleases = question.prereleases or bool(bound.prereleases)
        better: Iterable[Version] = takewhile(version.__lt__, self._offers.versions(name))
        if version.is_prerelease and not wants_prereleases:
            # It was taken where there was nothing else: anything that is none is better.
            better = self._offers.versions(name)
        for other in better:
            if other.is_prerelease > wants_prereleases or not bound.contains(other, prereleases=True):
                continue
            here = self._offers.best(name, other, question.target)
            if here is None or here.is_yanked or self._was_passed_over(name, other, question):
                continue
            if not self._is_impossible(name, other, question):
                return other
        return None

    def _is_impossible(self, name: NormalizedName, version: Version, question: Question) -> bool:
        """Return whether a version requires something that the target cannot have at all."""
        known = [
            found.requires
            for one in self._solved
            if (found := one.chosen.get(name)) and (found.version, found.url) == (version, None)
        ]
        # What is no reason against another file of it need not be looked for in this one: if it is one after
        # all, a resolver is asked in vain.
        if not all(self._lacks(requires, question) for requires in known):
            return False
        link = self._offers.best(name, version, question.target)
        return self._lacks(self._offers.requires(link) or (), question)

    def _lacks(self, requires: tuple[str, ...], question: Question) -> bool:
        asked = [parse(one["text"]) for one in (*question.requirements, *question.constraints)]
        try:
            required = [*applicable(requires, question.target)]
        except InvalidRequirement:
            return True  # pip ignores such a file
        for requirement in required:
            name = canonicalize_name(requirement.name)
            bound = requirement.specifier
            for root in asked:
                if canonicalize_name(root.name) == name:
                    bound &= root.specifier
            if requirement.url is None and not self._has_any(name, bound, question.target):
                return True
        return False

    def _has(self, name: str, version: Version, bound: SpecifierSet, target: Target) -> bool:
        return bound.contains(version, prereleases=True) and bool(self._offers.best(name, version, target))

    def _has_any(self, name: str, bound: SpecifierSet, target: Target) -> bool:
        return any(self._has(name, version, bound, target) for version in self._offers.versions(name))

    def _was_passed_over(self, name: NormalizedName, version: Version, question: Question) -> bool:
        """Return whether resolvers could have had a version, and took an older one, on targets like this one.

        They had a reason, which may have been the platform or the Python: it is taken to hold here if
        it held on the same platform and with the same Python.
        """
        passed = [
            known.target
            for known in self._solved
            if name in known.chosen
            and known.chosen[name].version < version
            and self._offers.best(name, version, known.target) is not None
        ]
        target = question.target
        return any(other.python == target.python for other in passed) and any(
            other.platform == target.platform for other in passed
        )
