"""Many resolutions become one lock, whose markers say exactly what was chosen where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import InvalidFooter, ResolutionError
from scriptlock.model import Lock, Pin
from scriptlock.resolve.request import Choice, Resolution
from scriptlock.resolve.universal import environments, merge, verify
from scriptlock.targets import PLATFORMS, Target, make_target, select

DIGESTS = [f"sha256:{digit * 64}" for digit in "0123456789abcdef"]
DEFAULT = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-amd64")
GRID = tuple(make_target(platform, (3, minor)) for platform in DEFAULT for minor in (11, 12, 13, 14))


def choice(name: str, version: str, *hashes: str) -> Choice:
    return Choice(name=canonicalize_name(name), version=Version(version), hashes=hashes or (DIGESTS[0],))


def resolution(target: Target, *choices: Choice) -> Resolution:
    return Resolution(target=target, choices=choices)


def lock_of(resolutions: Iterable[Resolution]) -> Lock:
    resolutions = tuple(resolutions)
    return Lock(
        pins=merge(resolutions),
        environments=environments(each.target for each in resolutions),
        inputs="v1:" + "0" * 32,
    )


def test_what_every_target_gets_needs_no_marker() -> None:
    pins = merge([resolution(target, choice("six", "1.17.0")) for target in GRID])

    assert pins == (Pin(name=canonicalize_name("six"), version=Version("1.17.0"), hashes=(DIGESTS[0],)),)


@pytest.mark.parametrize(
    ("where", "marker"),
    [
        (lambda t: t.platform == "windows-amd64", "sys_platform == 'win32'"),
        (lambda t: t.platform != "windows-amd64", "sys_platform != 'win32'"),
        (lambda t: t.platform == "linux-aarch64", "platform_machine == 'aarch64'"),
        (lambda t: t.platform.startswith("linux"), "sys_platform == 'linux'"),
        (lambda t: t.python < (3, 13), "python_version < '3.13'"),
        (lambda t: t.python == (3, 12), "python_version == '3.12'"),
        (lambda t: t.python in {(3, 12), (3, 13)}, "python_version >= '3.12' and python_version < '3.14'"),
        (
            lambda t: t.platform == "windows-amd64" and t.python == (3, 11),
            "sys_platform == 'win32' and python_version < '3.12'",
        ),
        (
            lambda t: t.platform == "windows-amd64" or t.python == (3, 14),
            "python_version >= '3.14' or sys_platform == 'win32'",
        ),
    ],
)
def test_a_marker_is_as_short_as_it_can_be(where: object, marker: str) -> None:
    assert callable(where)
    resolutions = [resolution(t, *([choice("six", "1")] if where(t) else [])) for t in GRID]

    assert [pin.marker for pin in merge(resolutions)] == [Marker(marker)]


def test_one_name_has_one_set_of_hashes_and_its_newest_version_first() -> None:
    old, new = (choice("numpy", "2.2.6", DIGESTS[2]), choice("numpy", "2.3.4", DIGESTS[1]))

    pins = merge([resolution(target, old if target.python == (3, 11) else new) for target in GRID])

    both = (DIGESTS[1], DIGESTS[2])
    assert [(str(pin.version), str(pin.marker), pin.hashes) for pin in pins] == [
        ("2.3.4", 'python_version >= "3.12"', both),
        ("2.2.6", 'python_version < "3.12"', both),
    ]


def test_targets_that_no_marker_tells_apart_cannot_have_different_versions() -> None:
    glibc, musl = make_target("linux-x86_64", (3, 12)), make_target("musllinux-x86_64", (3, 12))

    with pytest.raises(ResolutionError, match="torch needs different versions on targets that no marker"):
        merge([resolution(glibc, choice("torch", "2")), resolution(musl, choice("torch", "1"))])


def test_targets_that_no_marker_tells_apart_may_have_different_files() -> None:
    glibc, musl = make_target("linux-x86_64", (3, 12)), make_target("musllinux-x86_64", (3, 12))

    (pin,) = merge(
        [
            resolution(glibc, choice("torch", "2", DIGESTS[3])),
            resolution(musl, choice("torch", "2", DIGESTS[1])),
        ]
    )

    assert (pin.marker, pin.hashes) == (None, (DIGESTS[1], DIGESTS[3]))


def test_environments_name_each_platform_and_each_unbroken_run_of_pythons() -> None:
    targets = [make_target("linux-x86_64", (3, minor)) for minor in (9, 10, 11, 13)]

    markers = environments([*targets, make_target("windows-amd64", (3, 13))])

    linux = "sys_platform == 'linux' and platform_machine == 'x86_64'"
    assert markers == (
        Marker(f"{linux} and python_version >= '3.9' and python_version < '3.12'"),
        Marker(f"{linux} and python_version == '3.13'"),
        Marker("sys_platform == 'win32' and platform_machine == 'AMD64' and python_version == '3.13'"),
    )


@given(st.sets(st.sampled_from(GRID_INDICES := range(len(GRID))), min_size=1))
def test_environments_are_true_on_their_targets_and_on_no_other(chosen: set[int]) -> None:
    markers = environments(GRID[i] for i in chosen)

    true_on = {i for i in GRID_INDICES if any(m.evaluate(dict(GRID[i].markers)) for m in markers)}
    assert true_on == chosen


targets = st.lists(
    st.builds(make_target, st.sampled_from(sorted(PLATFORMS)), st.tuples(st.just(3), st.integers(9, 15))),
    min_size=1,
    max_size=12,
    unique_by=lambda target: str(target.marker),
)


@given(targets, st.data())
def test_every_target_gets_exactly_what_was_chosen_for_it(targets: list[Target], data: st.DataObject) -> None:
    versions = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", "3.0a1"]))
    resolutions = [
        resolution(target, *(choice(name, version) for name, version in sorted(data.draw(versions).items())))
        for target in targets
    ]

    verify(lock_of(resolutions), resolutions)


def test_a_lock_that_pins_something_twice_on_one_target_is_refused() -> None:
    lock = lock_of([resolution(GRID[0], choice("six", "2")), resolution(GRID[1], choice("six", "1"))])
    everywhere = replace(lock, pins=tuple(replace(pin, marker=None) for pin in lock.pins))

    with pytest.raises(InvalidFooter, match="the lock pins six to both 2 and 1 here"):
        select(everywhere, GRID[0].markers)


def test_a_lock_that_gives_a_target_something_else_is_found_out() -> None:
    resolutions = [resolution(target, choice("six", "1")) for target in GRID]
    lock = lock_of(resolutions)

    with pytest.raises(AssertionError, match="other than chosen"):
        verify(lock, [resolution(GRID[0], choice("six", "2"))])
