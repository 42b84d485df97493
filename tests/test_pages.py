"""Pages of which the next process reads little: by version, it has to find what is on them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from packaging.version import Version

from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.pages import Page, by_version
from scriptlock.resolve.protocol import make_order
from scriptlock.resolve.rows import rows
from scriptlock.resolve.worker import Clerk
from support.index import Index
from support.pages import Answer
from support.resolvers import LINUX, WINDOWS, request_for
from support.wheels import wheel

URL = "https://index.example/simple/tool/"
make = partial(borrow_for_indexes().Link.from_json, page_url=URL)
names = st.builds(
    "{}-{}-{}".format,
    st.sampled_from(["tool", "tool", "Tool", "tool_kit"]),
    st.sampled_from(["1", "1.0", "1.0.0", "2", "2rc1", "2+local", "not_a_version"]),
    st.sampled_from(["py3-none-any.whl", "1-py3-none-any.whl", "cp312-cp312-win_amd64.whl", "any.whl"]),
)
others = st.sampled_from(["tool-1.tar.gz", "tool-3.zip", "tool.exe"])
odd = st.sampled_from(["tool-1%2Blocal-py3-none-any.whl", "tool-2-py3-none-any.whl#sha256=0"])
bodies = st.lists(
    st.fixed_dictionaries(
        {"url": st.one_of(names, names, names, others, odd).map("https://files.example/{}".format)},
        optional={"yanked": st.booleans(), "requires-python": st.sampled_from([">=3.12", None])},
    ),
    max_size=8,
).map(lambda files: json.dumps({"files": files}).encode())
Found = Mapping[Version, Sequence[str]]


def wheels(page: Page) -> Found:
    return {version: [*map(said, listed())] for version, listed in page.wheels().items()}


def said(listed: Any) -> str:
    """Return all that is told of a file."""
    link = getattr(listed, "link", listed)
    return f"{listed.filename} {link.url} {link.requires_python} {link.is_yanked}"


def plain(body: bytes) -> Found:
    return {version: [*map(said, found)] for version, found in by_version(rows(body, make), "tool").items()}


def ask_and_keep(folder: Path, body: bytes, versions: int) -> bool:
    """Ask a page for some versions and keep what was asked for, as a process does; return whether it was."""
    page = Page("tool", body, make, Kept(folder).rows(URL, "tool", body))
    for listed in [*page.wheels().values()][:versions]:
        listed()
    told = page.to_keep()
    if told:
        Kept(folder).keep_answer(URL, {"ETag": '"1"'}, body)
        Kept(folder).keep_rows(URL, "tool", body, *told)
    return told is not None


@given(body=bodies, first=st.integers(0, 4), then=st.integers(0, 4), cut=st.integers(0, 2000))
def test_of_a_page_that_was_kept_the_same_is_found(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, first: int, then: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("http")

    is_kept = ask_and_keep(folder, body, first)
    ask_and_keep(folder, body, then)

    event("kept" if is_kept else "not kept")
    assert wheels(Page("tool", body, make, Kept(folder).rows(URL, "tool", body))) == plain(body)
    for file in folder.rglob("rows/*"):
        content = file.read_bytes()
        damaged = bytearray(content)
        damaged[cut % len(content)] ^= 0x55
        for text in (damaged, content[: cut % len(content)]):
            file.write_bytes(text)
            assert wheels(Page("tool", body, make, Kept(folder).rows(URL, "tool", body))) == plain(body)


@given(body=bodies, allow_sdist=st.booleans())
@example(
    body=b'{"files": [{"url": "https://files.example/tool-1.0-py3-none-any.whl"},'
    b' {"url": "https://files.example/tool-1-py3-none-any.whl"}]}',
    allow_sdist=False,
)  # of two that are equal, the last one counts
def test_an_offer_is_the_same_of_a_page_as_of_its_rows(body: bytes, *, allow_sdist: bool) -> None:
    allowed = {"tool"} if allow_sdist else set[str]()
    page, listed = Page("tool", body, make), rows(body, make)
    ours = Offers(lambda _: [page], lambda _: None, allow_sdist=allowed)
    theirs = Offers(lambda _: listed, lambda _: None, allow_sdist=allowed)

    assert ours.versions("tool") == theirs.versions("tool")
    assert ours.rows == theirs.rows
    for version in theirs.versions("tool"):
        for target in (LINUX, WINDOWS):
            found = [offers.best("tool", version, target) for offers in (ours, theirs)]
            assert found[0] == found[1]


BODY = json.dumps({"files": [{"url": f"tool-{n}-py3-none-any.whl"} for n in range(9)]}).encode()


@pytest.mark.parametrize(
    ("url", "name", "body", "is_found"),
    [
        (URL, "tool", BODY, True),
        (URL, "tool", BODY + b" ", False),
        (URL, "other", BODY, False),
        ("https://mirror.example/simple/tool/", "tool", BODY, False),
    ],
)
def test_what_was_kept_is_for_that_very_page(
    tmp_path: Path, url: str, name: str, body: bytes, *, is_found: bool
) -> None:
    ask_and_keep(tmp_path, BODY, 2)

    assert (Kept(tmp_path).rows(url, name, body) is not None) is is_found


def test_the_next_process_reads_what_the_one_before_asked_for_and_no_more(tmp_path: Path) -> None:
    ask_and_keep(tmp_path, BODY, 2)
    kept = Kept(tmp_path).rows(URL, "tool", BODY)
    page = Page("tool", BODY, make, kept)
    wheels_of = [*page.wheels().values()]

    asked = [said(one) for listed in wheels_of[:2] for one in listed()]
    size = page.size
    another = [*wheels_of[2]()]

    assert len(asked) == 2
    assert (size, page.size, len(another)) == (0, 9, 1)
    assert kept
    assert len(kept.versions) == 9
    assert len(kept.places) == 2


@pytest.mark.parametrize(
    ("url", "told", "is_kept"),
    [
        (URL, "max-age=600", True),
        (URL, "no-store", False),
        ("http://index.example/simple/tool/", "max-age=600", False),
    ],
)
def test_rows_are_kept_where_the_page_is(tmp_path: Path, url: str, told: str, *, is_kept: bool) -> None:
    kept = Kept(tmp_path)

    kept.keep_answer(url, {"Cache-Control": told}, BODY)
    kept.keep_rows(url, "tool", BODY, ["1"], {"1": []})

    assert {path.name for path in tmp_path.iterdir()} == ({"answers", "rows"} if is_kept else set())


@pytest.fixture
def stocked(index: Index, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index that is believed without encryption."""
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    for version in range(1, 9):
        index.add(wheel("tool", f"{version}", requires=["part"]), wheel("part", f"{version}"))
    return index


