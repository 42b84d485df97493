"""Asking indexes ahead of the resolver, which decides one package after the other and waits for each answer.

What is asked for is what the resolver needs if nothing stands in the way: of each package the best
version within the bounds that are known so far. Nothing depends on it but the time that it takes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Lock, Thread

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.resolve.offers import Offers
from scriptlock.resolve.protocol import Question
from scriptlock.resolve.solutions import applicable, parse

THREADS = 9
"""With the resolver itself, as many connections to one host as pip's session keeps open."""


class Prefetch:
    """Follows what targets require, in threads that end with the process."""

    def __init__(self, offers: Offers, *, threads: int = THREADS) -> None:
        self._offers = offers
        self._steps = SimpleQueue[tuple[_Trail, NormalizedName]]()
        self._begun: set[str] = set()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(threads)]

    def start(self, question: Question) -> None:
        """Begin to ask for what a target needs, unless that was begun before."""
        if str(question.target) in self._begun:
            return
        self._begun.add(str(question.target))
        trail = _Trail(question, self._offers)
        for asked in question.requirements:
            self._plan(trail, parse(asked["text"]))
        for thread in self._threads:
            if thread.ident is None:
                thread.start()

    def _plan(self, trail: _Trail, requirement: Requirement) -> None:
        if requirement.url is None and trail.narrows(requirement):
            self._steps.put((trail, canonicalize_name(requirement.name)))

    def _work(self) -> None:
        while True:
            trail, name = self._steps.get()
            try:
                for requirement in trail.follow(name):
                    self._plan(trail, requirement)
            except Exception:  # noqa: BLE001, S110 - who needs it meets the same trouble, and can tell it
                pass


class _Trail:
    """What is known so far of what one target needs. Several threads go along it."""

    def __init__(self, question: Question, offers: Offers) -> None:
        self._question = question
        self._offers = offers
        self._lock = Lock()
        self._bounds: dict[NormalizedName, SpecifierSet] = {}
        self._extras: defaultdict[NormalizedName, set[str]] = defaultdict(set)
        self._followed: set[tuple[NormalizedName, Version, str]] = set()

    def narrows(self, requirement: Requirement) -> bool:
        """Return whether a requirement says anything new about a package, and take it in."""
        name = canonicalize_name(requirement.name)
        with self._lock:
            known, extras = self._bounds.get(name), self._extras[name]
            bounds = requirement.specifier if known is None else known & requirement.specifier
            is_new = bounds != known or not extras.issuperset(requirement.extras)
            self._bounds[name] = bounds
            extras.update(requirement.extras)
        return is_new

    def follow(self, name: NormalizedName) -> Iterator[Requirement]:
        """Yield what a package requires that was not yielded before."""
        version = next(self._versions(name), None)
        link = version and self._offers.best(name, version, self._question.target)
        if version is None or link is None:
            return
        requires = [*map(parse, self._offers.requires(link) or ())]
        for extra in ("", *self._extras[name].copy()):
            step = (name, version, extra)
            if step not in self._followed:
                self._followed.add(step)
                markers = {**self._question.target.markers, "extra": extra}
                yield from applicable(requires, markers, plain=not extra)

    def _versions(self, name: NormalizedName) -> Iterator[Version]:
        """Yield the versions that a resolver would try, the first one first."""
        bounds, question = self._bounds[name], self._question
        preferred = question.preferred.get(name)
        if preferred and bounds.contains(preferred, prereleases=True):
            yield Version(preferred)
        fitting = (
            version
            for version in bounds.filter(self._offers.versions(name), prereleases=True)
            if (link := self._offers.best(name, version, question.target)) is not None and not link.is_yanked
        )
        yield from bounds.filter(fitting, prereleases=question.prereleases or None)
