"""What is asked for ahead of the resolver: all that it needs, and nothing besides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from scriptlock.errors import IndexUnreachable, ScriptlockError
from scriptlock.resolve.access import Access
from scriptlock.resolve.answers import answers
from scriptlock.resolve.borrowed import borrow
from scriptlock.resolve.crew import Crew
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.prefetch import Prefetch, _Trail
from scriptlock.resolve.protocol import Question, failure, make_order, questions
from scriptlock.resolve.replaced import Pinned
from scriptlock.resolve.request import Request
from scriptlock.targets import Target
from support.index import Index
from support.pages import Answer
from support.resolvers import LINUX, WINDOWS, answer_here, indexes_for, pin, request_for, versions
from support.universes import TARGETS, Link, Universe, newest, roots, universes
from support.wheels import Wheel, wheel

FOR_LINUX, FOR_WINDOWS = "cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-win_amd64"


class Asked:
    """Has all that a universe has, and remembers who was asked for what.

    :param before: is called with each name of a package or file before it is answered.
    """

    def __init__(self, universe: Universe, before: Callable[[str], object] = str) -> None:
        self._universe = universe
        self._before = before
        self.pages: list[str] = []
        self.files: list[str] = []
        self.offers = Offers(self._listed, self._metadata)

    def _listed(self, name: str) -> Iterable[Link]:
        self.pages.append(name)
        self._before(name)
        return self._universe.links(name)

    def _metadata(self, link: Link) -> bytes:
        self.files.append(link.filename)
        self._before(link.filename)
        return next(file.metadata for file in self._universe.wheels if file.filename == link.filename)


def question(request: Request) -> Question:
    """Return what a request asks for its only target."""
    (asked,) = questions(make_order(request, folder="/", cache_dir=None))
    return asked


class ByHand(Crew):
    """Does nothing by itself."""

    def __init__(self) -> None:
        super().__init__(threads=0)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return self._steps.empty()

    def finish(self) -> None:
        """Do all that there is to do, in this thread."""
        while not self.is_idle:
            self._steps.put(None)
            self.work()


def asked_for(*wheels: Wheel, request: Request, yanked: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return what is asked for, by package: the versions whose metadata is."""
    asked = Asked(Universe(wheels=wheels, yanked=frozenset(yanked)))
    crew = ByHand()
    prefetch = Prefetch(asked.offers, crew)
    prefetch.start(question(request))
    crew.finish()
    assert len(asked.pages) == len({*asked.pages})
    assert len(asked.files) == len({*asked.files})
    found: dict[str, list[str]] = {name: [] for name in asked.pages}
    for filename in asked.files:
        name, version, *_ = filename.split("-")
        found[name].append(version)
    return found


def test_requirements_are_followed_as_far_as_markers_and_extras_go() -> None:
    wheels = [
        wheel("tool", "1", extras={"all": ["tool[more]"], "more": ["deep[last]"], "not": ["unknown"]}),
        wheel("deep", "1", requires=["tool"], extras={"last": ["end; sys_platform == 'linux'"]}),
        wheel(
            "end", "1", requires=["unknown; sys_platform == 'win32'", "no @ https://files.example/no-1.zip"]
        ),
    ]

    assert asked_for(*wheels, request=request_for("Tool[ALL]")) == {
        "tool": ["1"],
        "deep": ["1"],
        "end": ["1"],
    }


def test_the_bounds_of_several_parents_and_of_the_header_are_combined() -> None:
    parts = [wheel("part", version, requires=[f"end=={version}"]) for version in ("1", "2", "3", "4")]
    ends = [wheel("end", version) for version in ("1", "2", "3", "4")]
    both = [wheel("a", "1", requires=["part<4"]), wheel("b", "1", requires=["part!=3"])]

    found = asked_for(*both, *parts, *ends, request=request_for("a", "b", "part"))
    bound = asked_for(*parts, *ends, request=request_for("part", constraints=["part<3", "other<1"]))

    # What it knows first is that the header wants any, and what it knows in the end is what counts.
    assert found["part"][-1] == "2"
    assert found["end"][-1] == "2"
    assert bound == {"part": ["2"], "end": ["2"]}


