"""pip's finder with our short lists, beside the same finder without them, on pages of a real index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from scriptlock.errors import ResolutionError
from scriptlock.resolve.access import Access
from scriptlock.resolve.borrowed import borrow
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.protocol import make_order
from scriptlock.resolve.request import Request
from support.index import Index
from support.resolvers import LINUX, answer_here, indexes_for, request_for, versions
from support.wheels import sdist, wheel

BORROWED = borrow()
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO = "2026-01-01T00:00:00Z"


@contextmanager
def finders(request: Request, *places: Path | str) -> Iterator[tuple[Any, Any]]:
    """Give the finder that the worker uses for Linux, and pip's own; they share pages.

    :param places: where to find links, too.
    """
    order = make_order(request, folder="/", cache_dir=None)
    configured: dict[str, str | list[str]] = {"retries": "0", "find-links": [*map(str, places)]}
    with closing(indexes_for(BORROWED, order, configured)) as indexes:
        access = Access(BORROWED, indexes, order)
        ours, pips = (access.repository(LINUX).finder for _ in range(2))
        del pips.find_all_candidates, pips.find_best_candidate
        yield ours, pips


def found_by(finder: Any) -> set[str] | str:
    """Return the versions that a finder finds, or what it complains of."""
    try:
        return {str(candidate.version) for candidate in finder.find_all_candidates("Tool")}
    except BORROWED.PipError as error:
        return str(error)


times = st.sampled_from(
    [
        "2026-02-28T23:59:59.999999Z",
        "2026-03-01T00:00:00Z",
        "2026-03-01T00:00:00.000001Z",
        "2026-03-01T01:59:59+02:00",
        "2026-03-01T02:00:00+02:00",
        LONG_AGO,
    ]
)


@given(
    uploads=st.fixed_dictionaries(dict.fromkeys(("1", "2", "3b1", "4"), times)),
    undated=st.sampled_from([None] * 6 + ["4", "5"]),
)
def test_files_that_came_too_late_are_those_that_pip_leaves_out(
    uploads: dict[str, str], undated: str | None
) -> None:
    with Index() as index:
        for version, when in uploads.items():
            index.add(wheel("tool", version), upload_time=when)
        if undated:
            index.add(wheel("tool", undated), upload_time="")

        with finders(request_for("tool", index_url=index.url, exclude_newer=MOMENT)) as (ours, pips):
            found, expected = found_by(ours), found_by(pips)

    event("complains" if isinstance(expected, str) else f"{len(expected)} versions")
    assert found == expected


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a"), ("a",), ()])
def test_of_equal_files_in_several_places_the_one_is_taken_that_pip_takes(
    names: tuple[str, ...], index: Index, tmp_path: Path
) -> None:
    from pip._vendor.packaging.specifiers import SpecifierSet

    tool = wheel("tool", "1")
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir()
        for file in (tool, wheel("tool", "2")):
            (folder / file.filename).write_bytes(file.content)
    index.add(tool)

    with Index() as other:
        other.add(tool, wheel("tool", "2"))
        request = request_for("tool", index_url=index.url)
        with finders(request, f"{other.url}tool/", *folders) as several:
            for bound in map(SpecifierSet, ("==1", "")):
                ours, pips = (finder.find_best_candidate("tool", bound) for finder in several)
                first, second = (next(reversed(one.applicable_candidates)).link for one in (ours, pips))
                assert first == second


@pytest.mark.parametrize("exclude_newer", [None, MOMENT])
def test_of_each_version_only_the_best_file_is_found(index: Index, exclude_newer: datetime | None) -> None:
    index.add(wheel("tool", "1"), wheel("tool", "1", tag="py2.py3-none-any"), upload_time=LONG_AGO)
    request = request_for("tool", index_url=index.url, exclude_newer=exclude_newer)

    with finders(request) as (ours, pips):
        found, every = (finder.find_all_candidates("tool") for finder in (ours, pips))

    assert (len(found), len(every)) == (1, 2)
    assert found[0].link in {candidate.link for candidate in every}


def test_one_file_of_unknown_age_is_enough_to_complain_of_the_index(index: Index) -> None:
    index.add(wheel("tool", "1"), upload_time=LONG_AGO)
    index.add(wheel("tool", "0.1"), upload_time="")

    with pytest.raises(ResolutionError) as caught:
        PipTools(start=answer_here).resolve(request_for("tool", exclude_newer=MOMENT))

    assert str(caught.value) == (
        f"127.0.0.1:{index.port} does not tell when its files were uploaded, so exclude-newer cannot hold"
    )


def test_files_of_unknown_age_are_no_trouble_where_nobody_asks_for_it_or_wants_them(index: Index) -> None:
    index.add(wheel("tool", "1"), wheel("beside", "1"), upload_time="")
    index.add(wheel("dated", "1"))

    (any_time,) = PipTools(start=answer_here).resolve(request_for("tool"))
    (before,) = PipTools(start=answer_here).resolve(request_for("dated", exclude_newer=MOMENT))

    assert (versions(any_time), versions(before)) == ({"tool": "1"}, {"dated": "1"})


def test_a_package_that_may_come_as_source_is_found_in_every_way_that_pip_knows(index: Index) -> None:
    index.add(sdist("tool", "1"), wheel("tool", "2"))

    with finders(request_for("tool", index_url=index.url, allow_sdist=["tool"])) as (ours, pips):
        assert found_by(ours) == found_by(pips) == {"1", "2"}
    with finders(request_for("tool", index_url=index.url)) as (ours, pips):
        assert found_by(ours) == found_by(pips) == {"2"}


def test_who_asks_for_any_version_or_a_certain_file_gets_pips_own_answer(index: Index) -> None:
    from pip._internal.utils.hashes import Hashes
    from pip._vendor.packaging.specifiers import SpecifierSet

    old = wheel("tool", "1")
    index.add(old, wheel("tool", "2"))
    certain = Hashes({"sha256": [old.sha256]})

    with finders(request_for("tool", index_url=index.url)) as (ours, pips):
        for finder in (ours, pips):
            every = finder.find_best_candidate("tool")
            one = finder.find_best_candidate("tool", SpecifierSet(), certain)
            assert [str(found.best_candidate.version) for found in (every, one)] == ["2", "1"]
