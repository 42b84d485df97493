"""What every resolver promises, whoever chooses the versions behind it."""

from __future__ import annotations

from typing import Protocol

import pytest

from scriptlock.errors import (
    ConflictingRequirements,
    NoCompatibleWheel,
    NoMatchingVersion,
    PythonExcluded,
    ResolutionError,
    UnknownPackage,
)
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Choice, Resolution, Resolver
from support.index import Index
from support.resolvers import (
    LINUX,
    WINDOWS,
    FakeResolver,
    pin,
    request_for,
    versions,
)
from support.wheels import Wheel, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")


class Given(Protocol):
    """Makes a resolver that knows these wheels and no others."""

    def __call__(self, *wheels: Wheel) -> Resolver: ...


@pytest.fixture(params=["pip-tools", "fake"])
def given(request: pytest.FixtureRequest, index: Index) -> Given:
    def given(*wheels: Wheel) -> Resolver:
        if request.param == "fake":
            return FakeResolver(wheels)
        index.add(*wheels)
        return PipTools()

    return given


def choice(file: Wheel) -> Choice:
    return Choice(name=file.name, version=file.version, hashes=(file.hash,))


def test_the_newest_versions_are_chosen_with_all_that_they_require(given: Given) -> None:
    top = wheel("top", "2.0", requires=["middle>=1"])
    middle, bottom = wheel("Middle", "1.5", requires=["bottom"]), wheel("bottom", "0.1")
    resolver = given(wheel("top", "1.0"), bottom, top, middle)

    found = resolver.resolve(request_for("top"))

    assert found == (Resolution(target=LINUX, choices=(choice(bottom), choice(middle), choice(top))),)


def test_each_target_gets_the_best_file_for_it_in_the_order_of_the_request(given: Given) -> None:
    anywhere = wheel("fast", "1.0")
    linux = wheel("fast", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    windows = wheel("fast", "1.0", tag="cp313-cp313-win_amd64")
    resolver = given(anywhere, linux, windows)

    found = resolver.resolve(request_for("fast", targets=(WINDOWS, LINUX)))

    assert [(one.target, one.choices) for one in found] == [
        (WINDOWS, (choice(windows),)),
        (LINUX, (choice(linux),)),
    ]


def test_who_asks_for_nothing_gets_nothing(given: Given) -> None:
    found = given().resolve(request_for(targets=(LINUX, WINDOWS)))

    assert found == (Resolution(target=LINUX, choices=()), Resolution(target=WINDOWS, choices=()))


def test_a_requirement_counts_only_where_its_marker_is_true(given: Given) -> None:
    resolver = given(wheel("both", "1.0", requires=["deeper; os_name == 'nt'"]), wheel("deeper", "1"))

    found = resolver.resolve(
        request_for("both", "missing; sys_platform == 'darwin'", targets=(LINUX, WINDOWS))
    )

    assert [versions(one) for one in found] == [{"both": "1.0"}, {"both": "1.0", "deeper": "1"}]


def test_extras_bring_what_they_require(given: Given) -> None:
    resolver = given(
        wheel("tool", "1.0", extras={"fast": ["speed"], "all": ["tool[fast]", "more"]}),
        wheel("speed", "3"),
        wheel("more", "4"),
    )

    (fast,) = resolver.resolve(request_for("tool[fast]"))
    (everything,) = resolver.resolve(request_for("tool[all]"))

    assert versions(fast) == {"speed": "3", "tool": "1.0"}
    assert versions(everything) == {"more": "4", "speed": "3", "tool": "1.0"}


def test_preferred_pins_are_kept_where_they_apply(given: Given) -> None:
    resolver = given(wheel("tool", "1.0"), wheel("tool", "2.0"))
    preferred = [pin("tool", "1.0", "sys_platform == 'linux'")]

    found = resolver.resolve(request_for("tool", targets=(LINUX, WINDOWS), preferred=preferred))

    assert [versions(one) for one in found] == [{"tool": "1.0"}, {"tool": "2.0"}]


@pytest.mark.parametrize("requirement", ["tool>1", "tool==2.0", "tool~=2.0"])
def test_a_preference_that_does_not_fit_is_forgotten(given: Given, requirement: str) -> None:
    resolver = given(wheel("tool", "1.0"), wheel("tool", "2.0"))
    preferred = [pin("tool", "1.0"), pin("gone", "1")]

    (found,) = resolver.resolve(request_for(requirement, preferred=preferred))

    assert versions(found) == {"tool": "2.0"}


def test_constraints_bound_what_is_asked_for_and_ask_for_nothing(given: Given) -> None:
    resolver = given(
        wheel("tool", "1.0", requires=["part"]), wheel("part", "1"), wheel("part", "2"), wheel("other", "1")
    )

    (found,) = resolver.resolve(
        request_for("tool", constraints=["part<2", "other==1", "tool<1; os_name == 'nt'"])
    )

    assert versions(found) == {"part": "1", "tool": "1.0"}


def test_prereleases_are_for_those_who_want_them(given: Given) -> None:
    resolver = given(wheel("tool", "1.0"), wheel("tool", "2.0rc1"))

    (quiet,) = resolver.resolve(request_for("tool"))
    (brave,) = resolver.resolve(request_for("tool", prereleases=True))

    assert [versions(quiet), versions(brave)] == [{"tool": "1.0"}, {"tool": "2.0rc1"}]


@pytest.mark.parametrize(
    ("requirement", "kind"),
    [
        ("missing", UnknownPackage),
        ("needy", UnknownPackage),
        ("tool>7", NoMatchingVersion),
        ("picky", NoCompatibleWheel),
        ("modern", PythonExcluded),
    ],
)
def test_what_cannot_be_had_is_told_apart_and_names_the_requirement(
    given: Given, requirement: str, kind: type[ResolutionError]
) -> None:
    resolver = given(
        wheel("fine", "1.0"),
        wheel("tool", "1.0"),
        wheel("needy", "1.0", requires=["missing>=2"]),
        wheel("picky", "1.0", tag="cp313-cp313-win_amd64"),
        wheel("modern", "1.0", requires_python=">=3.12"),
    )

    with pytest.raises(ResolutionError) as caught:
        resolver.resolve(request_for("fine", requirement))

    assert (type(caught.value), caught.value.requirements) == (kind, (requirement,))


def test_requirements_that_exclude_each_other_are_a_conflict(given: Given) -> None:
    resolver = given(wheel("tool", "1.0", requires=["part<2"]), wheel("part", "1"), wheel("part", "2"))

    with pytest.raises(ConflictingRequirements):
        resolver.resolve(request_for("part>=2", "tool"))
