"""What a lock is made for, from what the header says and where it is made."""

from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags

from scriptlock.errors import InvalidScript
from scriptlock.grid import DEFAULT, RELEASES, SHORT_NAMES, Grid, adding, covered, make_grid, serves
from scriptlock.model import Lock
from scriptlock.targets import PLATFORMS, Target, host_target, make_target

HOST = make_target("linux-x86_64", (3, 12))
USUAL = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-amd64")
NEW = SpecifierSet(">=3.14")


def names(grid: Grid) -> list[str]:
    return [f"{target.platform} {target.markers['python_version']}" for target in grid.targets]


def of(*platforms: str, pythons: tuple[str, ...] = ("3.15", "3.14")) -> list[str]:
    return [f"{platform} {python}" for python in pythons for platform in platforms]


def odd_host(python: tuple[int, int] = (3, 14)) -> Target:
    """Return a Linux with a glibc that is older than what a target promises."""
    usual = make_target("linux-x86_64", python)
    tags = [tag for tag in usual.tags if "manylinux_2_28" not in tag]
    return host_target(usual.markers, tags)


def test_the_default_is_every_usual_platform_with_every_python_that_the_header_admits() -> None:
    host = make_target("linux-x86_64", (3, 14))

    assert names(make_grid((), NEW, host)) == of(*USUAL)


def test_without_requires_python_the_minors_from_the_hosts_on_count() -> None:
    grid = make_grid((), None, make_target("linux-x86_64", (3, 14)))

    assert names(grid) == of(*USUAL)


@pytest.mark.parametrize(
    ("requires", "pythons"),
    [
        (">=3.13", ["3.15", "3.14", "3.13"]),
        ("==3.11.*", ["3.11"]),
        (">=3.9,<3.11", ["3.10", "3.9"]),
        (">=3.13.4,<3.14.1", ["3.14", "3.13"]),
        (">3.13,!=3.14.*", ["3.15", "3.13"]),
        ("~=3.13", ["3.15", "3.14", "3.13"]),
    ],
)
def test_requires_python_chooses_the_minors_of_which_it_admits_any_release(
    requires: str, pythons: list[str]
) -> None:
    grid = make_grid(["windows"], SpecifierSet(requires), HOST)

    assert names(grid) == [f"windows-amd64 {python}" for python in pythons]


def test_a_target_is_the_oldest_release_that_requires_python_admits() -> None:
    grid = make_grid(["windows"], SpecifierSet(">=3.13.4,<3.15"), HOST)

    assert [target.markers["python_full_version"] for target in grid.targets] == ["3.14.0", "3.13.4"]


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_every_short_name_stands_for_its_platforms(name: str) -> None:
    grid = make_grid([name], SpecifierSet("==3.12.*"), make_target("macos-x86_64", (3, 12)))

    assert names(grid) == of(*[p for p in PLATFORMS if p in SHORT_NAMES[name]], pythons=("3.12",))


def test_the_order_of_names_is_not_the_order_of_targets() -> None:
    several = ["windows", "musllinux-x86_64", "linux"]

    assert make_grid(several, NEW, HOST) == make_grid(several[::-1], NEW, HOST)


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("sys_platform == 'win32'", of("windows-amd64")),
        ("sys_platform == 'linux' and platform_machine == 'aarch64'", of("linux-aarch64")),
        ("python_version == '3.14'", of(*USUAL, pythons=("3.14",))),
        ("platform_machine == 'ARM64'", of("windows-arm64")),
    ],
)
def test_a_marker_stands_for_the_usual_targets_that_it_is_true_on_or_else_for_rare_ones(
    marker: str, expected: list[str]
) -> None:
    grid = make_grid([marker], NEW, HOST)

    assert names(grid) == expected
    assert grid.optional == frozenset()


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ("plan9", "'plan9' is neither a platform nor a marker"),
        ("sys_platform ~= 'x'", "\"sys_platform ~= 'x'\" is neither a platform nor a marker"),
        ('os_name == "plan9"', "'os_name == \"plan9\"' is true on no platform and Python that we know"),
    ],
)
def test_what_is_neither_a_platform_nor_true_anywhere_is_an_error_that_lists_the_names(
    environment: str, reason: str
) -> None:
    with pytest.raises(InvalidScript) as caught:
        make_grid([environment], NEW, HOST)

    assert str(caught.value) == reason
    assert str(caught.value.hint).startswith("known are linux, macos, windows, linux-x86_64")


@pytest.mark.parametrize("requires", [SpecifierSet(">=3.99"), None])
def test_a_python_newer_than_all_we_know_has_none_elsewhere(requires: SpecifierSet | None) -> None:
    with pytest.raises(InvalidScript) as caught:
        make_grid(["windows", "macos"], requires, make_target("linux-x86_64", (3, 99)))

    assert str(caught.value) == "no Python that we know on windows, macos fits the script"


def test_by_default_all_but_the_host_is_optional_and_no_platform_is_needed() -> None:
    host = make_target("macos-arm64", (3, 14))

    grid = make_grid((), NEW, host)

    assert grid.optional == {str(target) for target in grid.targets} - {str(host)}
    assert grid.needed == frozenset()


def test_of_a_named_platform_one_python_is_needed() -> None:
    grid = make_grid(["linux", "windows"], NEW, make_target("windows-amd64", (3, 14)))

    assert grid.needed == {"linux-x86_64", "linux-aarch64", "windows-amd64"}
    assert grid.optional == {
        str(make_target(*place))
        for place in (
            ("linux-x86_64", (3, 15)),
            ("linux-x86_64", (3, 14)),
            ("linux-aarch64", (3, 15)),
            ("linux-aarch64", (3, 14)),
            ("windows-amd64", (3, 15)),
        )
    }


