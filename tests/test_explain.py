"""Why there is no solution: sentences about rows of indexes and wishes, without either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from scriptlock.errors import (
    ConflictingRequirements,
    NoCompatibleWheel,
    NoMatchingVersion,
    PythonExcluded,
    ResolutionError,
    UnknownPackage,
)
from scriptlock.resolve.explain import explain
from scriptlock.resolve.wants import Bounds, File, PythonWant, Want
from scriptlock.resolve.wheels import describe
from scriptlock.targets import make_target
from support.resolvers import LINUX

ANY = frozenset({"py3-none-any"})


def file(version: str, *, tags: frozenset[str] | None = ANY, requires_python: str | None = None) -> File:
    return File(version=Version(version), tags=tags, requires_python=requires_python)


def want(name: str, specifier: str = "", parent: str | None = None) -> Want:
    return Want(name=name, specifier=SpecifierSet(specifier), parent=parent, header=(f"{name}-asked",))


def reason(
    wants: Sequence[Want],
    files: Mapping[str, Sequence[File]],
    pythons: Sequence[PythonWant] = (),
    bounds: Bounds | None = None,
) -> ResolutionError:
    return explain(wants, pythons, bounds or Bounds(target=LINUX), lambda name: files.get(name, ()))


def test_what_the_header_asks_for_is_blamed_before_what_others_require() -> None:
    error = reason([want("b", parent="a 1"), want("c")], {})

    assert (type(error), str(error)) == (UnknownPackage, "no index knows a package c")


def test_several_packages_for_another_python_are_told_each_with_its_newest_version() -> None:
    pythons = [
        PythonWant(package="b 9", specifier=">=3.12", header=("b",)),
        PythonWant(package="b 10", specifier=">=3.13", header=("b",)),
        PythonWant(package="a 1", specifier="<3", header=("top",)),
    ]

    error = reason([want("b")], {"b": [file("9")]}, pythons)

    assert (type(error), str(error), error.requirements) == (
        PythonExcluded,
        "a 1 needs Python <3 and b 10 needs Python >=3.13, but this is for CPython 3.11 on linux-x86_64",
        ("b", "top"),
    )


def test_a_requires_python_that_cannot_be_read_excludes_nobody() -> None:
    windows = frozenset({"cp311-cp311-win_amd64"})

    error = reason([want("a")], {"a": [file("1", tags=windows, requires_python="three")]})

    assert type(error) is NoCompatibleWheel


def test_an_allowed_source_counts_as_obtainable() -> None:
    bounds = Bounds(target=LINUX, allow_sdist=frozenset({"a"}))

    error = reason(
        [want("a", "<2"), want("a", ">2")], {"a": [file("1", tags=None), file("3")]}, bounds=bounds
    )

    assert type(error) is ConflictingRequirements


def test_a_file_of_unknown_age_is_not_too_new() -> None:
    bounds = Bounds(target=LINUX, exclude_newer=datetime(2026, 1, 1, tzinfo=UTC))

    error = reason([want("a", "<1")], {"a": [file("1")]}, bounds=bounds)

    assert str(error) == "no version fits a<1; there is only 1"


def test_a_long_conflict_is_told_in_a_sentence_of_moderate_length() -> None:
    wants = [want(f"p{number}", ">=1", parent=f"q{number} 1") for number in range(9)]

    error = reason(wants, {f"p{number}": [file("1")] for number in range(9)})

    assert str(error) == (
        "no choice of versions satisfies everybody: q0 1 wants p0>=1, q1 1 wants p1>=1, "
        "q2 1 wants p2>=1, q3 1 wants p3>=1 and 5 more"
    )


def test_of_a_conflict_with_many_versions_the_newest_are_named() -> None:
    wants = [want("a", ">=2"), *(want("a", "<2", parent=f"b {number}") for number in range(1, 12))]

    error = reason(wants, {"a": [file("1"), file("2")]})

    assert str(error) == "no version of a satisfies everybody: the header wants a>=2 and b 11 wants a<2"


@given(
    have=st.lists(st.sampled_from("123456"), min_size=1),
    wanted=st.lists(st.sampled_from(["<2", ">=2", "==3", "!=3", ">4", "<6"]), min_size=1, max_size=5),
)
def test_every_failure_has_a_reason_and_a_conflict_names_only_who_is_in_it(
    have: list[str], wanted: list[str]
) -> None:
    wants = [
        Want(name="a", specifier=SpecifierSet(text), parent=f"b{number} 1", header=(str(number),))
        for number, text in enumerate(wanted)
    ]

    error = reason(wants, {"a": [file(version) for version in have]})

    blamed = [SpecifierSet(wanted[int(number)]) for number in error.requirements]
    left = [version for version in have if all(version in specifier for specifier in blamed)]
    satisfiable = any(all(version in SpecifierSet(text) for text in wanted) for version in have)
    assert type(error) in {ConflictingRequirements, NoMatchingVersion}
    assert bool(left) == satisfiable  # what is blamed is impossible, if anything is


@pytest.mark.parametrize(
    ("wheels", "words"),
    [
        (["cp39-cp39-manylinux2014_x86_64", "cp310-cp310-manylinux_2_17_x86_64"], "CPython 3.9, 3.10"),
        (
            ["pp311-pypy311_pp73-manylinux_2_17_x86_64", "cp314-cp314t-linux_x86_64"],
            "CPython 3.14, PyPy 3.11",
        ),
        (["py2-none-any"], "Python 2"),
        (["graalpy311-x-manylinux_2_17_x86_64"], "graalpy311"),
        (["cp311-cp311-win32", "cp311-cp311-win_arm64"], "Windows arm64, Windows x86"),
        (["cp311-cp311-macosx_11_0_universal2"], "macOS universal2"),
        (["cp311-cp311-manylinux_2_39_x86_64"], "Linux x86_64 with glibc 2.39"),
        (["cp311-cp311-emscripten_4_0_wasm32"], "emscripten_4_0_wasm32"),
    ],
)
def test_wheels_are_described_by_what_keeps_them_from_fitting(wheels: list[str], words: str) -> None:
    assert describe([[tag] for tag in wheels], LINUX.tags) == words


@pytest.mark.parametrize(
    ("platform", "tags", "words"),
    [
        (
            "macos-arm64",
            ["macosx_14_0_arm64", "macosx_15_0_x86_64"],
            "macOS arm64 from 14.0 on, macOS x86_64",
        ),
        ("musllinux-x86_64", ["musllinux_1_3_x86_64"], "Linux x86_64 with musl 1.3"),
        (
            "linux-aarch64",
            ["manylinux_2_31_aarch64", "linux_armv7l"],
            "Linux aarch64 with glibc 2.31, Linux armv7l",
        ),
    ],
)
def test_wheels_for_newer_systems_of_the_platform_are_told_from_those_for_others(
    platform: str, tags: list[str], words: str
) -> None:
    wanted = make_target(platform, (3, 11)).tags

    assert describe([[f"cp311-cp311-{tag}"] for tag in tags], wanted) == words
