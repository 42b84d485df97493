"""Metadata files: fetched once, checked, and read by pip as it would read them itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.borrowed import borrow
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.metadata import Metadata, header_of, requires
from scriptlock.resolve.pip_tools import PipTools
from support.index import Index
from support.pages import FILE_HEADERS, Answer
from support.resolvers import answer_here, request_for, versions
from support.wheels import wheel

BORROWED = borrow()
URL = "https://files.example/tool-1-py3-none-any.whl"
CONTENT = wheel("tool", "1", requires=["part", "more; extra == 'x'"]).metadata
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Shelf:
    """Has one file, whatever it is called, or fails; counts."""

    def __init__(self, answer: bytes | Exception = CONTENT) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def told(promise: object) -> Any:
    """Return pip's link of a wheel whose metadata is promised in this way."""
    row = {"url": URL, "core-metadata": promise}
    return BORROWED.Link.from_json(row, page_url="https://index.example/simple/tool/")


lines = st.one_of(
    st.sampled_from(
        [
            "Metadata-Version: 2.1",
            "Name: Some.Tool",
            "Version: 1.0",
            "Requires-Python: >=3.11",
            "Requires-Dist: part>=1",
            "Requires-Dist: more ; extra == 'x'",
            "Provides-Extra: x",
            "Summary: Grüße",
            "License: many",
            "        lines",
            "no header",
            "Description: a",
            ": nameless",
            "From me to you",
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=6),
)
ends = st.sampled_from(
    ["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n\r\n", "\r\r", "\r\n\n", "\n \n"]
)
contents = st.lists(st.tuples(lines, ends).map("".join)).map(lambda parts: "".join(parts).encode())


@given(contents)
@example(b"\nName: tool\n")
@example(b"Name: tool\n\r\nVersion: 1\n\nVersion: 2\n")
@example(b"Name: tool\r\rVersion: 1\n\nVersion: 2\n")
def test_a_header_says_all_that_the_whole_does(content: bytes) -> None:
    header = header_of(content)

    event("cut" if len(header) < len(content) else "whole")
    assert content.startswith(header)
    parse = BytesHeaderParser().parsebytes
    assert parse(header).items() == parse(content).items()
    assert requires(header) == requires(content)


def facts(distribution: Any) -> dict[str, object]:
    """Return all that pip's resolver and ours read of a distribution."""
    return {
        "name": (distribution.raw_name, distribution.canonical_name),
        "version": distribution.version,
        "requires_python": distribution.requires_python,
        "extras": [*distribution.iter_provided_extras()],
        "dependencies": [*map(str, distribution.iter_dependencies())],
        "with extras": [*map(str, distribution.iter_dependencies({"x", "y"}))],
        "metadata": distribution.metadata.get_all("Requires-Dist", []),
        "python": distribution.metadata.get("Requires-Python"),
    }


REQUIREMENTS = (
    "part",
    "part>=1,<2",
    "a[b]; python_version >= '3'",
    "c @ https://c.example/c.whl",
    "d; os_name == 'nt'",
)
wheels = st.builds(
    lambda names, python, extras, version: (
        wheel("Some.Tool", version, requires=names, requires_python=python, extras=extras).metadata
    ),
    st.lists(st.sampled_from(REQUIREMENTS)),
    st.sampled_from([None, ">=3.11", "<4, !=3.12.*"]),
    st.dictionaries(st.sampled_from(["x", "Y", "z_z"]), st.lists(st.sampled_from(REQUIREMENTS[:2]))),
    st.sampled_from(["1", "1!2rc1+local"]),
)
descriptions = st.sampled_from(
    ["", "\nabout it", "Summary: Grüße\n\nRequires-Dist: not this\n", "\n\n", "A: b\n c\n"]
)


@given(metadata=wheels, description=descriptions, newline=st.sampled_from(["\n", "\r\n"]))
def test_pip_reads_the_same_of_a_header_as_of_the_whole(
    metadata: bytes, description: str, newline: str
) -> None:
    from pip._internal.utils.temp_dir import global_tempdir_manager

    content = (metadata + description.encode()).replace(b"\n", newline.encode())
    reading, name = BORROWED.get_metadata_distribution, "some-tool"
    with global_tempdir_manager():
        expected = facts(reading(content, "some_tool-1-py3-none-any.whl", name))

        with Metadata(Shelf(), Kept(None)).handed_to(BORROWED, print):
            distribution = BORROWED.preparing.get_metadata_distribution(content, "file.whl", name)

    assert facts(distribution) == expected
    assert BORROWED.preparing.get_metadata_distribution is reading


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\x00\xff", b"Version: 1\n", b"Name: tool\n", b"Name: tool\nVersion: any\n"]
)
def test_metadata_that_names_nothing_is_told_in_one_sentence(index: Index, content: bytes) -> None:
    index.add(replace(wheel("tool", "1"), metadata=content))

    with pytest.raises(ResolutionError) as caught:
        PipTools(start=answer_here).resolve(request_for("tool"))

    assert str(caught.value) == ("the metadata of tool-1-py3-none-any.whl names no package with a version")