def test_the_host_is_left_out_where_the_environments_leave_it_out() -> None:
    assert names(make_grid(["windows"], NEW, HOST)) == of("windows-amd64")
    assert names(make_grid(["python_version >= '3.15'"], NEW, make_target("linux-x86_64", (3, 14)))) == of(
        *USUAL, pythons=("3.15",)
    )


def test_a_host_with_a_python_that_is_too_old_for_the_table_counts_where_it_fits() -> None:
    host = make_target("linux-x86_64", (3, 8))

    assert names(make_grid((), SpecifierSet("<3.9"), host)) == ["linux-x86_64 3.8"]


def test_a_host_like_none_of_the_platforms_is_a_target_beside_them() -> None:
    host = odd_host()

    by_default, named = make_grid((), NEW, host), make_grid(["linux"], NEW, host)

    assert names(by_default) == [*of(*USUAL), "this linux-x86_64 3.14"]
    assert names(named) == [*of("linux-x86_64", "linux-aarch64"), "this linux-x86_64 3.14"]
    assert str(host) not in named.optional
    assert host not in make_grid(["windows"], NEW, host).targets


def test_a_grid_does_not_depend_on_the_host_but_for_what_may_be_left_out() -> None:
    hosts = [make_target(platform, (3, 14)) for platform in USUAL]

    first, *others = [make_grid((), NEW, host).targets for host in hosts]

    assert [first] * len(others) == others


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_order_of_targets_is_the_tables_whichever_are_chosen(platform: str) -> None:
    host = make_target(platform, (3, 14))
    every = make_grid([*PLATFORMS], NEW, host).targets

    for environments in ([], ["windows"], ["windows", platform], ["macos-x86_64", "linux"]):
        chosen = make_grid(environments, NEW, host).targets

        assert chosen == tuple(target for target in every if target in chosen)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_target_accepts_the_tags_that_packaging_makes_for_its_platforms(platform: str) -> None:
    facts = PLATFORMS[platform]
    platforms = list(facts.tags(facts.machine))

    for python in RELEASES:
        abi = f"cp{python[0]}{python[1]}"
        tags = [*cpython_tags(python, [abi], platforms), *compatible_tags(python, abi, platforms)]
        assert make_target(platform, python).tags == tuple(map(str, tags))


def test_the_table_is_without_gaps_and_the_default_has_no_rare_platforms() -> None:
    assert [*RELEASES] == [(3, minor) for minor in range(9, 9 + len(RELEASES))]
    assert [*RELEASES.values()] == sorted(RELEASES.values())
    assert {platform for name in DEFAULT for platform in SHORT_NAMES[name]} == set(USUAL)


def test_what_a_lock_covers_is_read_from_its_markers() -> None:
    lock = Lock(
        pins=(),
        environments=(
            Marker("sys_platform == 'win32' and python_version >= '3.14'"),
            Marker("sys_platform == 'linux' and platform_machine == 'x86_64' and python_version == '3.11'"),
        ),
        inputs=f"v1:{'0' * 32}",
    )

    assert [str(target) for target in covered(lock)] == [
        "CPython 3.15 on windows-amd64",
        "CPython 3.15 on windows-arm64",
        "CPython 3.14 on windows-amd64",
        "CPython 3.14 on windows-arm64",
        "CPython 3.11 on linux-x86_64",
    ]


def lock_of(*markers: str) -> Lock:
    return Lock(pins=(), environments=tuple(map(Marker, markers)), inputs=f"v1:{'0' * 32}")


def test_a_lock_serves_a_grid_if_nothing_is_missing_but_what_may_be_left_out() -> None:
    host = make_target("windows-amd64", (3, 14))
    by_default, named = make_grid((), NEW, host), make_grid(["linux-x86_64", "windows"], NEW, host)
    windows, linux = "sys_platform == 'win32'", "sys_platform == 'linux' and python_version == '3.15'"

    assert [serves(lock_of(windows), grid) for grid in (by_default, named)] == [True, False]
    assert [serves(lock_of(windows, linux), grid) for grid in (by_default, named)] == [True, True]
    assert [serves(lock_of(linux), grid) for grid in (by_default, named)] == [False, False]


@pytest.mark.parametrize(
    ("environments", "host", "line"),
    [
        ((), HOST, None),
        (("linux",), HOST, None),
        (("linux-x86_64",), HOST, None),
        (("windows",), HOST, 'environments = ["windows", "linux"]'),
        (("linux",), make_target("macos-x86_64", (3, 12)), 'environments = ["linux", "macos-x86_64"]'),
        (("os_name == 'nt'",), HOST, 'environments = ["os_name == \'nt\'", "linux"]'),
    ],
)
def test_the_line_that_adds_a_host_has_its_name_where_one_is_missing(
    environments: tuple[str, ...], host: Target, line: str | None
) -> None:
    assert adding(environments, host.markers) == line


def test_a_host_without_a_name_is_added_by_a_marker_that_is_valid() -> None:
    markers = {**HOST.markers, "sys_platform": "freebsd14", "platform_machine": "amd64"}

    line = adding(["linux"], markers)

    marker = "sys_platform == 'freebsd14' and platform_machine == 'amd64'"
    assert line == f'environments = ["linux", "{marker}"]'
    assert Marker(marker).evaluate(dict(markers))
