"""One target at a time: pip-tools' resolver, told what the target is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.access import Access, Repository
from scriptlock.resolve.borrowed import Borrowed, moved
from scriptlock.resolve.choices import chosen, notes, requires
from scriptlock.resolve.diagnosis import Diagnosis, Ignored, causes
from scriptlock.resolve.origins import asked_by, lineage
from scriptlock.resolve.protocol import Question
from scriptlock.resolve.solutions import Solution
from scriptlock.resolve.soundness import circles_survived, refuse_unsound
from scriptlock.resolve.sources import SourcePolicy
from scriptlock.targets import Target


class NotToBeHad(Exception):
    """There is no file of a preferred version for the target."""


Found = tuple[dict[str, Any], dict[str, frozenset[str]]]
"""pip's candidates, and the extras that were asked for, both by normalised name."""
SAME_MACHINE = ("implementation_name", "platform_machine", "python_version", "sys_platform")
"""The markers by which a target is the machine and Python at hand."""


def solve(borrowed: Borrowed, access: Access, question: Question) -> tuple[Solution, list[str]]:
    """Return what pip-tools chooses for a target, and what a person should know about it.

    :raises ResolutionError: if there is none.
    """
    prefetch = access.indexes.prefetch
    prefetch.start(question)
    here = borrowed.default_environment()
    policy = SourcePolicy(
        target=question.target,
        allowed=access.indexes.allow_sdist,
        can_build=all(here[name] == question.target.markers[name] for name in SAME_MACHINE),
        repositories={
            borrowed.Link(url).url_without_fragment: asked["header"]
            for asked in question.requirements
            if (url := Requirement(asked["text"]).url)
        },
        kept={
            borrowed.Link(before).url_without_fragment: url
            for asked in question.requirements
            if (url := Requirement(asked["text"]).url)
            and (before := Requirement(asked["header"]).url)
            and before != url
        },
    )
    with (
        _seen_as(borrowed, question.target),
        policy.enforced(borrowed),
        circles_survived(borrowed),
        access.indexes.metadata.handed_to(borrowed, partial(prefetch.hurry, question)),
    ):
        repository = access.repository(question.target)
        candidates, extras = _solve(borrowed, access, question, repository)
        solution = Solution(target=question.target, chosen=chosen(candidates, policy))
        for candidate in _looked_at(repository):
            access.indexes.offers.learn(candidate.source_link, requires(candidate))
        return solution, notes(candidates, extras, policy)


@contextmanager
def _seen_as(borrowed: Borrowed, target: Target) -> Iterator[None]:
    """Make every marker that pip evaluates see the target."""
    borrowed.markers.default_environment = lambda: dict(target.markers)
    try:
        yield
    finally:
        borrowed.markers.default_environment = borrowed.default_environment


def _looked_at(repository: Repository) -> list[Any]:
    """Return the candidates whose metadata pip has read, for good or in vain; it saves work, no more."""
    factory = getattr(repository.command.resolver, "factory", None)
    return list(getattr(factory, "_link_candidate_cache", {}).values())


def _solve(borrowed: Borrowed, access: Access, question: Question, repository: Repository) -> Found:
    """Return what pip-tools chooses, with as many of the preferred versions as it takes.

    pip-tools lets go of preferences only while nothing else is in the conflict, so what it gives up
    on is tried again with fewer of them.
    """
    preferred, offers = dict(question.preferred), access.indexes.offers

    def can_have(name: str) -> bool:
        return name not in preferred or offers.can_have(name, preferred[name], question.target)

    _look_first(repository.finder, can_have)
    with Ignored() as ignored:
        while True:
            try:
                return _attempt(borrowed, repository, question, preferred)
            except IndexUnreachable:
                raise
            except NotToBeHad:
                preferred = {name: version for name, version in preferred.items() if can_have(name)}
            except (borrowed.PipError, borrowed.BadMetadata, ResolutionError) as error:
                if not preferred:
                    diagnosis = Diagnosis(borrowed, access, repository, question, ignored)
                    raise diagnosis.explain(error) from error
                preferred = _without(preferred, causes(borrowed, error))


def _look_first(finder: Any, can_have: Callable[[str], bool]) -> None:
    """End an attempt at a preferred version that is not to be had, for which pip would go back years."""
    find = finder.find_best_candidate

    def find_best_candidate(project_name: str, *args: Any, **kwargs: Any) -> Any:
        if not can_have(canonicalize_name(project_name)):
            raise NotToBeHad(project_name)
        return find(project_name, *args, **kwargs)

    finder.find_best_candidate = find_best_candidate


def _without(preferred: Mapping[str, str], causes: Sequence[tuple[Any, Any]]) -> dict[str, str]:
    """Return fewer preferences: without those in the conflict, else those that led to it, else all."""
    near: set[str] = set()
    far: set[str] = set()
    for requirement, parent in causes:
        near.add(canonicalize_name(requirement.project_name))
        if parent is not None:
            near.add(canonicalize_name(parent.project_name))
            far |= {canonicalize_name(asked.name) for asked in lineage(asked_by(parent))}
    for blamed in (near, far):
        kept = {name: version for name, version in preferred.items() if name not in blamed}
        if len(kept) < len(preferred):
            return kept
    return {}


def _attempt(
    borrowed: Borrowed, repository: Repository, question: Question, preferred: Mapping[str, str]
) -> Found:
    line = borrowed.install_req_from_line
    wanted = [line(asked["text"], comes_from=asked["header"]) for asked in question.requirements]
    bounds = [
        line(bound["text"], comes_from=bound["header"], constraint=True) for bound in question.constraints
    ]
    existing = {name: line(f"{name}=={version}") for name, version in preferred.items()}
    resolver = borrowed.BacktrackingResolver(
        constraints=[*wanted, *bounds],
        existing_constraints=existing,
        repository=repository,
        allow_unsafe=True,
    )
    # Each round but the last gives up at least one preference.
    resolver.resolve(max_rounds=len(existing) + 1)
    result = getattr(repository.command.resolver, "_result", None)
    if result is None:
        raise moved("pip._internal.resolution.resolvelib.resolver.Resolver._result")
    found = list(result.mapping.values())
    extras: dict[str, frozenset[str]] = {}
    for candidate in found:
        if isinstance(candidate, borrowed.ExtrasCandidate):
            name = canonicalize_name(candidate.project_name)
            extras[name] = extras.get(name, frozenset()) | frozenset(candidate.extras)
    candidates: dict[str, Any] = {
        canonicalize_name(candidate.project_name): candidate
        for candidate in found
        if candidate.get_install_requirement() is not None
    }
    refuse_unsound(candidates, extras, question)
    return candidates, extras