def test_pins_that_fit_are_followed_in_place_of_newer_versions() -> None:
    wheels = [wheel(name, version) for name in ("tool", "part") for version in ("1", "2b1", "2", "3")]
    pins = [pin("tool", "2b1"), pin("part", "1")]

    assert asked_for(*wheels, request=request_for("tool", "part>1", preferred=pins)) == {
        "tool": ["2b1"],
        "part": ["3"],
    }


@pytest.mark.parametrize(
    ("text", "prereleases", "expected"),
    [
        ("tool", False, ["2"]),
        ("tool", True, ["3b1"]),
        ("tool>=2b1", False, ["3b1"]),
        ("tool>2", False, ["3b1"]),
        ("tool>3", False, []),
    ],
)
def test_what_a_resolver_would_not_take_is_not_asked_for(
    text: str, expected: list[str], *, prereleases: bool
) -> None:
    wheels = [
        wheel("tool", "1"),
        wheel("tool", "2"),
        wheel("tool", "2", tag=FOR_WINDOWS),
        wheel("tool", "3b1"),
        wheel("tool", "4", tag=FOR_WINDOWS),
        wheel("tool", "5", requires_python=">=3.12"),
        wheel("tool", "6"),
    ]
    yanked = [wheels[-1].filename]
    request = request_for(text, prereleases=prereleases)

    assert asked_for(*wheels, request=request, yanked=yanked) == {"tool": expected}


def test_a_question_is_followed_once_and_that_of_another_target_only_where_it_differs() -> None:
    asked = Asked(Universe(wheels=(wheel("tool", "1", tag=FOR_LINUX), wheel("tool", "1", tag=FOR_WINDOWS))))
    crew = ByHand()
    prefetch = Prefetch(asked.offers, crew)

    prefetch.start(question(request_for("tool")))
    crew.finish()
    prefetch.start(question(request_for("tool")))
    is_idle = crew.is_idle
    prefetch.start(question(request_for("tool", targets=[WINDOWS])))
    crew.finish()

    assert is_idle
    assert asked.pages == ["tool"]
    assert asked.files == [f"tool-1-{tag}.whl" for tag in (FOR_LINUX, FOR_WINDOWS)]


def test_what_a_resolver_came_upon_in_another_way_is_asked_for_in_a_hurry() -> None:
    asked = Asked(
        Universe(wheels=(wheel("part", "1"), wheel("part", "2", requires=["deep"]), wheel("deep", "1")))
    )
    crew = ByHand()
    prefetch = Prefetch(asked.offers, crew)
    told = wheel(
        "tool",
        "1",
        requires=[
            "part<2",
            "part",
            "deep; sys_platform == 'win32'",
            "deep; extra == 'x'",
            "no @ https://a.example/no.whl",
        ],
    )

    prefetch.hurry(question(request_for("tool")), told.metadata)
    crew.finish()

    assert (asked.pages, asked.files) == (["part"], ["part-1-py3-none-any.whl"])


def test_what_cannot_be_read_is_nothing_to_ask_for() -> None:
    crew = ByHand()
    prefetch = Prefetch(Asked(Universe(wheels=())).offers, crew)

    prefetch.hurry(question(request_for("tool")), b"Metadata-Version: 2.1\nRequires-Dist: b!!!d >\n")

    assert crew.is_idle


def test_one_that_is_not_awake_looks_at_what_the_header_names_and_follows_it_when_it_wakes() -> None:
    wheels = [
        wheel("tool", "1", requires=["part"]),
        wheel("part", "1", requires=["deep"]),
        wheel("deep", "1"),
    ]
    asked = Asked(Universe(wheels=tuple(wheels)))
    crew = ByHand()
    prefetch = Prefetch(asked.offers, crew, is_awake=False)

    prefetch.start(question(request_for("tool", "part", "no @ https://a.example/no.whl")))
    prefetch.hurry(question(request_for("tool")), wheels[1].metadata)
    crew.finish()
    before = (sorted(asked.pages), [*asked.files])
    prefetch.wake()
    crew.finish()
    prefetch.start(question(request_for("deep")))
    crew.finish()

    assert before == (["part", "tool"], [])
    assert sorted(asked.pages) == ["deep", "part", "tool"]
    assert sorted(asked.files) == [f"{name}-1-py3-none-any.whl" for name in ("deep", "part", "tool")]


