"""Indexes without metadata files: what wheels say of themselves is read out of them, and kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

import pytest
from pip._internal.models.link import Link
from pip._vendor.requests.models import Response

from scriptlock.errors import ResolutionError
from scriptlock.resolve.inside import CHUNK, Inside
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Request, Resolution
from support.index import Index
from support.pages import Answer
from support.repacked import Entry, adding, repacked, without
from support.resolvers import LINUX, WINDOWS, answer_here, request_for, versions
from support.wheels import Wheel, wheel

SIZE = 3_000_000
LARGE = wheel(
    "large", "2.0", requires=["part; sys_platform == 'linux'"], files={"blob.bin": os.urandom(SIZE)}
)
# Its list of files alone is more than is asked for at once.
LONG = wheel("long", "1.0", requires=["part"], files={f"{number:0200}.py": "" for number in range(2000)})
PART = wheel("part", "1.0")
OLD = wheel("part", "0.5")
REQUEST = request_for("large", "long", "part<1", targets=(LINUX, WINDOWS))


WHEELS = (LARGE, LONG, PART, OLD)


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")  # else nothing is kept that was not encrypted
    monkeypatch.setenv("PIP_RETRIES", "0")


def resolved(index: Index, request: Request = REQUEST, cache: Path | None = None) -> tuple[Resolution, ...]:
    """Return what is resolved from that index alone, by a worker that knows nothing yet."""
    os.environ["PIP_INDEX_URL"] = index.url
    return PipTools(cache_dir=cache, start=answer_here).resolve(request)


def sent(index: Index) -> int:
    """Return how many bytes of files an index sent."""
    total = 0
    for asked in index.log:
        if asked.path.startswith("/files/") and asked.method == "GET":
            content = index.answer(asked.path, {}).body
            if asked.status == 206:
                first, _, last = asked.headers["range"].removeprefix("bytes=").partition("-")
                total += int(last) - int(first) + 1
            else:
                total += len(content)
    return total


@pytest.mark.parametrize("html", [False, True])
def test_no_more_is_fetched_of_a_wheel_than_tells_its_metadata(*, html: bool) -> None:
    with Index(html=html) as usual, Index(html=html, metadata=False) as index:
        usual.add(*WHEELS)
        index.add(*WHEELS)

        assert resolved(index) == resolved(usual)

        assert sent(index) < len(LONG.content) + 2 * CHUNK < SIZE
        assert (
            any(asked.method == "HEAD" for asked in index.log) is html
        )  # else the page says how large it is


def test_metadata_that_lies_anywhere_in_a_wheel_is_found() -> None:
    first = repacked(LARGE, lambda entries: entries.sort(key=lambda entry: ".dist-info/" not in entry.path))
    assert first.content.index(b"METADATA") < 1000

    with Index(metadata=False) as index:
        index.add(first, LONG, PART, OLD)
        found = resolved(index)
        assert sent(index) < SIZE

    assert [versions(one) for one in found] == [
        {"large": "2.0", "long": "1.0", "part": "0.5"},
        {"large": "2.0", "long": "1.0", "part": "0.5"},
    ]


def test_where_too_many_parts_would_be_needed_the_whole_wheel_is_fetched_and_parts_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scriptlock.resolve.inside.MOST", 2)
    with Index(metadata=False) as index:
        index.add(*WHEELS)
        resolved(index)
        statuses = {(one.path.rpartition("/")[2], one.status) for one in index.log}

    assert (LONG.filename, 200) in statuses
    assert (LARGE.filename, 206) in statuses
    assert (LARGE.filename, 200) not in statuses


@pytest.mark.parametrize("html", [False, True])
def test_of_an_index_that_sends_no_parts_whole_wheels_are_fetched(*, html: bool) -> None:
    with Index(html=html) as usual, Index(html=html, metadata=False, ranges=False) as index:
        usual.add(*WHEELS)
        index.add(*WHEELS)

        assert resolved(index) == resolved(usual)

        whole = [
            asked for asked in index.log if asked.path.endswith(LARGE.filename) and asked.method == "GET"
        ]
        assert len(whole) <= 2  # one of them was given up when it was no part that came


def test_a_host_that_sends_no_parts_is_not_asked_for_them_again() -> None:
    with Index(html=True, metadata=False, ranges=False) as index:
        index.add(*(wheel("tool", f"1.{number}", requires=["gone"]) for number in range(9)))
        with pytest.raises(ResolutionError):
            resolved(index, request_for("tool"))

        heads = [asked for asked in index.log if asked.method == "HEAD"]

    assert len(heads) == 1


def test_what_was_read_out_of_a_wheel_is_kept_and_believed_if_it_is_whole(tmp_path: Path) -> None:
    with Index(metadata=False) as index:
        index.add(*WHEELS)
        first = resolved(index, cache=tmp_path)
        index.reset()
        assert resolved(index, cache=tmp_path) == first
        assert sent(index) == 0
        for kept in (tmp_path / "wheels").iterdir():
            kept.write_bytes(kept.read_bytes().replace(b"part", b"more"))
        assert resolved(index, cache=tmp_path) == first
        assert sent(index) > 0


def test_what_somebody_on_the_way_may_have_changed_is_not_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path, trusted=["files.example:8080"])

    for url, is_kept in (
        ("http://index.example/a.whl", False),
        ("http://files.example:8080/a.whl", True),
        ("https://index.example/a.whl", True),
    ):
        kept.keep_metadata_of(url, url, PART.metadata)
        assert kept.metadata_of(url, url) == (PART.metadata if is_kept else None)


@pytest.mark.parametrize(
    ("way", "is_read"),
    [
        (["https://index.example/part-1.whl"], True),
        (["https://index.example/part-1.whl", "https://files.example/b"], True),
        (["https://index.example/part-1.whl", "http://files.example/b"], False),
        (["https://index.example/part-1.whl", "http://files.example/b", "https://files.example/b"], False),
        (["http://index.example/part-1.whl"], True),  # whoever keeps it knows what to think of that
    ],
)
def test_nothing_is_read_to_which_an_encrypted_url_leads_without_encryption(
    way: list[str], *, is_read: bool
) -> None:
    class Session:
        def get(self, _: str, *, headers: Mapping[str, str], **__: object) -> Response:
            first, _, last = headers["Range"].removeprefix("bytes=").partition("-")
            *before, response = map(response_of, way)
            response.history = before
            response.raw = BytesIO(PART.content[int(first) : int(last) + 1])
            return response

    found = Inside(Session(), {way[0]: len(PART.content)}).metadata(Link(way[0]))

    assert found == (PART.metadata if is_read else None)


def response_of(url: str) -> Response:
    """Return an answer that has a part of a file."""
    response = Response()
    response.status_code, response.url = HTTPStatus.PARTIAL_CONTENT, url
    return response


def test_what_one_index_says_of_a_wheel_is_not_believed_of_another_s(tmp_path: Path) -> None:
    other = wheel("part", "1.0", requires=["bit"])

    class Lying(Index):
        def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
            found = super().answer(path, headers)
            return replace(found, body=other.content) if path.endswith(PART.filename) else found

    with Lying(html=True, metadata=False) as index, Index(metadata=False) as honest:
        index.add(PART, wheel("bit", "1"))
        honest.add(PART)
        (lie,) = resolved(index, request_for("part"), cache=tmp_path)
        (truth,) = resolved(honest, request_for("part"), cache=tmp_path)

    assert versions(lie) == {"bit": "1", "part": "1.0"}  # its hash tells when it is installed
    assert versions(truth) == {"part": "1.0"}


def test_an_index_that_tells_no_hashes_has_the_whole_wheel_fetched() -> None:
    with Index(metadata=False, hashes=False) as index:
        index.add(*WHEELS)
        found = resolved(index)
        asked = {one.path: one.status for one in index.log if one.path.startswith("/files/")}

    assert [versions(one)["large"] for one in found] == ["2.0", "2.0"]
    assert set(asked.values()) == {200}


def test_a_wheel_that_the_header_names_is_fetched_once() -> None:
    with Index(metadata=False) as index:
        index.add(*WHEELS)
        url = f"http://127.0.0.1:{index.port}/files/{LARGE.filename}"
        (found,) = resolved(index, request_for(f"large @ {url}#sha256={LARGE.sha256}"))
        statuses = [one.status for one in index.log if one.path.endswith(LARGE.filename)]

    assert versions(found) == {"large": "2.0", "part": "1.0"}
    assert statuses == [200]


def renamed(entries: list[Entry]) -> None:
    """Have the metadata in a folder that is called after another package."""
    for entry in entries:
        entry.path = entry.path.replace("part-1.0.dist-info", "other-1.0.dist-info")


@pytest.mark.filterwarnings("ignore:Implicit None on return values:DeprecationWarning")  # of pip's
@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (repacked(PART, without("part-1.0.dist-info/METADATA")), "a wheel has no metadata: "),
        (repacked(PART, adding("other-1.0.dist-info/METADATA")), "multiple .dist-info directories found"),
        (repacked(PART, renamed), "directory 'other-1.0.dist-info' does not start with 'part'"),
        (
            replace(PART, content=b"no archive"),
            f"^{PART.filename} is an invalid wheel$",
        ),
    ],
    ids=["no metadata", "two", "another's", "no archive"],
)
def test_what_is_odd_about_a_wheel_is_told(odd: Wheel, reason: str) -> None:
    for ranges in (True, False):
        with Index(metadata=False, ranges=ranges) as index:
            index.add(odd, OLD)
            with pytest.raises(ResolutionError, match=reason):
                resolved(index, request_for("part"))


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_a_file_that_is_not_to_be_had_is_told_as_ever(status: int, tmp_path: Path) -> None:
    class WithoutFiles(Index):
        def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
            found = super().answer(path, headers)
            return replace(found, status=status) if path.startswith("/files/") else found

    def told(*, ranges: bool, html: bool) -> str:
        with WithoutFiles(metadata=False, ranges=ranges, html=html) as index:
            index.add(PART)
            with pytest.raises(ResolutionError) as caught:
                resolved(index, request_for("part"))
            return f"{type(caught.value)} {caught.value} {caught.value.hint}".replace(str(index.port), "PORT")

    usual = told(ranges=False, html=False)
    assert told(ranges=True, html=False) == usual
    assert told(ranges=True, html=True) == usual
