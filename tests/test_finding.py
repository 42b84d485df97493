"""Short lists of candidates, out of which pip's resolver would try the same as out of its own long ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from scriptlock.resolve.access import Access
from scriptlock.resolve.borrowed import borrow
from scriptlock.resolve.finding import ShortLists
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.protocol import make_order
from scriptlock.targets import make_target
from support.resolvers import indexes_for, request_for

BORROWED = borrow()
TARGETS = (
    make_target("linux-x86_64", (3, 12)),
    make_target("windows-amd64", (3, 12)),
    make_target("macos-arm64", (3, 13)),
)
TAGS = (
    "py3-none-any",
    "py2.py3-none-any",
    "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "cp312-cp312-manylinux_2_28_x86_64",
    "cp39-abi3-win_amd64",
    "cp313-cp313-macosx_11_0_arm64",
)

links = st.builds(
    lambda version, build, tag, python, reason: BORROWED.Link(
        f"https://files.example/tool-{version}{build}-{tag}.whl",
        requires_python=python,
        yanked_reason=reason,
    ),
    st.sampled_from(["1", "1.0", "2", "2.post1", "2+local", "3b1", "3rc1", "3", "4.dev1", "1!0.1"]),
    st.sampled_from(["", "", "-1", "-2b"]),
    st.sampled_from(TAGS),
    st.sampled_from([None, None, None, ">=3.13", "<3.13", "nonsense"]),
    st.sampled_from([None, None, None, "", "bad"]),
)
specifiers = st.lists(
    st.sampled_from(
        [
            ">=2",
            "<3",
            "!=3",
            "==2",
            "==2.*",
            "==2+local",
            "~=2.0",
            ">=3b1",
            "<3b2",
            "==3rc1",
            "===2",
            ">1!0",
            ">4",
        ]
    ),
    max_size=2,
    unique=True,
).map(",".join)


@cache
def pips_finder(number: int, *, prereleases: bool) -> Any:
    """Return pip's finder for a target as the worker has pip make it; it asks nobody before it is told to."""
    request = request_for("tool", index_url="https://index.example/simple/", prereleases=prereleases)
    order = make_order(request, folder="/", cache_dir=None)
    access = Access(BORROWED, indexes_for(BORROWED, order, {}), order)
    return access.repository(TARGETS[number]).finder


def tries(applicable: Any, *, is_pinned: bool) -> Iterator[tuple[Any, str]]:
    """Yield the version and the file of each candidate that pip's resolver would try, in its order."""
    all_yanked = all(candidate.link.is_yanked for candidate in applicable)
    versions = set()
    for candidate in reversed(applicable):
        if candidate.link.is_yanked and not (all_yanked and is_pinned):
            continue
        if candidate.version not in versions:
            yield candidate.version, candidate.link.filename
            versions.add(candidate.version)


def link(filename: str, reason: str | None = None) -> Any:
    return BORROWED.Link(f"https://files.example/{filename}", yanked_reason=reason)


@settings(max_examples=200)
@given(
    listed=st.lists(links, max_size=8, unique_by=lambda link: link.filename),
    number=st.sampled_from(range(len(TARGETS))),
    text=specifiers,
    prereleases=st.booleans(),
)
@example(
    listed=[link("tool-1-py3-none-any.whl", "bad"), link("tool-2b1-py3-none-any.whl")],
    number=0,
    text="",
    prereleases=False,
)
def test_pip_tries_the_same_as_if_it_had_gone_through_all_files(
    listed: list[Any], number: int, text: str, *, prereleases: bool
) -> None:
    from pip._vendor.packaging.specifiers import SpecifierSet

    target, specifier = TARGETS[number], SpecifierSet(text)
    finder = pips_finder(number, prereleases=prereleases)
    known = finder.evaluate_links(finder.make_link_evaluator("tool"), listed)
    evaluator = finder.make_candidate_evaluator("tool", specifier=specifier)
    long = evaluator.get_applicable_candidates(known)
    lists = ShortLists(BORROWED, Offers(lambda _: listed, lambda _: None), prereleases=prereleases)

    short = lists.best_candidates(target, "tool", specifier).applicable_candidates
    every = lists.all_candidates(target, "tool")

    event(f"{len(long)} of {len(known)} candidates")
    assert [*short] == [*reversed(short)]
    for is_pinned in (False, True):
        assert [*tries(short, is_pinned=is_pinned)] == [*tries(long, is_pinned=is_pinned)]
    assert all(one.link.is_yanked for one in short) is all(one.link.is_yanked for one in long)
    assert sorted({one.version for one in known}, reverse=True) == [one.version for one in every]
    assert {one.link for one in every} <= {one.link for one in known}
    assert {one.name for one in (*every, *short)} <= {"tool"}


def test_no_candidate_is_made_before_pip_comes_to_it() -> None:
    from pip._vendor.packaging.specifiers import SpecifierSet

    made: list[str] = []
    listed = [link(f"tool-{number}-py3-none-any.whl") for number in range(9)]
    borrowed = borrow()
    make = borrowed.InstallationCandidate

    def candidate(name: str, version: str, link: Any) -> Any:
        made.append(version)
        return make(name, version, link)

    borrowed.InstallationCandidate = candidate
    lists = ShortLists(borrowed, Offers(lambda _: listed, lambda _: None), prereleases=False)
    found = lists.best_candidates(TARGETS[0], "tool", SpecifierSet("<8"))

    before = [*made]

    first = next(reversed(found.applicable_candidates))

    # How many more are made is up to pip, whose older specifiers look at all before they filter.
    assert (before, str(first.version), made[0]) == ([], "7", "7")