class Lasting(Index):
    """Says how long its pages count."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = super().answer(path, headers)
        return replace(found, headers={**found.headers, "Cache-Control": "max-age=600"})


def test_where_all_is_kept_the_resolver_alone_follows_what_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[str] = []
    follow = _Trail.follow

    def listen(trail: _Trail, name: NormalizedName) -> Iterator[Requirement]:
        followed.append(name)
        return follow(trail, name)

    def resolve() -> tuple[dict[str, str], set[str], int]:
        followed.clear()
        index.reset()
        (found,) = PipTools(tmp_path, start=answer_here).resolve(request_for("tool"))
        return versions(found), {*followed}, index.count

    monkeypatch.setattr(_Trail, "follow", listen)
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    with Lasting() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "1", requires=["part"]), wheel("part", "1"))
        first, again = resolve(), resolve()
        for page in (tmp_path / "answers").iterdir():
            page.unlink()
        once_more = resolve()

    expected = {"tool": "1", "part": "1"}
    assert [(found, count) for found, _, count in (first, again, once_more)] == [
        (expected, 4),
        (expected, 0),
        (expected, 2),
    ]
    # Of what comes later, the resolver may be the first to ask.
    assert ["tool" in names for _, names, _ in (first, again, once_more)] == [True, False, True]
    assert again[1] == set()


def is_best_of_all(universe: Universe, name: str, version: Version, target: Target) -> bool:
    """Return whether a version is what everybody takes who is not kept from it."""
    offers = Asked(universe).offers
    found = ((one, offers.best(name, one, target)) for one in offers.versions(name))
    offered = [one for one, link in found if link is not None and not link.is_yanked]
    return version == offered[0] and not any(one.is_prerelease < version.is_prerelease for one in offered)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(universe=universes(), asked=roots, number=st.sampled_from(range(len(TARGETS))))
def test_all_that_a_resolution_without_conflicts_needs_is_asked_for_and_nothing_else(
    universe: Universe, asked: list[str], number: int
) -> None:
    target = TARGETS[number]
    best = newest(universe, asked, target)
    assume(best is not None)
    assert best is not None
    # Where nobody is kept from anything, nothing is asked for and given up again.
    assume(all(is_best_of_all(universe, name, version, target) for name, version in best.items()))
    event(f"{len(best)} packages")

    found = asked_for(*universe.wheels, request=request_for(*asked, targets=[target]), yanked=universe.yanked)

    assert found == {name: [str(version)] for name, version in best.items()}


class Trouble:
    """Fails for some names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, name: str) -> None:
        if name in self.names:
            raise IndexUnreachable(f"no answer for {name}")


def test_trouble_is_nobodys_until_somebody_needs_what_is_missing_and_meets_the_same() -> None:
    universe = Universe(wheels=(wheel("tool", "1", requires=["part", "other"]), wheel("other", "1")))
    asked = Asked(universe, Trouble("part", "other-1-py3-none-any.whl"))
    crew = ByHand()
    prefetch = Prefetch(asked.offers, crew)

    prefetch.start(question(request_for("tool")))
    crew.finish()

    with pytest.raises(IndexUnreachable, match="no answer for part"):
        asked.offers.versions("part")
    with pytest.raises(IndexUnreachable, match="no answer for other-1"):
        asked.offers.requires(asked.offers.best("other", Version("1"), LINUX))
    assert sorted(asked.pages) == ["other", "part", "tool"]
    assert len(asked.files) == 2