def test_of_what_is_not_installed_there_is_no_other_file() -> None:
    with Metadata(Shelf(), Kept(None)).handed_to(BORROWED, print):
        distribution = BORROWED.preparing.get_metadata_distribution(CONTENT, "file.whl", "tool")
    again = distribution.metadata

    assert distribution.metadata is again  # pip asks for it again and again
    for look in (distribution.read_text, distribution._dist.locate_file):
        with pytest.raises(FileNotFoundError):
            look("entry_points.txt")


def test_a_file_is_fetched_once_for_all_who_ask_and_only_where_it_is_promised() -> None:
    shelf = Shelf()
    metadata = Metadata(shelf, Kept(None))

    found = [metadata.of(told(promise)) for promise in (None, False, True, {"sha256": SHA256})]

    assert found == [None, None, CONTENT, CONTENT]
    assert shelf.asked == [f"{URL}.metadata"]


@pytest.mark.parametrize(
    ("promise", "is_believed"),
    [
        (True, True),
        ({"sha256": SHA256}, True),
        ({"sha256": SHA256.upper()}, True),
        ({"sha256": "0" * 64}, False),
        ({"sha256": "nonsense"}, False),
        ({"blake2": "0"}, True),
    ],
)
def test_a_file_that_is_not_what_was_promised_is_none(promise: object, *, is_believed: bool) -> None:
    assert Metadata(Shelf(), Kept(None)).of(told(promise)) == (CONTENT if is_believed else None)


def test_a_file_that_is_not_there_is_none_and_an_index_that_is_not_there_is_told_to_everybody() -> None:
    missing, silent = Shelf(ResolutionError("has no such file")), Shelf(IndexUnreachable("no answer"))
    nobody = Metadata(silent, Kept(None))

    assert Metadata(missing, Kept(None)).of(told(promise=True)) is None
    for _ in range(2):
        with pytest.raises(IndexUnreachable, match="no answer"):
            nobody.of(told(promise=True))
    assert len(silent.asked) == 1


def handed(metadata: Metadata, link: Any, hashes: Any = None) -> tuple[bytes, list[bytes]]:
    """Return what pip gets of a link, and what was given to whoever may be surprised."""
    surprises: list[bytes] = []
    with metadata.handed_to(BORROWED, surprises.append):
        file = BORROWED.preparing.get_http_url(link, None, hashes=hashes)
        return Path(file.path).read_bytes(), surprises


def test_pip_gets_what_was_fetched_and_who_is_surprised_gets_the_same() -> None:
    shelf = Shelf()
    metadata = Metadata(shelf, Kept(None))
    place = told(promise=True).metadata_link()

    first, again = handed(metadata, place), handed(metadata, place)

    assert first == (CONTENT, [CONTENT])
    assert again == (CONTENT, [])
    assert len(shelf.asked) == 1


def test_pip_is_told_of_a_file_that_is_not_what_was_promised() -> None:
    place = told({"sha256": "0" * 64}).metadata_link()

    with pytest.raises(BORROWED.HashMismatch):
        handed(Metadata(Shelf(), Kept(None)), place, place.as_hashes())


