"""One worker for many orders: each gets the answer that it would get if it were the only one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from threading import active_count

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from scriptlock.errors import IndexUnreachable, ScriptlockError, UnknownPackage
from scriptlock.resolve.crew import THREADS
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Request, Resolution
from scriptlock.resolve.worker import MOST_SETTINGS
from scriptlock.targets import Target, make_target
from support.index import Index
from support.pages import Answer
from support.resolvers import LINUX, WINDOWS, answer_here, pin, request_for, versions, worker_here
from support.universes import TARGETS, Universe, roots, universes
from support.wheels import sdist, wheel

Told = list[object]
"""What came of an order, as values that are equal when they say the same."""


def told(resolver: PipTools, request: Request) -> Told:
    """Return what a resolver answers, or what it fails with."""
    try:
        return [*map(said_of, resolver.resolve(request))]
    except ScriptlockError as error:
        return [type(error), str(error), getattr(error, "requirements", ()), error.hint]


def said_of(resolution: Resolution) -> tuple[object, ...]:
    """Return what is told of a target: versions, files, notes, and why there is nothing of it."""
    files = [choice.hashes for choice in resolution.choices]
    return versions(resolution), files, resolution.notes, repr(resolution.unsolved)


def chosen(told: Told) -> object:
    """Return the versions that the only target got; None if it got none."""
    return told[0][0] if isinstance(told[0], tuple) else None


def together(requests: Iterable[Request]) -> list[Told]:
    """Return what one worker answers, one request after the other."""
    with worker_here() as worker:
        resolver = PipTools(start=worker)
        return [told(resolver, request) for request in requests]


def alone(requests: Iterable[Request]) -> list[Told]:
    """Return what as many workers answer."""
    return [told(PipTools(start=answer_here), request) for request in requests]


@pytest.fixture
def stocked(index: Index) -> Index:
    """An index with something for everybody."""
    index.add(
        wheel("tool", "1", requires=["part"]), wheel("tool", "3b1"), wheel("part", "1"), wheel("part", "2")
    )
    index.add(wheel("tool", "2", requires=["part<2"]), upload_time="2026-06-01T00:00:00Z")
    index.add(sdist("tool", "4"))
    return index


def test_pages_and_metadata_are_asked_for_once_for_all_orders(stocked: Index) -> None:
    requests = [
        request_for("tool"),
        request_for("tool>=2", "part"),
        request_for("part", targets=[WINDOWS]),
        request_for("tool<2", preferred=[pin("part", "1")]),
    ]

    found = together(requests)

    assert [chosen(one) for one in found] == [
        {"part": "1", "tool": "2"},
        {"part": "1", "tool": "2"},
        {"part": "2"},
        {"part": "1", "tool": "1"},
    ]
    assert sorted(stocked.requests) == sorted({*stocked.requests})


ORDERS: Mapping[str, Callable[[str], Request]] = {
    "as it is": lambda _: request_for("tool"),
    "another index": lambda other: request_for("tool", index_url=other),
    "an earlier moment": lambda _: request_for("tool", exclude_newer=datetime(2026, 3, 1, tzinfo=UTC)),
    "sources": lambda _: request_for("tool", allow_sdist=["tool"]),
    "pre-releases": lambda _: request_for("tool", prereleases=True),
    "another platform": lambda _: request_for("tool", "part", targets=[WINDOWS]),
    "a failure": lambda _: request_for("tool", "part>2"),
    "a name that nobody knows": lambda _: request_for("nobody"),
}
EXPECTED = {
    "as it is": {"part": "1", "tool": "2"},
    "another index": {"tool": "9"},
    "an earlier moment": {"part": "2", "tool": "1"},
    "sources": {"tool": "4"},
    "pre-releases": {"tool": "3b1"},
    "another platform": {"part": "1", "tool": "2"},
    "a failure": None,
    "a name that nobody knows": None,
}


def test_orders_with_other_settings_get_their_own_answers_in_whatever_order_they_come(stocked: Index) -> None:
    with Index() as other:
        other.add(wheel("tool", "9"))
        requests = {name: make(other.url) for name, make in ORDERS.items()}
        expected = dict(zip(requests, alone(requests.values()), strict=True))
        names = list(requests)
        turns = [names, names[::-1], names[4:] + names[:4], names[::2] + names[1::2], names + names]

        answers = [(turn, together(requests[name] for name in turn)) for turn in turns]

    for turn, found in answers:
        assert found == [expected[name] for name in turn]
    assert {name: chosen(one) for name, one in expected.items()} == EXPECTED


def test_pythons_of_one_minor_get_their_own_files(index: Index) -> None:
    index.add(wheel("tool", "1"), wheel("tool", "2", requires_python=">=3.11.4"))
    bounds = [">=3.11", ">=3.11.5", ">=3.11"]
    requests = [
        request_for("tool", targets=[make_target("linux-x86_64", (3, 11), requires=SpecifierSet(bound))])
        for bound in bounds
    ]

    found = together(requests)

    assert [chosen(one) for one in found] == [{"tool": "1"}, {"tool": "2"}, {"tool": "1"}]
    assert found == alone(requests)


def test_many_settings_take_no_more_threads_than_a_few(stocked: Index) -> None:
    requests = [
        request_for("tool", exclude_newer=datetime(2026, 7, day, tzinfo=UTC))
        for day in range(1, 3 * MOST_SETTINGS)
    ]
    before = active_count()

    with worker_here() as worker:
        resolver = PipTools(start=worker)
        found = [chosen(told(resolver, request)) for request in requests]
        at_most = before + (MOST_SETTINGS + 2) * THREADS  # those of the last one closed may still be ending
        assert active_count() <= at_most

    assert found == [{"part": "1", "tool": "2"}] * len(requests)
    assert at_most < before + len(requests) * THREADS


targets = st.sampled_from([TARGETS[:1], TARGETS[1:2], TARGETS[:3]])


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(universe=universes(), orders=st.lists(st.tuples(roots, st.booleans()), min_size=2, max_size=3))
def test_what_an_order_gets_does_not_depend_on_those_before_it(
    universe: Universe, orders: Sequence[tuple[list[str], bool]]
) -> None:
    with Index() as index:
        for file in universe.wheels:
            index.add(file, yanked=file.filename in universe.yanked)
        requests = [
            optional(request_for(*asked, targets=TARGETS[:2], index_url=index.url, prereleases=prereleases))
            for asked, prereleases in orders
        ]
        expected = alone(requests)

        assert together(requests) == expected
        assert together(requests[::-1]) == expected[::-1]
    event(f"{sum(chosen(one) is not None for one in expected)} answers")


def optional(request: Request) -> Request:
    return replace(request, optional=frozenset(map(str, request.targets)))


class Reticent(Index):
    """Refuses to say whether it has one package."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        return (
            Answer(status=HTTPStatus.FORBIDDEN)
            if path == "/simple/secret/"
            else super().answer(path, headers)
        )


def test_what_was_forbidden_to_one_order_is_no_reason_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with Reticent() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "1", requires=["unknown"]))
        requests = [request_for("secret"), request_for("tool")]
        expected = alone(requests)

        found = [together(requests), together(requests[::-1])]

    assert [one[0] for one in expected] == [IndexUnreachable, UnknownPackage]
    assert found == [expected, expected[::-1]]


@pytest.mark.parametrize("target", [LINUX, WINDOWS])
def test_an_index_that_would_be_ignored_is_told_to_each_who_asks(target: Target) -> None:
    insecure = request_for("tool", targets=[target], index_url="http://index.example/simple/")

    first, second = together([insecure, insecure])

    assert first == second
    assert "index.example, which is asked without encryption" in str(first[1])