def test_several_are_asked_for_at_once_and_the_threads_end_when_nothing_more_is_wanted() -> None:
    together = Barrier(4, timeout=30)
    pages = {"a", "b", "c"}
    universe = Universe(wheels=tuple(wheel(name, "1") for name in pages))
    asked = Asked(universe, lambda name: together.wait() if name in pages else None)
    before = {*threading.enumerate()}
    crew = Crew(3)
    prefetch = Prefetch(asked.offers, crew)

    prefetch.start(question(request_for(*pages)))
    started = {*threading.enumerate()} - before
    together.wait()
    crew.close()
    for thread in started:
        thread.join(30)

    assert len(started) == 3
    assert not any(thread.is_alive() for thread in started)
    assert (sorted(asked.pages), together.broken) == (sorted(pages), False)


def test_nothing_more_is_begun_when_nobody_wants_it_any_more() -> None:
    met, closed = Barrier(2, timeout=30), threading.Event()
    universe = Universe(wheels=tuple(wheel(name, "1") for name in "abc"))

    def hold_back(_: str) -> None:
        if not closed.is_set():
            met.wait()
            closed.wait(30)

    asked = Asked(universe, hold_back)
    before = {*threading.enumerate()}
    crew = Crew(1)
    prefetch = Prefetch(asked.offers, crew)

    prefetch.start(question(request_for("a", "b", "c")))
    (started,) = {*threading.enumerate()} - before
    met.wait()
    crew.close()
    closed.set()
    started.join(30)

    assert not started.is_alive()
    assert len(asked.pages) == 1


def test_one_that_was_never_started_leaves_no_thread() -> None:
    before = threading.active_count()

    Crew().close()

    assert threading.active_count() == before


def test_an_index_that_waits_for_several_requests_at_once_gets_them(
    index: Index,
) -> None:
    names = ("a", "b", "c", "d")
    pages, files = Barrier(len(names), timeout=60), Barrier(len(names), timeout=60)
    index.add(wheel("tool", "1", requires=names), *(wheel(name, "1") for name in names))

    def hold_back(path: str) -> None:
        if "tool" not in path:
            (pages if path.startswith("/simple/") else files).wait()

    index.on_request = hold_back
    (found,) = PipTools(start=answer_here).resolve(request_for("tool"))

    assert versions(found) == dict.fromkeys((*names, "tool"), "1")
    assert (pages.broken, files.broken) == (False, False)


def answered(order: Mapping[str, Any], *, threads: int) -> object:
    """Return what the worker would answer, with that many threads ahead of the resolver."""
    borrowed = borrow()
    with closing(indexes_for(borrowed, order, {"retries": "0"})) as indexes:
        indexes.prefetch = Prefetch(indexes.offers, Crew(threads))
        try:
            return answers(borrowed, Access(borrowed, indexes, order), questions(order), Pinned(()))
        except ScriptlockError as error:
            return failure(error)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(universe=universes(), asked=roots)
def test_the_answer_is_the_same_as_if_nobody_had_asked_ahead(universe: Universe, asked: list[str]) -> None:
    with Index() as index:
        for file in universe.wheels:
            index.add(file, yanked=file.filename in universe.yanked)
        request = replace(
            request_for(*asked, targets=TARGETS[:3], index_url=index.url),
            optional=frozenset(map(str, TARGETS[:3])),
        )
        order = make_order(request, folder="/", cache_dir=None)
        alone = answered(order, threads=0)
        needed = index.requests
        index.reset()

        assert answered(order, threads=4) == alone
        assert len(index.requests) == len({*index.requests})
        event("more than was needed" if {*index.requests} - {*needed} else "nothing but what was needed")
        assert {*needed} <= {*index.requests}


@pytest.mark.parametrize("status", [404, 503])
def test_a_page_that_cannot_be_had_is_asked_for_once(status: int, index: Index) -> None:
    index.add(wheel("tool", "1", requires=["part"]))
    if status == 503:
        index.on_request = lambda path: index.break_down() if "part" in path else None

    with pytest.raises(ScriptlockError):
        PipTools(start=answer_here).resolve(request_for("tool", targets=(LINUX, WINDOWS)))

    assert index.requests.count("/simple/part/") == 1
