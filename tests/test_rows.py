"""Rows of index pages, which have to say what pip's links say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from scriptlock.errors import IndexUnreachable, NoMatchingVersion
from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.rows import JSON, Row, rows
from support.index import Index
from support.pages import Answer
from support.resolvers import answer_here, request_for, versions
from support.wheels import wheel

BORROWED = borrow_for_indexes()
PAGE = "https://index.example/simple/tool/"

PLAIN = ("tool-1-py3-none-any.whl", "tool-1.tar.gz", "tool-1+local-py3-none-any.whl", "tool_kit-2.zip")
ODD = ("tool-1%2Blocal.zip", "tool 1.zip", "tööl.zip", "t%C3%B6l.zip", "tool.whl\n", "a:b@c;d=e,f&g", "%", "")
# Nobody takes dots alone for a file.
texts = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name.strip(".") or not name)
places = st.sampled_from(
    [
        "https://files.example/a/b/",
        "http://me:pw@files.example:80/",
        "../../files/",
        "/",
        "",
        "a%2Fb/",
        "//h/",
    ]
)
ends = st.sampled_from(["", "#sha256=0", "#subdirectory=a/b", "?token=1", "?file=/other-1.zip", "/", "%2F"])
urls = st.one_of(
    st.builds("{}{}".format, places, st.sampled_from(PLAIN)),
    st.builds("{}{}{}".format, places, st.one_of(st.sampled_from(ODD), st.sampled_from(PLAIN), texts), ends),
)
times = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00+01:00"])
files = st.fixed_dictionaries(
    {"url": urls},
    optional={
        "filename": texts,
        "hashes": st.fixed_dictionaries({}, optional={"sha256": st.just("0" * 64)}),
        "requires-python": st.one_of(st.none(), st.sampled_from(["", ">=3.11", "nonsense"])),
        "yanked": st.one_of(st.none(), st.booleans(), st.sampled_from(["", "loses files"])),
        "upload-time": st.one_of(st.none(), st.just(""), times),
        "core-metadata": st.one_of(st.booleans(), st.just({"sha256": "1" * 64})),
        "dist-info-metadata": st.booleans(),
    },
)


make = partial(BORROWED.Link.from_json, page_url=PAGE)


def said(listed: Any) -> dict[str, object]:
    """Return all that anybody reads of what a page lists."""
    found = listed.link if isinstance(listed, Row) else listed
    return {
        "filename": listed.filename,
        "requires_python": listed.requires_python,
        "is_yanked": listed.is_yanked,
        "upload_time": listed.upload_time,
        "link": (found.url, found.comes_from, found._hashes, found.yanked_reason, found.requires_python),
        "metadata": str(found.metadata_link()),
    }


@settings(max_examples=200)
@given(st.lists(st.one_of(files, st.sampled_from([{}, {"url": None}])), min_size=1, max_size=5))
@example([{"url": "https://files.example/get?file=/tool-1-py3-none-any.whl"}])  # once took the file for that
@example([{"url": "../../files/tool-1-py3-none-any.whl#sha256=0&subdirectory=a/b.whl"}])
def test_rows_say_what_pips_links_say(listed: list[dict[str, object]]) -> None:
    from pip._internal.index.collector import IndexContent

    page = json.dumps({"meta": {"api-version": "1.1"}, "files": listed}).encode()
    content = IndexContent(page, JSON, None, PAGE, cache_link_parsing=False)

    found = rows(page, make)
    links = list(BORROWED.parse_links(content))

    event(f"{sum(isinstance(one, Row) for one in found)} rows")
    assert [said(one) for one in found] == [said(one) for one in links]


def test_a_link_is_made_when_somebody_wants_it_and_only_once() -> None:
    made: list[object] = []

    def make(told: Mapping[str, Any]) -> object:
        made.append(object())
        return made[-1]

    plain = {"url": "../../files/tool-1.zip", "upload-time": "2026-01-01T00:00:00Z"}
    first, second = rows(json.dumps({"files": [plain, plain]}).encode(), make)
    read = [(row.filename, row.requires_python, row.is_yanked, row.upload_time) for row in (first, second)]

    assert read == [("tool-1.zip", None, False, datetime(2026, 1, 1, tzinfo=UTC))] * 2
    assert made == []
    assert [second.link, second.link] == made * 2


def test_an_upload_time_that_only_pip_can_read_is_pips() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    told = {"url": "../../files/tool-1.zip", "upload-time": "the first of January"}

    (row,) = rows(json.dumps({"files": [told]}).encode(), lambda _: SimpleNamespace(upload_time=moment))

    assert row.upload_time is moment


@pytest.mark.parametrize("page", [b'{"meta": {}}', b'{"files": []}', b"{}"])
def test_a_page_that_lists_no_files_has_none(page: bytes) -> None:
    assert rows(page, make) == []


TOOL = {"filename": "tool-1-py3-none-any.whl", "url": "../../files/tool-1-py3-none-any.whl"}


def listing(**told: object) -> bytes:
    return json.dumps({"files": [TOOL | told]}).encode()


NO_PAGES = {
    "nothing": b"",
    "half of it": b'{"files": [{"url": "tool-1',
    "no JSON": b"<html>",
    "no UTF-8": b'{"files": ["\xff"]}',
    "no object": b"[]",
    "null": b"null",
    "files that are null": b'{"files": null}',
    "files that are a number": b'{"files": 5}',
    "files that are an object": b'{"files": {"tool-1.zip": {}}}',
    "a row that is no object": b'{"files": ["tool-1.zip"]}',
    "a row that is null": b'{"files": [null]}',
    "a URL that is a number": listing(url=5),
    "a URL of nowhere": listing(url="https://[files/tool-1-py3-none-any.whl"),
    "a URL that only pip can read, of nowhere": listing(url="https://[files/tool-1-py3-none-any.whl#egg"),
    "hashes that are a text": listing(hashes="sha256"),
    "a hash that is a number": listing(hashes={"sha256": 5}),
    "a hash that is null": listing(hashes={"sha256": None}),
    "a hash of metadata that is a number": listing(**{"core-metadata": {"sha256": 5}}),
    "metadata that is a text": listing(**{"core-metadata": "yes"}),
    "Pythons that are a list": listing(**{"requires-python": [">=3.11"]}),
    "Pythons that are a number": listing(**{"requires-python": 3}),
    "too many brackets": b'{"files": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
}


class Garbled(Index):
    """Says what it is told to in place of pages."""

    page = b""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        return (
            Answer(body=self.page, kind=JSON)
            if path.startswith("/simple/")
            else super().answer(path, headers)
        )


def failure_of(page: bytes, monkeypatch: pytest.MonkeyPatch, exclude_newer: datetime | None = None) -> str:
    with Garbled() as index:
        index.page = page
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        with pytest.raises(IndexUnreachable) as caught:
            PipTools(start=answer_here).resolve(request_for("tool", exclude_newer=exclude_newer))
        return str(caught.value).replace(f":{index.port}", "")


@pytest.mark.parametrize("what", NO_PAGES)
def test_json_that_is_no_page_is_told_in_one_sentence(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure_of(NO_PAGES[what], monkeypatch) == "127.0.0.1 answered with JSON that cannot be read"


@pytest.mark.parametrize("when", ["yesterday", 5, ["2026-01-01"]])
def test_an_upload_time_that_is_none_is_told_to_those_who_ask_for_it(
    when: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = listing(**{"upload-time": when})
    told = failure_of(page, monkeypatch, datetime(2026, 1, 1, tzinfo=UTC))

    assert told == "127.0.0.1 answered with JSON that cannot be read"


@pytest.mark.parametrize(
    "name", [f"tool-{'9' * 5000}-py3-none-any.whl", f"tool-1-{'9' * 5000}-py3-none-any.whl"]
)
def test_a_file_of_more_digits_than_anybody_reads_is_passed_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Absurd(Index):
        def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
            found = super().answer(path, headers)
            if path != "/simple/tool/":
                return found
            page = json.loads(found.body)
            page["files"].append({"url": f"../../files/{name}"})
            return Answer(body=json.dumps(page).encode(), kind=JSON)

    with Absurd() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "2"))
        (found,) = PipTools(start=answer_here).resolve(request_for("tool"))
        with pytest.raises(NoMatchingVersion):
            PipTools(start=answer_here).resolve(request_for("tool>2"))

    assert versions(found) == {"tool": "2"}


@pytest.mark.parametrize("allow_sdist", [[], ["tool"]])
def test_upload_times_without_a_zone_are_utc(index: Index, allow_sdist: list[str]) -> None:
    for version, hour in (("1", 10), ("2", 12)):
        index.add(wheel("tool", version), upload_time=f"2026-06-01T{hour}:00:00")
    moment = datetime(2026, 6, 1, 11, tzinfo=UTC)
    resolver = PipTools(start=answer_here)

    (found,) = resolver.resolve(request_for("tool", exclude_newer=moment, allow_sdist=allow_sdist))
    with pytest.raises(NoMatchingVersion, match="2 came later"):
        resolver.resolve(request_for("tool>1", exclude_newer=moment, allow_sdist=allow_sdist))

    assert versions(found) == {"tool": "1"}


def test_a_digest_that_is_none_is_found_out_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Index):
        def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
            found = super().answer(path, headers)
            return replace(found, body=found.body.replace(f'"{file.sha256}"'.encode(), b'"ab"'))

    file = wheel("tool", "1")
    with Careless() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(file)
        (found,) = PipTools(start=answer_here).resolve(request_for("tool"))

    assert [choice.hashes for choice in found.choices] == [(f"sha256:{file.sha256}",)]
