"""Asking indexes ahead of the resolver, which decides one package after the other and waits for each answer.

What is asked for is what the resolver needs if nothing stands in the way: of each package the best
version within the bounds that are known so far. Nothing depends on it but the time that it takes: where
all is kept, nobody waits for anything, and to follow what is required would only be done twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.resolve.crew import Crew
from scriptlock.resolve.metadata import requires
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.protocol import Question
from scriptlock.resolve.solutions import applicable, parse


class Prefetch:
    """Follows what targets require, by a crew for which nobody waits.

    :param is_awake: False to look at no more than what the headers name, until :meth:`wake`.
    """

    def __init__(self, offers: Offers, crew: Crew, *, is_awake: bool = True) -> None:
        self._offers = offers
        self._crew = crew
        self._is_awake = is_awake
        self._later = SimpleQueue[Question]()
        self._begun: set[tuple[str, tuple[str, ...]]] = set()

    def start(self, question: Question) -> None:
        """Begin to ask for what a target needs, unless that was begun before."""
        whole = (question.target.key, tuple(one["text"] for one in question.requirements))
        if whole in self._begun:
            return
        self._begun.add(whole)
        self._crew.begin()
        self._later.put(question)
        if self._is_awake:
            self.wake()
        else:
            for asked in question.requirements:
                self._crew.put(partial(self._look, asked["text"]))

    def wake(self) -> None:
        """Follow whatever was begun: an index is being asked for something."""
        self._is_awake = True
        with suppress(Empty):
            while True:
                question = self._later.get_nowait()
                trail = _Trail(question, self._offers)
                for asked in question.requirements:
                    self._plan(trail, parse(asked["text"]))

    def hurry(self, question: Question, metadata: bytes) -> None:
        """Ask for what a version requires to which the resolver came in another way than expected."""
        if not self._is_awake:
            return
        trail = _Trail(question, self._offers)
        with suppress(InvalidRequirement):  # pip ignores such a version
            for requirement in applicable(requires(metadata), question.target):
                if requirement.url is None and trail.narrows(requirement):
                    self._crew.put(partial(trail.requires, canonicalize_name(requirement.name)))

    def _look(self, text: str) -> None:
        requirement = parse(text)
        if requirement.url is None:
            self._offers.versions(canonicalize_name(requirement.name))

    def _plan(self, trail: _Trail, requirement: Requirement) -> None:
        if requirement.url is None and trail.narrows(requirement):
            self._crew.put(partial(self._follow, trail, canonicalize_name(requirement.name)))

    def _follow(self, trail: _Trail, name: NormalizedName) -> None:
        for requirement in trail.follow(name):
            self._plan(trail, requirement)


class _Trail:
    """What is known so far of what one target needs. Several threads go along it."""

    def __init__(self, question: Question, offers: Offers) -> None:
        self._question = question
        self._offers = offers
        self._lock = Lock()
        self._constraints: defaultdict[NormalizedName, SpecifierSet] = defaultdict(SpecifierSet)
        for constraint in (parse(asked["text"]) for asked in question.constraints):
            self._constraints[canonicalize_name(constraint.name)] &= constraint.specifier
        self._bounds: dict[NormalizedName, SpecifierSet] = {}
        self._extras: defaultdict[NormalizedName, set[str]] = defaultdict(set)
        self._followed: set[tuple[NormalizedName, Version | None, str]] = set()

    def narrows(self, requirement: Requirement) -> bool:
        """Return whether a requirement says anything new about a package, and take it in."""
        name = canonicalize_name(requirement.name)
        with self._lock:
            known, extras = self._bounds.get(name), self._extras[name]
            bounds = (self._constraints[name] if known is None else known) & requirement.specifier
            is_new = bounds != known or not extras.issuperset(requirement.extras)
            self._bounds[name] = bounds
            extras.update(requirement.extras)
        return is_new

    def follow(self, name: NormalizedName) -> Iterator[Requirement]:
        """Yield what the best version of a package requires and was not yielded before."""
        version, requires = self.requires(name)
        for extra in ("", *self._extras[name].copy()):
            step = (name, version, extra)
            if step not in self._followed:
                self._followed.add(step)
                yield from applicable(requires, self._question.target, extra)

    def requires(self, name: NormalizedName) -> tuple[Version | None, tuple[str, ...]]:
        """Return the best version within the bounds, None if there is none, and what it requires."""
        version = next(self._versions(name), None)
        link = version and self._offers.best(name, version, self._question.target)
        return version, (link and self._offers.requires(link)) or ()

    def _versions(self, name: NormalizedName) -> Iterator[Version]:
        """Yield the versions that a resolver would try, the first one first."""
        bounds, question = self._bounds[name], self._question
        preferred = question.preferred.get(name)
        is_fitting = preferred and bounds.contains(preferred, prereleases=True)
        if preferred and is_fitting and self._offers.can_have(name, preferred, question.target):
            yield Version(preferred)
        fitting = (
            version
            for version in bounds.filter(self._offers.versions(name), prereleases=True)
            if (link := self._offers.best(name, version, question.target)) is not None and not link.is_yanked
        )
        yield from bounds.filter(fitting, prereleases=question.prereleases or None)
