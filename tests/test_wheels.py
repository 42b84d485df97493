"""What is unpacked, and what is refused."""

from __future__ import annotations

import stat
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock.errors import InstallError
from scriptlock.install.shelves import timestamp
from scriptlock.install.wheels import File, folders_of, unpack
from scriptlock.install.wheels import Wheel as Unpacked
from support.repacked import EXECUTABLE, SYMLINK, Change, adding, digest, editing, repacked, without
from support.wheels import Wheel, wheel

INFO = "demo-1.0.dist-info"
DEMO = wheel("demo", "1.0")
MODULE = b'__version__ = "1.0"\n'


def unpacked(given: Wheel, folder: Path) -> Unpacked:
    archive = folder / "archive"
    archive.write_bytes(given.content)
    return unpack(archive, given.filename, folder / "content", modified=10**9)


def test_a_wheel_says_what_it_holds(tmp_path: Path) -> None:
    found = unpacked(wheel("demo", "1.0", files={"demo.py": MODULE}), tmp_path)

    module = File(source="demo.py", scheme="purelib", path="demo.py", digest=digest(MODULE), size=len(MODULE))
    assert (found.name, str(found.version), found.dist_info, found.root) == ("demo", "1.0", INFO, "purelib")
    assert module in found.files
    assert {file.source: (tmp_path / "content" / file.source).stat().st_size for file in found.files} == {
        file.source: file.size for file in found.files
    }
    assert {file.path for file in found.files} == {
        "demo.py",
        f"{INFO}/METADATA",
        f"{INFO}/WHEEL",
        f"{INFO}/INSTALLER",
    }


def test_its_files_are_read_only_and_of_the_time_that_was_said(tmp_path: Path) -> None:
    unpacked(repacked(DEMO, adding("demo/tool", mode=EXECUTABLE)), tmp_path)

    files = [path for path in (tmp_path / "content").rglob("*") if path.is_file()]
    assert {path.stat().st_mtime for path in files} == {10**9}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) & 0o333 for path in files} == {
        path.name: 0o111 if path.name == "tool" else 0 for path in files
    }


def test_the_parts_of_a_wheel_have_their_places(tmp_path: Path) -> None:
    places = ("data/etc/demo.cfg", "headers/demo.h", "platlib/_demo.so", "purelib/more.py", "scripts/demo")
    files = {f"demo-1.0.data/{place}": "x" for place in places}

    found = unpacked(wheel("demo", "1.0", files=files, tag="cp311-abi3-linux_x86_64"), tmp_path)

    assert {
        f"{file.scheme}/{file.path}" for file in found.files if file.source.startswith("demo-1.0.data")
    } == set(places)
    assert found.root == "platlib"


def test_what_only_an_installer_can_say_is_not_taken_from_a_wheel(tmp_path: Path) -> None:
    said = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws")
    boastful = DEMO
    for name in said:
        boastful = repacked(boastful, adding(f"{INFO}/{name}", b"me"), record=False)

    unpacked(boastful, tmp_path)

    folder = tmp_path / "content" / INFO
    assert sorted(path.name for path in folder.iterdir()) == ["INSTALLER", "METADATA", "WHEEL"]
    assert (folder / "INSTALLER").read_text("utf-8") == "scriptlock\n"


