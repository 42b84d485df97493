"""Old pins: kept wherever they fit, and never in the way."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from scriptlock.errors import ConflictingRequirements, ResolutionError
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Resolution
from support.index import Index
from support.resolvers import LINUX, WINDOWS, answer_here, pin, request_for, versions
from support.wheels import wheel

RESOLVER = PipTools(start=answer_here)


@pytest.fixture
def chain(index: Index) -> None:
    """Offer old and new versions that only fit their like, and two packages beside them."""
    index.add(
        wheel("top", "1", requires=["middle<2"]),
        wheel("top", "2", requires=["middle"]),
        wheel("middle", "1", requires=["bottom<2"]),
        wheel("middle", "2", requires=["bottom>=2"]),
        wheel("bottom", "1"),
        wheel("bottom", "2"),
        wheel("beside", "1"),
        wheel("beside", "2"),
        wheel("new", "1", requires=["bottom>=2"]),
    )


OLD = [pin(name, "1") for name in ("beside", "bottom", "middle", "top")]


@pytest.mark.usefixtures("chain")
def test_all_pins_are_kept_while_they_fit() -> None:
    (found,) = RESOLVER.resolve(request_for("top", "beside", preferred=OLD))

    assert versions(found) == {"beside": "1", "bottom": "1", "middle": "1", "top": "1"}


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("wanted", ["new", "bottom>=2"])
def test_a_change_deep_down_frees_those_above_it_and_no_others(wanted: str) -> None:
    (found,) = RESOLVER.resolve(request_for("top", "beside", wanted, preferred=OLD))

    assert {name: version for name, version in versions(found).items() if name != "new"} == {
        "beside": "1",
        "bottom": "2",
        "middle": "2",
        "top": "2",
    }


@pytest.mark.usefixtures("chain")
def test_a_pin_of_one_platform_means_nothing_to_the_others() -> None:
    preferred = [pin("beside", "1", "os_name == 'nt'"), pin("beside", "2", "os_name == 'posix'")]

    found = RESOLVER.resolve(request_for("beside", targets=(WINDOWS, LINUX), preferred=preferred))

    assert [versions(one) for one in found] == [{"beside": "1"}, {"beside": "2"}]


def test_a_version_that_vanished_or_asks_for_another_python_is_given_up_alone(index: Index) -> None:
    index.add(wheel("gone", "2"), wheel("moved", "1", requires_python=">=3.12"), wheel("moved", "0.9"))
    index.add(wheel("rebuilt", "1", tag="cp313-cp313-win_amd64"), wheel("rebuilt", "0.9"))
    index.add(wheel("beside", "1"), wheel("beside", "2"))
    preferred = [pin(name, "1") for name in ("beside", "gone", "moved", "rebuilt")]

    (found,) = RESOLVER.resolve(request_for("gone", "moved", "rebuilt", "beside", preferred=preferred))

    assert versions(found) == {"beside": "1", "gone": "2", "moved": "0.9", "rebuilt": "0.9"}


def test_a_version_that_is_not_to_be_had_takes_nothing_else_back_for_years(index: Index) -> None:
    index.add(wheel("tool", "1"), wheel("tool", "2", requires=["part>=1"]), wheel("part", "1"))
    index.add(wheel("part", "2", requires_python=">=3.12"), wheel("beside", "1"), wheel("beside", "2"))
    preferred = [pin("part", "2"), pin("beside", "1")]

    (found,) = RESOLVER.resolve(request_for("tool", "beside", preferred=preferred))

    assert versions(found) == {"beside": "1", "part": "1", "tool": "2"}


@pytest.mark.parametrize("between", ["part>=2", "between"])
def test_what_is_new_is_as_new_as_it_can_be_and_only_pins_that_it_contradicts_are_given_up(
    between: str, index: Index
) -> None:
    index.add(wheel("tool", "1"), wheel("tool", "2", requires=[between]), wheel("part", "1"))
    index.add(wheel("part", "2", requires=["beside"]), wheel("beside", "1"), wheel("beside", "2"))
    index.add(wheel("between", "1", requires=["part>=2", "between"]))
    index.add(wheel("between", "2", requires_python=">=3.12"))
    preferred = [pin("part", "1"), pin("beside", "1")]

    (found,) = RESOLVER.resolve(request_for("tool", "part", "beside", preferred=preferred))

    assert versions(found).items() >= {"beside": "1", "part": "2", "tool": "2"}.items()


def test_a_pin_stays_where_giving_it_up_makes_nothing_newer(index: Index) -> None:
    index.add(wheel("tool", "1"), wheel("tool", "2", requires=["part>=2"]))
    index.add(wheel("part", "1"), wheel("part", "1.5"), wheel("part", "2"))
    index.add(wheel("top", "1", requires=["part<2"]))
    preferred = [pin("part", "1"), pin("top", "1")]

    (found,) = RESOLVER.resolve(request_for("tool", "part", "top", preferred=preferred))

    assert versions(found) == {"part": "1", "tool": "1", "top": "1"}


def test_a_yanked_pin_and_a_prerelease_are_kept_and_the_yank_is_told(index: Index) -> None:
    index.add(wheel("tool", "1"), yanked=True)
    index.add(wheel("tool", "2"), wheel("brave", "1"), wheel("brave", "2rc1"))

    (found,) = RESOLVER.resolve(
        request_for("tool", "brave", preferred=[pin("tool", "1"), pin("brave", "2rc1")])
    )

    assert versions(found) == {"brave": "2rc1", "tool": "1"}
    assert found.notes == ("tool 1 was yanked; it is kept because it is pinned",)


def test_more_pins_than_pip_tools_has_patience_for_are_given_up(index: Index) -> None:
    count = 15
    index.add(
        *(
            wheel(f"p{number}", version, requires=[f"p{number + 1}=={version}"] if number < count else [])
            for number in range(count + 1)
            for version in ("1", "2")
        )
    )
    preferred = [pin(f"p{number}", "1") for number in range(count + 1)]

    (found,) = RESOLVER.resolve(request_for("p0", f"p{count}==2", preferred=preferred))

    assert set(versions(found).values()) == {"2"}


def test_a_failure_is_explained_without_the_pins(index: Index) -> None:
    index.add(wheel("tool", "1", requires=["part<2"]), wheel("part", "1"), wheel("part", "2"))

    with pytest.raises(ResolutionError) as caught:
        RESOLVER.resolve(request_for("tool", "part>1", preferred=[pin("tool", "1"), pin("part", "1")]))

    assert str(caught.value) == (
        "no version of part satisfies everybody: the header wants part>1 and tool 1 wants part<2"
    )


NAMES = ("a", "b", "c")
NUMBERS = ("1", "2", "3")
wants = st.builds(
    "{}{}{}".format,
    st.sampled_from(NAMES),
    st.sampled_from(["<", "<=", "==", ">=", "!="]),
    st.sampled_from(NUMBERS),
)
universes = st.fixed_dictionaries(
    {(name, number): st.lists(wants, max_size=2) for name, number in product(NAMES, NUMBERS)}
)
"""What each version requires."""


def solutions(universe: Mapping[tuple[str, str], list[str]], roots: list[str]) -> Iterator[dict[str, str]]:
    """Yield every choice of versions that satisfies everybody."""
    for numbers in product((None, *NUMBERS), repeat=len(NAMES)):
        chosen = {name: number for name, number in zip(NAMES, numbers, strict=True) if number}
        asked = [*roots, *(text for pair in chosen.items() for text in universe[pair])]
        if all(
            (want := Requirement(text)).name in chosen and want.specifier.contains(chosen[want.name])
            for text in asked
        ):
            yield chosen


# pip's resolver called b 3 with c 3 an answer in the first, and never came back from the second.
UNSOUND = {
    ("a", "1"): ["c!=2", "c<=1"],
    ("a", "2"): ["a<1", "c!=1"],
    ("a", "3"): ["c==3"],
    ("b", "1"): ["b==3"],
    ("b", "2"): ["c<2", "c!=1"],
    ("b", "3"): ["c<=2", "a>=2"],
    ("c", "1"): ["c<=3", "b>=2"],
    ("c", "2"): ["b<3"],
    ("c", "3"): ["c!=2", "b!=1"],
}
ENDLESS = {
    ("a", "1"): ["b<2", "c>=1"],
    ("a", "2"): ["a!=3"],
    ("a", "3"): ["a>=2"],
    ("b", "1"): ["c!=3"],
    ("b", "2"): ["a<2", "a==2"],
    ("b", "3"): [],
    ("c", "1"): [],
    ("c", "2"): ["b<2", "c>=2"],
    ("c", "3"): ["c<=2", "a==2"],
}


@given(
    universe=universes,
    roots=st.lists(wants, min_size=1, max_size=2),
    kept=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NUMBERS)), unique_by=lambda pair: pair[0]
    ),
)
@example(universe=UNSOUND, roots=["c<=3"], kept=[("a", "3")])
@example(universe=ENDLESS, roots=["b>=1", "c<=3"], kept=[("a", "2")])
def test_what_has_a_solution_is_solved_whatever_is_preferred(
    universe: dict[tuple[str, str], list[str]], roots: list[str], kept: list[tuple[str, str]]
) -> None:
    possible = list(solutions(universe, roots))

    found = resolve(universe, roots, kept)

    assert (found is not None) == bool(possible)
    if found is not None:
        assert versions(found) in possible


@given(universe=universes, roots=st.lists(wants, min_size=1, max_size=2))
def test_a_solution_is_kept_when_it_is_preferred(
    universe: dict[tuple[str, str], list[str]], roots: list[str]
) -> None:
    possible = list(solutions(universe, roots))
    for chosen in possible[:2]:
        found = resolve(universe, roots, list(chosen.items()))

        assert found is not None
        assert all(chosen[name] == version for name, version in versions(found).items())


def resolve(
    universe: Mapping[tuple[str, str], list[str]], roots: list[str], kept: list[tuple[str, str]]
) -> Resolution | None:
    with Index() as index:
        index.add(*(wheel(name, number, requires=texts) for (name, number), texts in universe.items()))
        os.environ["PIP_INDEX_URL"] = index.url
        try:
            (found,) = RESOLVER.resolve(request_for(*roots, preferred=[pin(*pair) for pair in kept]))
        except ResolutionError:
            return None
        finally:
            del os.environ["PIP_INDEX_URL"]
    return found


def test_an_answer_that_pip_should_not_have_given_is_none(index: Index) -> None:
    index.add(*(wheel(name, number, requires=texts) for (name, number), texts in UNSOUND.items()))

    with pytest.raises(ConflictingRequirements) as caught:
        RESOLVER.resolve(request_for("c<=3"))

    assert caught.value.requirements == ("c<=3",)
