"""From a header and a grid to a lock: who is asked for what, what is left out, and where errors point."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock import parse
from scriptlock.errors import NoCompatibleWheel, ResolutionError
from scriptlock.grid import Grid, make_grid
from scriptlock.header import Header
from scriptlock.locking import make_lock
from scriptlock.model import Lock
from scriptlock.resolve.request import Choice, Request, Resolution
from scriptlock.targets import Target, make_target
from support.resolvers import pin
from support.scripts import script

HOST, WINDOWS, MACOS = (make_target(one, (3, 12)) for one in ("linux-x86_64", "windows-amd64", "macos-arm64"))
DIGEST = f"sha256:{'a' * 64}"
PYTHONS = ">=3.12,<3.14"
REASON = "no file for {0}"


class Scripted:
    """Gives every target a tool, but those that are listed.

    :param lacking: why there is none for a platform, or for a target as text.
    """

    def __init__(self, lacking: Mapping[str, str] | None = None) -> None:
        self.lacking = lacking or {}
        self.requests: list[Request] = []

    def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
        self.requests.append(request)
        tool = Choice(name=canonicalize_name("tool"), version=Version("1"), hashes=(DIGEST,))
        found = []
        for target in request.targets:
            reason = self.lacking.get(str(target)) or self.lacking.get(target.platform)
            if reason is None:
                found.append(Resolution(target=target, choices=(tool,), notes=("tool is odd",)))
                continue
            error = NoCompatibleWheel(reason.format(target), ("tool",))
            if str(target) not in request.optional:
                raise error
            found.append(Resolution(target=target, choices=(), unsolved=error))
        return tuple(found)


def header_of(*dependencies: str, settings: tuple[str, ...] = (), requires_python: str = PYTHONS) -> Header:
    header = parse(script(*dependencies, requires_python=requires_python, settings=settings)).header
    assert header is not None
    return header


def locked(header: Header, resolver: Scripted, grid: Grid | None = None) -> tuple[Lock, list[str]]:
    """Return the lock, and what a person is told."""
    notes: list[str] = []
    grid = grid or make_grid(header.settings.environments, header.requires_python, HOST)
    lock = make_lock(header, grid, resolver, preferred=(), exclude_newer=None, notify=notes.append)
    return lock, notes


def test_all_that_a_header_says_reaches_the_resolver() -> None:
    resolver = Scripted()
    settings = ('constraints = ["part<2"]', "prereleases = true", 'allow-sdist = ["Tool"]')
    header = header_of("tool>=1", settings=(*settings, 'index-url = "https://index.example/simple/"'))
    grid = Grid(targets=(HOST,))
    preferred = (pin("tool", "1"),)

    lock = make_lock(header, grid, resolver, preferred=preferred, exclude_newer=None, notify=print)

    assert resolver.requests == [
        Request(
            requirements=header.dependencies,
            targets=(HOST,),
            preferred=preferred,
            constraints=header.settings.constraints,
            index_url="https://index.example/simple/",
            prereleases=True,
            allow_sdist=frozenset({canonicalize_name("tool")}),
        )
    ]
    assert (lock.inputs, lock.index_url, lock.requires_python) == (
        header.inputs,
        "https://index.example/simple/",
        header.requires_python,
    )


def test_nobody_is_asked_for_nothing() -> None:
    resolver = Scripted()

    lock, notes = locked(header_of(), resolver, Grid(targets=(HOST,)))

    assert (lock.pins, notes, resolver.requests) == ((), [], [])
    assert lock.environments == (
        Marker("sys_platform == 'linux' and platform_machine == 'x86_64' and python_version == '3.12'"),
    )


def test_what_a_resolver_remarks_about_many_targets_is_told_once() -> None:
    assert locked(header_of("tool"), Scripted())[1] == ["tool is odd"]


@pytest.mark.parametrize(
    ("lacking", "notes"),
    [
        ({"macos-arm64": "no file"}, ["the lock leaves out CPython 3.12, 3.13 on macos-arm64: no file"]),
        (
            {"macos-arm64": REASON, "windows-amd64": f"for {{0}}: {REASON}"},
            ["the lock leaves out CPython 3.12, 3.13 on macos-arm64, windows-amd64: no file for it"],
        ),
        (
            {"windows-amd64": "tool 1 needs Python <3, but this is for {0}"},
            ["the lock leaves out CPython 3.12, 3.13 on windows-amd64: tool 1 needs Python <3"],
        ),
        (
            {"CPython 3.13 on linux-x86_64": "no", "linux-aarch64": "no"},
            [
                "the lock leaves out CPython 3.13 on linux-x86_64: no",
                "the lock leaves out CPython 3.12, 3.13 on linux-aarch64: no",
            ],
        ),
    ],
)
def test_what_is_left_out_for_one_reason_is_one_sentence(lacking: dict[str, str], notes: list[str]) -> None:
    lock, told = locked(header_of("tool"), Scripted(lacking))

    assert told == [*notes, "tool is odd"]
    for target in make_grid((), header_of().requires_python, HOST).targets:
        is_missing = str(target) in lacking or target.platform in lacking
        covers = any(marker.evaluate(dict(target.markers)) for marker in lock.environments)
        assert covers is not is_missing


def test_the_host_is_not_left_out() -> None:
    header = header_of("other", "tool")

    with pytest.raises(ResolutionError) as caught:
        locked(header, Scripted({str(HOST): "no file"}))

    assert (str(caught.value), caught.value.line) == ("no file", 5)


def test_a_named_platform_may_be_short_of_a_python_but_not_of_all() -> None:
    header = header_of("tool", settings=('environments = ["linux-x86_64", "windows"]',))

    lock, notes = locked(header, Scripted({"CPython 3.13 on windows-amd64": "no file"}))
    with pytest.raises(NoCompatibleWheel) as caught:
        locked(header, Scripted({"windows-amd64": "no file"}))

    assert notes[0] == "the lock leaves out CPython 3.13 on windows-amd64: no file"
    assert len(lock.environments) == 2
    assert (str(caught.value), caught.value.line) == ("no file", 4)


def test_a_target_that_a_marker_names_is_not_left_out() -> None:
    header = header_of("tool", settings=("environments = [\"sys_platform == 'win32'\"]",))

    with pytest.raises(NoCompatibleWheel, match="no file"):
        locked(header, Scripted({"CPython 3.13 on windows-amd64": "no file"}))


def test_an_error_about_something_that_is_not_in_the_header_points_at_the_header() -> None:
    class Failing(Scripted):
        def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
            raise ResolutionError("the index is on holiday", ("what nobody wrote",))

    with pytest.raises(ResolutionError) as caught:
        locked(header_of("tool"), Failing())

    assert caught.value.line == 1


class Careless(Scripted):
    """Finds nothing for some targets, and does not care whether they may do without."""

    def __init__(self, *lacking: Target) -> None:
        super().__init__()
        self.unsolved = [Resolution(target=one, choices=(), unsolved=_nothing_for(one)) for one in lacking]

    def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
        return tuple(
            next((lacking for lacking in self.unsolved if lacking.target == found.target), found)
            for found in super().resolve(request)
        )


def _nothing_for(target: Target) -> ResolutionError:
    return NoCompatibleWheel(f"nothing for {target}", ("tool",))


def test_a_target_that_is_not_optional_is_not_left_out_where_a_resolver_would() -> None:
    grid = Grid(targets=(WINDOWS, MACOS, HOST), optional=frozenset({str(WINDOWS)}))

    with pytest.raises(NoCompatibleWheel) as caught:
        locked(header_of("tool"), Careless(WINDOWS, HOST), grid)

    assert (str(caught.value), caught.value.line) == ("nothing for CPython 3.12 on linux-x86_64", 4)


def test_not_all_targets_are_left_out() -> None:
    grid = Grid(targets=(WINDOWS, HOST), optional=frozenset({str(WINDOWS), str(HOST)}))

    with pytest.raises(NoCompatibleWheel) as caught:
        locked(header_of("tool"), Careless(WINDOWS, HOST), grid)

    assert (str(caught.value), caught.value.line) == ("nothing for CPython 3.12 on windows-amd64", 4)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: (),
        lambda found: found[:1],
        lambda found: (*found, found[0]),
        lambda found: found[::-1],
        lambda found: (found[0], found[0]),
    ],
    ids="none fewer more turned another".split(),
)
def test_a_resolver_that_does_not_answer_for_each_target_is_a_bug(
    change: Callable[[tuple[Resolution, ...]], tuple[Resolution, ...]],
) -> None:
    class Confused(Scripted):
        def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
            return change(super().resolve(request))

    with pytest.raises(ValueError, match=r"^the resolver does not give one resolution for each target, in"):
        locked(header_of("tool"), Confused(), Grid(targets=(HOST, WINDOWS)))
