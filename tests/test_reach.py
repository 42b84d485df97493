"""The way to the indexes: what is asked ahead is asked once, and nobody's failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier

import pytest

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.reach import Reach
from support.index import Index, nothing_listens
from support.wheels import wheel

BORROWED = borrow_for_indexes()


@contextmanager
def reaching(url: str, folder: Path | None = None, *, refresh: bool = False) -> Iterator[Reach]:
    """Give the way to an index that is believed without encryption."""
    configured: dict[str, str | list[str]] = {"retries": "0", "trusted-host": ["127.0.0.1"]}
    with closing(
        Reach(
            BORROWED,
            configured,
            index_url=url,
            folder=str(folder) if folder else None,
            refresh=refresh,
        )
    ) as reach:
        yield reach


def page(reach: Reach, name: str) -> bytes:
    """Return a page as whoever looks into it gets it."""
    found = reach.collector.collect_sources(
        name, candidates_from_page=lambda link: [reach.collector.fetch_response(link).content]
    )
    ((text,),) = (source.page_candidates() for source in found.index_urls)
    return bytes(text)


def test_pages_are_asked_for_at_once_and_whoever_looks_into_them_gets_what_was_asked_for(
    index: Index,
) -> None:
    names = ("a", "b", "c")
    index.add(*(wheel(name, "1") for name in names))
    together = Barrier(len(names), timeout=30)
    index.on_request = lambda _: together.wait()

    with reaching(index.url) as reach:
        reach.ask_ahead(["A", "b[extra]>=1,<2", "c~=1.0"])
        pages = [page(reach, name) for name in names]

    assert all(f"{name}-1-py3-none-any.whl".encode() in text for name, text in zip(names, pages, strict=True))
    assert not together.broken
    assert sorted(index.requests) == [f"/simple/{name}/" for name in names]


def test_what_is_no_name_on_an_index_is_passed_over(index: Index) -> None:
    index.add(wheel("tool", "1"))

    with reaching(index.url) as reach:
        reach.ask_ahead(["no @ https://files.example/no-1-py3-none-any.whl", "b!!!d >", "tool"])
        page(reach, "tool")

    assert index.requests == ["/simple/tool/"]


def test_trouble_is_told_to_whoever_needs_the_page() -> None:
    with nothing_listens() as url, reaching(url) as reach:
        reach.ask_ahead(["tool"])

        with pytest.raises(IndexUnreachable):
            page(reach, "tool")


@pytest.mark.parametrize(("refresh", "asked"), [(False, 1), (True, 2)])
def test_a_page_that_was_kept_is_asked_for_again_only_where_that_is_wanted(
    index: Index, tmp_path: Path, *, refresh: bool, asked: int
) -> None:
    index.add(wheel("tool", "1"))
    with reaching(index.url, tmp_path) as reach:
        first = page(reach, "tool")

    with reaching(index.url, tmp_path, refresh=refresh) as reach:
        again = page(reach, "tool")

    assert again == first
    assert index.count == asked


def test_an_index_that_pip_would_quietly_ignore_is_refused() -> None:
    with pytest.raises(ResolutionError, match="pip ignores"):
        Reach(BORROWED, {}, index_url="http://index.example/simple/", folder=None)


def test_whoever_listens_late_is_told_that_an_index_was_asked(index: Index) -> None:
    index.add(wheel("tool", "1"))
    heard: list[str] = []

    with reaching(index.url) as reach:
        reach.wire.listen(lambda: heard.append("before"))
        before = [*heard]
        page(reach, "tool")
        reach.wire.listen(lambda: heard.append("late"))

    assert before == []
    assert heard == ["before", "late"]
