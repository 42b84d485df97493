"""Answers of indexes on the disk: what comes back is what was answered, or nothing."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock.resolve.kept import Answer, Kept

URL = "https://index.example/simple/tool/"
HEADERS = {"Content-Type": "text/html", "ETag": '"1"', "Cache-Control": "max-age=600", "Set-Cookie": "me"}
TOLD = {"Content-Type": "text/html", "ETag": '"1"'}
BODY = b"page\n\r\nof\x00tool\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where answers are kept; it is not there yet."""
    return tmp_path / "http"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def keep(folder: Path, url: str = URL, headers: Mapping[str, str] | None = None, *trusted: str) -> None:
    Kept(folder, trusted).keep_answer(url, HEADERS if headers is None else headers, BODY)


@given(bodies=st.lists(st.binary(), min_size=1, max_size=2), value=st.text(max_size=20))
def test_an_answer_comes_back_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], value: str
) -> None:
    folder = tmp_path_factory.mktemp("http")

    for body in bodies:  # the last one counts
        Kept(folder).keep_answer(URL, {"Cache-Control": "max-age=60", "ETag": value}, body)

    assert Kept(folder).answer(URL) == Answer(headers={"ETag": value}, body=bodies[-1], is_fresh=True)
    assert len(files(folder)) == 1


def test_of_the_headers_only_those_are_kept_that_matter(folder: Path) -> None:
    keep(folder)

    assert Kept(folder).answer(URL) == Answer(headers=TOLD, body=BODY, is_fresh=True)
    assert Kept(folder).answer(f"{URL}?other") is None


def test_an_answer_whose_time_is_over_is_there_to_be_asked_about(folder: Path) -> None:
    keep(folder, headers={**HEADERS, "Cache-Control": "no-cache"})

    assert Kept(folder).answer(URL) == Answer(headers=TOLD, body=BODY, is_fresh=False)


def test_an_answer_that_was_kept_by_a_clock_that_went_ahead_is_asked_about(folder: Path) -> None:
    keep(folder)
    (file,) = files(folder)
    about, _, body = file.read_bytes().partition(b"\n")[2].partition(b"\n")
    later = json.loads(about)
    for name in ("kept", "until"):
        later[name] += 10**6
    content = json.dumps(later).encode() + b"\n" + body
    file.write_bytes(b"%08x\n" % zlib.crc32(content) + content)

    assert Kept(folder).answer(URL) == Answer(headers=TOLD, body=BODY, is_fresh=False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/html"},
        {"ETag": '"1"', "Cache-Control": "no-store"},
        {"ETag": '"1"', "Cache-Control": "max-age=600, no-store"},
        {"Cache-Control": "max-age=0"},
        {"Cache-Control": "max-age=600", "Vary": "*"},
    ],
)
def test_what_may_not_be_kept_or_would_be_of_no_use_is_not(folder: Path, headers: Mapping[str, str]) -> None:
    keep(folder, headers=headers)

    assert not folder.exists()


@pytest.mark.parametrize(
    ("url", "trusted", "is_kept"),
    [
        ("https://index.example/", (), True),
        ("http://index.example/", (), False),
        ("http://index.example/", ("other.example", "example"), False),
        ("http://index.example/", ("index.example",), True),
        ("http://index.example:8080/", ("index.example",), True),
        ("http://index.example:8080/", ("index.example:8080",), True),
        ("http://me:secret@index.example:8080/", ("index.example:8080",), True),
        ("http://index.example:8081/", ("index.example:8080",), False),
        ("http://index.example@evil.example/", ("index.example",), False),
        ("file:///page.html", ("index.example",), False),
    ],
)
def test_nothing_is_kept_that_somebody_on_the_way_may_have_changed(
    folder: Path, url: str, trusted: tuple[str, ...], *, is_kept: bool
) -> None:
    keep(folder, url, None, *trusted)

    assert (Kept(folder).answer(url) is not None) is is_kept
    assert folder.exists() is is_kept


def test_no_password_of_a_url_is_on_the_disk(folder: Path) -> None:
    url = "https://me:s3cr3t@index.example/simple/tool/?token=s3cr3t"

    keep(folder, url)

    (file,) = files(folder)
    assert Kept(folder).answer(url) is not None
    assert b"s3cr3t" not in file.read_bytes()
    assert "s3cr3t" not in str(file)


def test_what_is_kept_is_for_its_owner_alone(folder: Path) -> None:
    keep(folder)
    Kept(folder).keep_metadata(BODY)

    assert {file.stat().st_mode & 0o777 for file in files(folder)} == {0o600}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[:-1],
    "cut in the middle of what it says of itself": lambda content: content[:20],
    "longer": lambda content: content + b"\n",
    "another body": lambda content: content.replace(b"tool", b"fool"),
    "another header": lambda content: content.replace(b"html", b"html+"),
    "something else": lambda _: b"PK\x03\x04\n{}\n",
    "something else in JSON": lambda _: b'{"size": 0, "headers": 5, "kept": 0, "until": 0}\n',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_the_same_as_none_and_is_replaced(folder: Path, damage: str) -> None:
    keep(folder)
    (file,) = files(folder)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))

    found = Kept(folder).answer(URL)
    keep(folder)

    assert found is None
    assert Kept(folder).answer(URL) == Answer(headers=TOLD, body=BODY, is_fresh=True)


def test_metadata_comes_back_only_if_it_is_what_its_sha256_says(folder: Path) -> None:
    sha256 = hashlib.sha256(BODY).hexdigest()
    kept = Kept(folder)

    before = kept.metadata(sha256)
    kept.keep_metadata(BODY)
    found = kept.metadata(sha256)
    (file,) = files(folder)
    file.write_bytes(BODY + b"Requires-Dist: evil\n")

    assert (before, found, kept.metadata(sha256)) == (None, BODY, None)


@pytest.mark.parametrize("name", ["../answers", "/dev/zero", "\0", "\ud800", "", "0" * 64])
def test_what_is_no_sha256_of_anything_kept_finds_nothing(folder: Path, name: str) -> None:
    keep(folder)
    Kept(folder).keep_metadata(b"")

    assert Kept(folder).metadata(name) is None


def a_file(folder: Path) -> None:
    folder.write_bytes(b"")


def files_in_place_of_its_folders(folder: Path) -> None:
    folder.mkdir()
    for kind in ("answers", "metadata"):
        (folder / kind).write_bytes(b"")


def folders_in_place_of_its_files(folder: Path) -> None:
    keep(folder)
    Kept(folder).keep_metadata(BODY)
    for file in files(folder):
        file.unlink()
        file.mkdir()


@pytest.mark.parametrize("occupy", [a_file, files_in_place_of_its_folders, folders_in_place_of_its_files])
def test_a_folder_that_cannot_be_used_is_nobodys_failure(
    folder: Path, occupy: Callable[[Path], None]
) -> None:
    occupy(folder)
    before = files(folder)
    kept = Kept(folder)

    keep(folder)
    kept.keep_metadata(BODY)

    assert (kept.answer(URL), kept.metadata(hashlib.sha256(BODY).hexdigest())) == (None, None)
    assert files(folder) == before


def test_without_a_folder_nothing_is_kept_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = Kept(None)

    kept.keep_answer(URL, HEADERS, BODY)
    kept.keep_metadata(BODY)

    assert (kept.answer(URL), kept.metadata(hashlib.sha256(BODY).hexdigest())) == (None, None)
    assert list(tmp_path.iterdir()) == []