@pytest.mark.parametrize(
    "path",
    [
        "../outside.py",
        "demo/../../outside.py",
        "/outside.py",
        "C:/outside.py",
        "demo\\outside.py",
        "demo//twice.py",
        "./demo/here.py",
        "demo/nul\0l.py",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(InstallError) as caught:
        unpacked(repacked(DEMO, adding(path)), tmp_path)

    assert str(caught.value) == f"demo-1.0-py3-none-any.whl holds a file whose path is not safe: {path!r}"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "archive"]
    assert not (tmp_path.parent / "outside.py").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            adding("demo/link", b"/etc/passwd", SYMLINK),
            "holds 'demo/link', which is neither a file nor a folder",
        ),
        (adding("demo/pipe", b"", 0o010644), "holds 'demo/pipe', which is neither a file nor a folder"),
        (adding("demo/__init__.py/x.py"), "holds 'demo/__init__.py' as a file and as a folder"),
        (adding("other-1.0.dist-info/METADATA"), "has 2 folders of metadata instead of one"),
        (without(f"{INFO}/METADATA"), "has no METADATA"),
        (without(f"{INFO}/WHEEL"), "has no WHEEL"),
        (editing(f"{INFO}/WHEEL", b"1.0", b"2.0"), "is in version 2.0 of the format, and only 1 is known"),
        (editing(f"{INFO}/METADATA", b"demo", b"memo"), "says of itself that it is demo 1.0 and memo 1.0"),
        (editing(f"{INFO}/METADATA", b"1.0", b"1.1"), "says of itself that it is demo 1.0 and demo 1.1"),
        (editing(f"{INFO}/METADATA", b"1.0", b"new"), "has no proper version: Invalid version: 'new'"),
        (
            adding("other-1.0.data/data/x"),
            "holds other-1.0.data/data/x, which has no place in an environment",
        ),
        (adding("demo-1.0.data/lib/x"), "holds demo-1.0.data/lib/x, which has no place in an environment"),
        (adding("demo-1.0.data/data"), "holds demo-1.0.data/data, which has no place in an environment"),
    ],
)
def test_what_is_no_sound_wheel_is_refused(change: Change, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InstallError) as caught:
        unpacked(repacked(DEMO, change), tmp_path)

    assert str(caught.value) == f"{DEMO.filename} {reason}"
    assert caught.value.hint == "tell those who publish the package"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without(f"{INFO}/RECORD"), "has no RECORD"),
        (adding("demo/more.py"), "holds demo/more.py, which its RECORD does not list"),
        (without("demo/__init__.py"), "lacks demo/__init__.py, which its RECORD lists"),
        (
            editing("demo/__init__.py", b"1.0", b"6.6"),
            "does not hold demo/__init__.py as its RECORD lists it",
        ),
        (
            editing("demo/__init__.py", b"1.0", b"longer"),
            "does not hold demo/__init__.py as its RECORD lists it",
        ),
        (
            editing(f"{INFO}/RECORD", b"demo/__init__.py,sha256", b"demo/__init__.py,md5"),
            "does not hold demo/__init__.py as its RECORD lists it",
        ),
        (
            editing(f"{INFO}/RECORD", digest(MODULE).encode(), b""),
            "does not hold demo/__init__.py as its RECORD lists it",
        ),
        (editing(f"{INFO}/RECORD", b",sha256=", b";sha256="), "has a RECORD that cannot be read"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(change: Change, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InstallError) as caught:
        unpacked(repacked(DEMO, change, record=False), tmp_path)

    assert str(caught.value) == f"{DEMO.filename} {reason}"


def test_a_path_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        double = repacked(DEMO, adding("demo/__init__.py"))

    with pytest.raises(InstallError, match=r"holds 'demo/__init__.py' twice"):
        unpacked(double, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip", DEMO.content[:-30], DEMO.content[: len(DEMO.content) // 2]],
    ids="empty text cut half".split(),
)
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"demo-1.0-py3-none-any.whl is no wheel that can be read: "):
        unpacked(replace(DEMO, content=content), tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    at = DEMO.content.index(b"demo/__init__.py") + len("demo/__init__.py") + 4
    damaged = (
        DEMO.content[:at] + bytes(byte ^ 255 for byte in DEMO.content[at : at + 4]) + DEMO.content[at + 4 :]
    )

    with pytest.raises(InstallError, match=r"^demo-1\.0-py3-none-any\.whl "):
        unpacked(replace(DEMO, content=damaged), tmp_path)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(DEMO.content)
    start = 0
    while (start := content.find(b"PK\x01\x02", start)) >= 0:
        content[start + 8] |= 1
        start += 4

    with pytest.raises(InstallError, match=r"is no wheel that can be read: .*encrypted"):
        unpacked(replace(DEMO, content=bytes(content)), tmp_path)


def test_a_name_in_no_encoding_is_refused(tmp_path: Path) -> None:
    umlauts = repacked(DEMO, adding("demo/\u00fcml\u00e4ut.py"))
    content = umlauts.content.replace("\u00fc".encode(), b"\xff\xff")

    with pytest.raises(InstallError, match=r"^demo-1.0-py3-none-any.whl is no wheel that can be read: "):
        unpacked(replace(DEMO, content=content), tmp_path)


def test_folders_in_an_archive_do_no_harm(tmp_path: Path) -> None:
    found = unpacked(repacked(DEMO, adding("demo/", b"", 0o040755), record=False), tmp_path)

    assert found.name == "demo"


@given(one=st.binary(min_size=32, max_size=32), another=st.binary(min_size=32, max_size=32))
def test_wheels_of_another_digest_have_another_time(one: bytes, another: bytes) -> None:
    times = timestamp(one.hex()), timestamp(another.hex())

    assert (times[0] == times[1]) is (one.hex()[:7] == another.hex()[:7])
    zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))  # the earliest a zip archive can hold
    assert all(315532800 <= time < 2**31 for time in times)


@given(st.lists(st.lists(st.sampled_from(["a", "b.py", "c d"]), min_size=1, max_size=4).map("/".join)))
def test_the_folders_of_files_are_all_their_parents(paths: list[str]) -> None:
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}

    assert folders_of(paths) == parents - {"."}