@pytest.mark.parametrize("fail", [False, True])
def test_afterwards_pip_is_as_it_was(*, fail: bool) -> None:
    before = vars(BORROWED.preparing).copy()

    def use() -> None:
        with Metadata(Shelf(), Kept(None)).handed_to(BORROWED, print):
            assert vars(BORROWED.preparing) != before
            if fail:
                raise KeyboardInterrupt

    if fail:
        with pytest.raises(KeyboardInterrupt):
            use()
    else:
        use()

    assert vars(BORROWED.preparing) == before


def test_a_file_is_kept_for_the_next_time_by_its_sha256_wherever_it_lies_then(tmp_path: Path) -> None:
    shelf = Shelf()
    moved = BORROWED.Link.from_json(
        {
            "url": "https://mirror.example/tool-1-py3-none-any.whl",
            "core-metadata": {"sha256": SHA256.upper()},
        },
        page_url="https://mirror.example/simple/tool/",
    )

    found = [Metadata(shelf, Kept(tmp_path)).of(link) for link in (told({"sha256": SHA256}), moved)]

    assert found == [CONTENT, CONTENT]
    assert len(shelf.asked) == 1


def test_a_file_that_is_not_what_was_promised_does_not_take_its_place_the_next_time(tmp_path: Path) -> None:
    other = Shelf(b"Name: evil\n")
    shelf = Shelf()

    before = Metadata(other, Kept(tmp_path)).of(told({"sha256": SHA256}))
    after = Metadata(shelf, Kept(tmp_path)).of(told({"sha256": SHA256}))

    assert (before, after) == (None, CONTENT)
    assert len(shelf.asked) == 1


def test_a_file_that_the_index_replaced_is_fetched_where_its_sha256_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    found = []
    with Index() as index:  # its files count for good
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        for part in ("one", "two"):
            index.add(wheel("tool", "1", requires=[part]), wheel(part, "1"))
            resolver = PipTools(tmp_path, start=answer_here)
            found.append(versions(resolver.resolve(request_for("tool"))[0]))
            for page in (tmp_path / "answers").iterdir():
                if b"/simple/" in page.read_bytes() or b"core-metadata" in page.read_bytes():
                    page.unlink()

    assert found == [{"one": "1", "tool": "1"}, {"two": "1", "tool": "1"}]


class Untold(Index):
    """Tells hashes of wheels, and none of their metadata; says how long its files count."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(etag=False)
        self.headers = headers

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = super().answer(path, headers)
        if path.endswith(".metadata"):
            return Answer(body=found.body, kind=found.kind, status=found.status, headers=self.headers)
        body = found.body.replace(b'"core-metadata": {"sha256":', b'"core-metadata": true, "was": {"sha256":')
        return Answer(body=body, kind=found.kind, status=found.status, headers=found.headers)


def metadata_asked_for(index: Index, cache: Path | None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Resolve twice with an index; return how often each resolution asked for metadata."""
    index.add(wheel("tool", "1", requires=["part"]), wheel("part", "2"))
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    counts = []
    for _ in range(2):
        index.reset()
        (found,) = PipTools(cache, start=answer_here).resolve(request_for("tool"))
        assert versions(found) == {"part": "2", "tool": "1"}
        counts.append(len([path for path in index.requests if path.endswith(".metadata")]))
    return counts


@pytest.mark.parametrize(
    ("open_index", "is_trusted", "counts"),
    [
        (Index, True, [2, 0]),
        (Index, False, [2, 0]),  # what is in a file with that sha256, nobody on the way can change
        (lambda: Untold(FILE_HEADERS), True, [2, 0]),
        (lambda: Untold(FILE_HEADERS), False, [2, 2]),
        (lambda: Untold({}), True, [2, 2]),
    ],
)
def test_the_next_resolution_fetches_no_metadata_again(
    open_index: Callable[[], Index],
    counts: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_trusted: bool,
) -> None:
    if is_trusted:
        monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")

    with open_index() as index:
        assert metadata_asked_for(index, tmp_path, monkeypatch) == counts


def test_without_a_folder_each_resolution_fetches_metadata(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert metadata_asked_for(index, None, monkeypatch) == [2, 2]
