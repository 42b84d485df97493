"""Wheels whose archive somebody has been at: the RECORD fits again, unless that is what was changed."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace

from support.wheels import FIRST_DATE, Wheel

REGULAR, SYMLINK, EXECUTABLE = 0o100644, 0o120777, 0o100755


@dataclass(slots=True)
class Entry:
    """One entry of an archive."""

    path: str
    text: bytes
    mode: int = REGULAR


Change = Callable[[list[Entry]], object]
"""Changes the entries of an archive in place."""


def repacked(wheel: Wheel, change: Change, *, record: bool = True) -> Wheel:
    """Return the wheel with other entries.

    :param record: make its RECORD fit what it holds then.
    """
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        entries = [Entry(info.filename, archive.read(info)) for info in archive.infolist()]
    change(entries)
    if record:
        (listed,) = (entry for entry in entries if entry.path.endswith(".dist-info/RECORD"))
        others = [entry for entry in entries if entry is not listed]
        lines = [f"{entry.path},{digest(entry.text)},{len(entry.text)}\n" for entry in others]
        listed.text = "".join([*lines, f"{listed.path},,\n"]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo("placeholder", FIRST_DATE)
            info.filename = info.orig_filename = entry.path  # as it is, however unsafe
            info.create_system, info.external_attr = 3, entry.mode << 16
            archive.writestr(info, entry.text)
    return replace(wheel, content=packed.getvalue())


def digest(text: bytes) -> str:
    """Return a digest as RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()


def adding(path: str, text: bytes = b"x", mode: int = REGULAR) -> Change:
    """Return a change that adds an entry."""
    return lambda entries: entries.append(Entry(path, text, mode))


def without(path: str) -> Change:
    """Return a change that takes an entry away."""

    def change(entries: list[Entry]) -> None:
        entries[:] = [entry for entry in entries if entry.path != path]

    return change


def editing(path: str, old: bytes, new: bytes) -> Change:
    """Return a change of an entry's text."""

    def change(entries: list[Entry]) -> None:
        (entry,) = (entry for entry in entries if entry.path == path)
        assert old in entry.text
        entry.text = entry.text.replace(old, new)

    return change
