"""All targets of an order: each is given what fits of the others' solutions, or else solved by pip-tools."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from packaging.requirements import Requirement

from scriptlock.errors import IndexUnreachable, ResolutionError, UnknownPackage
from scriptlock.resolve.access import Access
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.choices import choices
from scriptlock.resolve.protocol import Question, failure, in_turn
from scriptlock.resolve.references import refuse_unpinnable
from scriptlock.resolve.replaced import Pinned
from scriptlock.resolve.solutions import Solution
from scriptlock.resolve.solve import solve
from scriptlock.resolve.urls import host
from scriptlock.resolve.walk import Walker


def answers(
    borrowed: Borrowed, access: Access, asked: Iterable[Question], pinned: Pinned
) -> list[dict[str, Any]]:
    """Return the answer to each question, as the protocol has it.

    :raises ResolutionError: if a target that is not optional has none, or an index does not answer.
    """
    several = list(asked)
    for question in several:
        for one in (*question.requirements, *question.constraints):
            refuse_unpinnable(Requirement(one["text"]), one["header"], access.indexes.allow_sdist)
    walker = Walker(access.indexes.offers)
    found: dict[int, dict[str, Any]] = {}
    for number in in_turn(several):
        question = several[number]
        try:
            answer = _answer(borrowed, access, walker, question)
            replaced = pinned.replaced(answer["choices"], access.indexes.listings)
            found[number] = {**answer, "replaced": replaced}
        except IndexUnreachable as error:
            error.requirements = error.requirements or _leading_to(error, question)
            raise
        except ResolutionError as error:
            # A name that is unknown is a mistake, whatever the target.
            if not question.is_optional or isinstance(error, UnknownPackage):
                raise _named(error, question, several) from error
            if not found:
                _refuse_hopeless(borrowed, access, several)
            found[number] = failure(error)
    return [found[number] for number in range(len(several))]


def _refuse_hopeless(borrowed: Borrowed, access: Access, several: Sequence[Question]) -> None:
    """Return if the first target that cannot do without a solution has one, as far as one can tell now.

    What fits nowhere would otherwise be told only when it was tried for every target that comes before,
    which takes pip minutes where there are many versions to go back to.

    :raises ResolutionError: if it has none.
    """
    question = next((one for one in several if not one.is_optional), None)
    if question is not None:
        try:
            solve(borrowed, access, question)
        except IndexUnreachable:  # it is asked again in its turn
            return
        except ResolutionError as error:
            raise _named(error, question, several) from error


def _answer(borrowed: Borrowed, access: Access, walker: Walker, question: Question) -> dict[str, Any]:
    solution, notes = walker.follow(question), list[str]()
    if solution is None:
        preferred = walker.keepable(question) | dict(question.preferred)
        solution, notes = solve(borrowed, access, replace(question, preferred=preferred))
        # What others have may be kept here, but not at the price of a newer version of something else.
        if len(preferred) > len(question.preferred) and walker.pays(question, solution):
            solution, notes = solve(borrowed, access, question)
        # Nor may a pin keep something old that is new here, or is to be chosen anew.
        while obstacles := walker.obstacles(question, solution):
            fewer = _without(question, obstacles)
            try:
                other, others_notes = solve(borrowed, access, fewer)
            except IndexUnreachable:
                raise
            except ResolutionError:  # pip may have gone another way, and too far
                break
            if not _has_newer(other, solution, question):
                break
            question, solution, notes = fewer, other, others_notes
        walker.learn(solution)
    return {"choices": choices(solution, access.indexes.download_sha256), "notes": notes}


def _without(question: Question, names: Collection[str]) -> Question:
    kept = {name: version for name, version in question.preferred.items() if name not in names}
    return replace(question, preferred=kept)


def _has_newer(one: Solution, other: Solution, question: Question) -> bool:
    """Return whether one solution has something newer than the other, apart from what was preferred."""
    return any(
        found.version < one.chosen[name].version
        for name, found in other.chosen.items()
        if name in one.chosen and name not in question.preferred
    )


def _leading_to(error: IndexUnreachable, question: Question) -> tuple[str, ...]:
    """Return the direct references to the host that an error is about."""
    return tuple(
        asked["header"]
        for asked in question.requirements
        if (url := Requirement(asked["text"]).url) and error.reason.startswith(f"{host(url)} ")
    )


def _named(error: ResolutionError, question: Question, several: Sequence[Question]) -> ResolutionError:
    if len(several) == 1 or str(question.target) in error.reason:
        return error
    reason = f"for {question.target}: {error.reason}"
    return type(error)(reason, error.requirements, error.hint)
