"""Pages that were kept: asked about, renewed, and asked for anew."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.wire import Wire
from support.index import Index
from support.pages import Answer
from support.resolvers import answer_here, request_for, versions
from support.wheels import wheel

BORROWED = borrow_for_indexes()
PAGE = "https://index.example/simple/tool/"
HTML = {"Content-Type": "text/html"}
STALE, FRESH = HTML | {"Cache-Control": "no-cache"}, HTML | {"Cache-Control": "max-age=600"}
ONE = {"ETag": '"1"'}


def response(body: bytes = b"page", headers: Mapping[str, str] = FRESH, status: int = 200) -> Any:
    """Return one as ``requests`` has it."""
    made = BORROWED.Response()
    made.status_code, made.reason, made.url, made._content = status, "", PAGE, body
    made.headers.update({"Content-Length": str(len(body))} | dict(headers))
    return made


class Server:
    """Gives one answer after the other; remembers what was sent along with each request."""

    def __init__(self, *answers: Any) -> None:
        self.answers = [*answers]
        self.sent: list[dict[str, str]] = []

    def __call__(self, method: str, url: str, **kwargs: Any) -> Any:
        self.sent.append(dict(kwargs.get("headers") or {}))
        return self.answers.pop(0)


class Resolutions:
    """Asks for the same page from one resolution after the other, which share a folder."""

    def __init__(self, folder: Path, *answers: Any) -> None:
        self.server = Server(*answers)
        self._folder = folder

    def ask(self, **headers: str) -> bytes:
        wire = Wire(BORROWED, self.server, None, Kept(self._folder))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return bytes(wire.request("GET", PAGE, headers=sent).content)


def test_a_fresh_page_is_not_asked_for(tmp_path: Path) -> None:
    resolutions = Resolutions(tmp_path, response())

    assert [resolutions.ask(), resolutions.ask()] == [b"page"] * 2
    assert resolutions.server.sent == [{}]


def test_a_page_that_comes_from_the_disk_says_all_that_pip_reads_of_it(tmp_path: Path) -> None:
    wire = Wire(BORROWED, Server(response(headers=FRESH | ONE)), None, Kept(tmp_path))
    wire.request("GET", PAGE)
    found = Wire(BORROWED, Server(), None, Kept(tmp_path)).request("GET", PAGE)

    found.raise_for_status()
    assert (found.status_code, found.reason, found.url) == (200, "OK", PAGE)
    assert (found.content, found.text) == (b"page", "page")
    assert dict(found.headers) == HTML | ONE


def test_who_wants_a_page_anew_asks_about_the_fresh_one_and_keeps_what_comes(tmp_path: Path) -> None:
    resolutions = Resolutions(tmp_path, response(headers=FRESH | ONE), response(b"other", FRESH))

    found = [resolutions.ask(), resolutions.ask(Cache_Control="max-age=0"), resolutions.ask()]

    assert found == [b"page", b"other", b"other"]
    assert resolutions.server.sent == [{}, {"Cache-Control": "max-age=0", "If-None-Match": '"1"'}]


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        (ONE, {"If-None-Match": '"1"'}),
        ({"Last-Modified": "then"}, {"If-Modified-Since": "then"}),
        (ONE | {"Last-Modified": "then"}, {"If-None-Match": '"1"', "If-Modified-Since": "then"}),
    ],
)
def test_a_page_that_is_not_fresh_is_asked_about_and_comes_back_if_it_still_holds(
    tmp_path: Path, told: dict[str, str], asked: Mapping[str, str]
) -> None:
    unchanged = response(b"", {}, 304)
    resolutions = Resolutions(tmp_path, response(headers=STALE | told), unchanged, response(b"new", STALE))

    found = [resolutions.ask(Accept="html") for _ in range(3)]

    assert found == [b"page", b"page", b"new"]
    assert resolutions.server.sent == [{"Accept": "html"}, *[{"Accept": "html", **asked}] * 2]


@pytest.mark.parametrize("name", ["Cache-Control", "cache-control"])
def test_what_an_unchanged_page_says_of_itself_holds_from_then_on(tmp_path: Path, name: str) -> None:
    renewed = response(b"", {name: "max-age=600"}, 304)
    resolutions = Resolutions(tmp_path, response(headers=STALE | ONE), renewed)

    assert [resolutions.ask() for _ in range(3)] == [b"page"] * 3
    assert len(resolutions.server.sent) == 2


@pytest.mark.parametrize("name", ["ETag", "etag"])
def test_an_unchanged_page_tells_its_new_state(tmp_path: Path, name: str) -> None:
    renewed = response(b"", {name: '"2"'}, 304)
    resolutions = Resolutions(tmp_path, response(headers=STALE | ONE), renewed, response(b"", {}, 304))

    assert [resolutions.ask() for _ in range(3)] == [b"page"] * 3
    assert resolutions.server.sent == [{}, {"If-None-Match": '"1"'}, {"If-None-Match": '"2"'}]


@pytest.mark.parametrize(
    "answer",
    [
        response(headers=HTML),
        response(headers=HTML | {"Cache-Control": "no-store"} | ONE),
        response(status=404),
        response(status=203),
    ],
)
def test_an_answer_that_may_not_be_kept_is_asked_for_again(tmp_path: Path, answer: Any) -> None:
    resolutions = Resolutions(tmp_path, answer, answer)

    assert [resolutions.ask(), resolutions.ask()] == [b"page"] * 2
    assert resolutions.server.sent == [{}, {}]


def test_a_page_from_elsewhere_is_not_kept(tmp_path: Path) -> None:
    redirected = response(headers=FRESH | ONE)
    redirected.history = [response(status=302)]
    resolutions = Resolutions(tmp_path, redirected, redirected)

    assert [resolutions.ask(), resolutions.ask()] == [b"page"] * 2
    assert resolutions.server.sent == [{}, {}]


@pytest.mark.parametrize(
    ("headers", "is_kept"),
    [
        ({}, False),
        ({"Content-Length": "4"}, True),
        ({"Transfer-Encoding": "gzip, Chunked"}, True),
        ({"Transfer-Encoding": "gzip"}, False),
    ],
)
def test_an_answer_that_may_have_been_cut_off_is_not_kept(
    tmp_path: Path, headers: Mapping[str, str], *, is_kept: bool
) -> None:
    answers = [response(b"half"), response(b"whole")]
    del answers[0].headers["Content-Length"]
    answers[0].headers.update(headers)
    resolutions = Resolutions(tmp_path, *answers)

    assert [resolutions.ask(), resolutions.ask()] == [b"half", b"half" if is_kept else b"whole"]


def test_an_unchanged_page_does_not_become_another_kind_of_page(tmp_path: Path) -> None:
    told = {"Content-Type": "text/plain", "Content-Encoding": "gzip", "Cache-Control": "max-age=600"}
    resolutions = Resolutions(tmp_path, response(headers=STALE | ONE), response(b"", told, 304))

    found = [resolutions.ask() for _ in range(3)]

    assert found == [b"page"] * 3
    kept = Kept(tmp_path).answer(PAGE)
    assert kept
    assert (kept.headers, kept.is_fresh) == (HTML | ONE, True)


def test_what_is_unchanged_elsewhere_says_nothing_of_the_page(tmp_path: Path) -> None:
    elsewhere = response(b"", {"Cache-Control": "max-age=600"}, 304)
    elsewhere.history = [response(status=302)]
    resolutions = Resolutions(tmp_path, response(headers=STALE | ONE), elsewhere, response(b"new"))

    assert [resolutions.ask(Accept="html"), resolutions.ask(Accept="html")] == [b"page", b"new"]
    assert resolutions.server.sent == [
        {"Accept": "html"},
        {"Accept": "html", "If-None-Match": '"1"'},
        {"Accept": "html"},
    ]


def test_a_page_from_the_disk_is_whole_for_each_of_many_threads(tmp_path: Path) -> None:
    body = b"page" * 500_000
    Kept(tmp_path).keep_answer(PAGE, FRESH, body)
    interval, threads = sys.getswitchinterval(), 8
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            wire, together = Wire(BORROWED, Server(), None, Kept(tmp_path)), Barrier(threads)

            def read(_: int, wire: Wire = wire, together: Barrier = together) -> int:
                together.wait()
                return len(wire.request("GET", PAGE).content)

            with ThreadPoolExecutor(threads) as pool:
                assert [*pool.map(read, range(threads))] == [len(body)] * threads
    finally:
        sys.setswitchinterval(interval)


def test_a_page_that_is_none_is_not_kept_and_the_one_that_was_stays(tmp_path: Path) -> None:
    words = response(headers={"Content-Type": "text/plain", "Cache-Control": "max-age=600"})
    broken = response(status=503)
    unchanged = response(b"", {}, 304)
    resolutions = Resolutions(tmp_path, response(headers=STALE | ONE), words, broken, unchanged)

    resolutions.ask()
    for _ in range(2):
        with pytest.raises(IndexUnreachable):
            resolutions.ask()

    assert resolutions.ask() == b"page"


def test_metadata_that_counts_for_a_while_is_not_asked_for_and_none_is_told_each_time(tmp_path: Path) -> None:
    server = Server(response(), response(status=404), response(status=404))
    urls = [f"https://files.example/{name}-1.whl.metadata" for name in ("tool", "none")]

    def fetch(url: str) -> bytes:
        return Wire(BORROWED, server, None, Kept(tmp_path)).metadata(url)

    assert [fetch(urls[0]), fetch(urls[0])] == [b"page"] * 2
    for _ in range(2):
        with pytest.raises(ResolutionError, match=r"files\.example has no none-1\.whl\.metadata"):
            fetch(urls[1])
    assert len(server.sent) == 3


class Unsure(Index):
    """Wants to be asked about its pages each time."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = super().answer(path, headers)
        return replace(found, headers={"Cache-Control": "no-cache"}) if path.startswith("/simple/") else found


def test_the_next_resolution_asks_each_page_whether_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = PipTools(tmp_path, start=answer_here)
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")

    with Unsure() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "1"), wheel("beside", "1"))
        (first,) = resolver.resolve(request_for("tool", "beside"))
        index.add(wheel("tool", "2"))
        index.reset()
        (second,) = resolver.resolve(request_for("tool", "beside"))

    assert [versions(first)["tool"], versions(second)["tool"]] == ["1", "2"]
    assert {asked.path: asked.status for asked in index.log} == {
        "/files/tool-2-py3-none-any.whl.metadata": 200,
        "/simple/beside/": 304,
        "/simple/tool/": 200,
    }
