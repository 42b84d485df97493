"""Files of an archive that are read at once hold what zipfile says that they hold."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from scriptlock.install.archive import CHUNK, Contents

FIRST_DATE = (1980, 1, 1, 0, 0, 0)
TEXTS = {
    "empty": b"",
    "plain.py": b"print('hello')\n",
    "a/b/c.txt": b"x" * 5000,
    "gr\u00fc\u00df.py": bytes(range(256)) * 4,
    "at-most": b"\1" * CHUNK,
    "large": b"\2" * (CHUNK + 1),
}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
Outcome = bytes | type[Exception]


class Tape(io.RawIOBase):
    """A file that cannot be gone back in: zipfile then writes digests and sizes behind each file."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, text: bytes) -> int:  # type: ignore[override]  # whatever zipfile writes
        self.written += text
        return len(text)


def packed(method: int = zipfile.ZIP_DEFLATED, *, in_one_go: bool = False, small: bool = False) -> bytes:
    """Return an archive of the texts."""
    tape = Tape() if in_one_go else io.BytesIO()
    with zipfile.ZipFile(tape, "w", method) as archive:
        for name, text in TEXTS.items():
            if len(text) < CHUNK or not small:
                info = zipfile.ZipInfo(name, FIRST_DATE)
                info.compress_type = method
                archive.writestr(info, text)
        archive.comment = b"PK\3\4 is how a file begins"
    return bytes(tape.written) if isinstance(tape, Tape) else tape.getvalue()


def outcome(read: object) -> Outcome:
    """Return what a call returns or raises, if that is what zipfile raises."""
    assert callable(read)
    try:
        return bytes(read())
    except (*BROKEN, UnicodeDecodeError) as error:
        return type(error)


def compared(archive: bytes) -> dict[str, bool]:
    """Return for each file whether it is read at once; first see that it is read as zipfile reads it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "archive")
        path.write_bytes(archive)
        with path.open("rb", buffering=0) as file, zipfile.ZipFile(path) as opened:
            contents = Contents(opened, file)
            entries = opened.infolist()
            for entry in entries:
                plain = outcome(lambda entry=entry: opened.read(entry))
                assert outcome(lambda entry=entry: b"".join(contents.chunks(entry))) == plain
            return {entry.filename: contents.at_once(entry) is not None for entry in entries}


@pytest.mark.parametrize("in_one_go", [False, True])
@pytest.mark.parametrize("method", METHODS[:2])
def test_all_but_large_files_are_read_at_once(method: int, in_one_go: bool) -> None:  # noqa: FBT001 - a parameter
    at_once = compared(packed(method, in_one_go=in_one_go))

    assert at_once == {name: len(text) <= CHUNK for name, text in TEXTS.items()}


@pytest.mark.parametrize("method", METHODS[2:])
def test_other_ways_to_compress_are_left_to_zipfile(method: int) -> None:
    assert set(compared(packed(method)).values()) == {False}


def test_an_archive_may_have_something_in_front_of_it() -> None:
    assert compared(b"#!/bin/sh\n" + packed(small=True)) == dict.fromkeys(compared(packed(small=True)), True)


def test_a_name_that_cannot_be_decoded_is_no_name_with_a_replacement_character() -> None:
    tape = io.BytesIO()
    with zipfile.ZipFile(tape, "w") as archive:
        archive.writestr(zipfile.ZipInfo("\ufffd\ufffd\ufffd", FIRST_DATE), b"x")

    damaged = tape.getvalue().replace("\ufffd\ufffd\ufffd".encode(), b"\xff" * 3 + "\ufffd\ufffd".encode(), 1)

    assert compared(damaged) == {"\ufffd\ufffd\ufffd": False}


SMALL = packed(small=True)


@given(
    at=st.integers(0, len(SMALL) - 1),
    mask=st.integers(1, 255),
    in_one_go=st.booleans(),
    stored=st.booleans(),
)
@example(at=SMALL.index(b"PK\1\2") + 8, mask=1, in_one_go=False, stored=False)  # encrypted
@example(at=SMALL.index(b"PK\1\2") + 8, mask=0x20, in_one_go=False, stored=False)  # patched
@example(at=SMALL.index(b"PK\1\2") + 16, mask=1, in_one_go=False, stored=False)  # another CRC
@example(at=SMALL.index("\u00fc".encode()), mask=0x80, in_one_go=False, stored=False)  # no UTF-8
@example(at=SMALL.index(b"plain.py"), mask=1, in_one_go=False, stored=False)  # another name in front
def test_whatever_is_wrong_is_what_zipfile_finds_wrong(
    at: int, mask: int, *, in_one_go: bool, stored: bool
) -> None:
    damaged = bytearray(packed(METHODS[0] if stored else METHODS[1], in_one_go=in_one_go, small=True))
    damaged[at % len(damaged)] ^= mask
    try:
        zipfile.ZipFile(io.BytesIO(damaged)).close()
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        assume(False)  # noqa: FBT003 - the only way to call it

    compared(bytes(damaged))