def work(order: Mapping[str, Any]) -> tuple[Any, int, bool]:
    """Do what a process does; return the answer, how many rows that took, and whether it kept all."""
    before = dict(os.environ)
    try:
        with closing(Clerk()) as clerk:
            return clerk.respond(order), clerk.rows, clerk.keep()
    finally:
        os.environ.clear()
        os.environ.update(before)


def version_of(answer: Any) -> str:
    (found,) = (one["version"] for one in answer["resolutions"][0]["choices"] if one["name"] == "tool")
    return str(found)


def test_a_second_worker_answers_the_same_and_reads_no_page(stocked: Index, tmp_path: Path) -> None:
    order = make_order(request_for("tool<8", "part"), folder="/", cache_dir=tmp_path)

    first, *more = [work(order) for _ in range(3)]

    assert version_of(first[0]) == "7"
    assert first[1:] == (16, True)
    assert more == [(first[0], 0, True)] * 2


def test_another_order_finds_what_was_not_kept(stocked: Index, tmp_path: Path) -> None:
    found = []
    for text in ("tool", "tool<3", "tool<6", "tool<3", "tool"):
        answer, size, _ = work(make_order(request_for(text), folder="/", cache_dir=tmp_path))
        found.append((version_of(answer), size))

    assert [version for version, _ in found] == ["8", "2", "5", "2", "8"]
    assert found[0] == ("8", 16)
    assert found[3:] == [("2", 0), ("8", 0)]  # before that, older pips ask for more than one version at once


def test_a_worker_that_is_ended_finishes_the_file_that_it_is_writing(
    stocked: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make_order(request_for("tool"), folder="/", cache_dir=tmp_path)
    to_its_place, handler = Path.replace, signal.getsignal(signal.SIGTERM)

    def ended_while_writing(path: Path, target: Path) -> Path:
        if target.parent.name == "rows":
            signal.raise_signal(signal.SIGTERM)
        return to_its_place(path, target)

    monkeypatch.setattr(Path, "replace", ended_while_writing)
    _, _, had_time = work(order)

    assert not had_time
    assert len([*tmp_path.glob("rows/*")]) == 1
    assert signal.getsignal(signal.SIGTERM) == handler


class Odd(Index):
    """Has a page whose names only pip can read."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = super().answer(path, headers)
        return replace(found, body=found.body.replace(b'.whl"', b'.whl#odd"'))


def test_what_only_pip_can_read_is_read_by_it_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    with Odd() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "1"))
        order = make_order(request_for("tool"), folder="/", cache_dir=tmp_path)
        first, second = work(order), work(order)

    assert version_of(first[0]) == "1"
    assert first == second == (first[0], 1, True)
    assert not [*tmp_path.glob("rows/*")]


def test_without_a_cache_nothing_is_kept(stocked: Index, tmp_path: Path) -> None:
    answer, size, had_time = work(make_order(request_for("tool"), folder=str(tmp_path), cache_dir=None))

    assert (version_of(answer), size, had_time) == ("8", 16, True)
    assert not [*tmp_path.iterdir()]
