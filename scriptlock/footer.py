"""The footer of a script: comment lines that hold a lock; docs/format.md is the contract."""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from typing import Any

from scriptlock import plaintoml
from scriptlock.document import LOCK_VERSION, REMAKE, from_table, to_table
from scriptlock.errors import InvalidFooter
from scriptlock.header import digest
from scriptlock.model import Lock
from scriptlock.source import BEGIN, END

LONGEST = 1024 * 1024
"""Bytes that a footer may have; 100 packages with ten hashes each take a tenth of it."""

_READ = re.compile(rb"#(?: \|(?: [\x20-\x7e]*)?| *)")
_WRITTEN = re.compile(r"# \|(?: [\x20-\x7e]*[\x21-\x7e])?")
_UNTOUCHED = re.compile(
    rb"%b\n(?>(?:# \|(?: [\x20-\x7e]*+(?<! ))?\n)*)%b\n?" % (re.escape(BEGIN), re.escape(END))
)
"""A footer that no editor trimmed or padded, in a file whose lines end in LF."""
_CONFLICT = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")


def read_lines(footer: bytes, line: int) -> str:
    """Return the TOML in a footer; its first line is the one after the begin line.

    :param footer: from its begin line to its end line.
    :param line: the line of the script that the begin line is.
    :raises InvalidFooter: for a line that is no line of a footer.
    """
    if len(footer) > LONGEST:
        raise InvalidFooter(f"the footer is longer than {LONGEST // 1024} KiB", line, REMAKE)
    if _UNTOUCHED.fullmatch(footer):  # all of it at once
        whole = footer[len(BEGIN) : footer.rindex(END)].decode("ascii")
        return whole.replace("\n# |", "\n").replace("\n ", "\n")[1:]
    lines = [text.removesuffix(b"\r") for text in footer.removesuffix(b"\n").split(b"\n")][1:-1]
    for number, text in enumerate(lines, line + 1):
        if text.startswith(_CONFLICT):
            last = line + len(lines) + 1
            hint = f"resolve it, or delete lines {line} to {last}; then run `scriptlock lock`"
            raise InvalidFooter("there is a merge conflict inside the footer", number, hint)
        if not _READ.fullmatch(text):
            what = "does not belong there" if text.startswith(b"#") else "is not a comment"
            reason = f"a line inside the footer {what}"
            raise InvalidFooter(reason, number, "move it out from between the footer's first and last line")
    return "".join(text.decode("ascii")[4:].rstrip(" ") + "\n" for text in lines)


def read_table(text: str, line: int) -> dict[str, Any]:
    """Return the ``[tool.scriptlock]`` table of a footer's TOML, of a version that we know.

    :param line: the line of the script that the TOML begins on.
    :raises InvalidFooter: if it is no TOML, holds anything else, or is of a newer version.
    """
    whole = plaintoml.load(text, line=line, what="the footer", error=InvalidFooter, hint=REMAKE)
    tool = whole.get("tool")
    table = tool.get("scriptlock") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise InvalidFooter("the footer has no [tool.scriptlock] table", line, REMAKE)
    version = table.get("lock-version")
    if isinstance(version, bool) or not isinstance(version, int):
        place = _find_line(text, line, "lock-version")
        raise InvalidFooter("the footer's lock-version is not a whole number", place, REMAKE)
    if version > LOCK_VERSION:
        place = _find_line(text, line, "lock-version")
        reason = f"the footer has lock-version {version}, and this scriptlock knows none above {LOCK_VERSION}"
        raise NewerFooter(reason, place, "upgrade scriptlock")
    if version < LOCK_VERSION or len(whole) > 1 or len(tool or ()) > 1:
        raise InvalidFooter("the footer is not one [tool.scriptlock] table of a known version", line, REMAKE)
    return table


class NewerFooter(InvalidFooter):
    """The footer is of a version that a newer scriptlock wrote."""


def read_footer(footer: bytes, line: int) -> Lock:
    """Return the lock that a footer holds.

    :param footer: from its begin line to its end line.
    :param line: the line of the script that the begin line is.
    :raises InvalidFooter: if it does not follow the format, or was changed by hand.
    """
    lock = _read_sound(footer)
    return _read(footer, line) if lock is None else lock


@lru_cache(maxsize=32)  # of many scripts some carry the same
def _read_sound(footer: bytes) -> Lock | None:
    try:
        return _read(footer, 0)
    except InvalidFooter:
        return None  # what is said of it depends on where it stands


def _read(footer: bytes, line: int) -> Lock:
    text = read_lines(footer, line)
    table = read_table(text, line + 1)
    line_of = partial(_find_line, text, line + 1)
    lock = from_table(table, line_of)
    content = table.pop("content", None)
    if content != digest(table):
        reason = "the footer was changed by hand, or merged, after it was written"
        raise InvalidFooter(reason, line_of("content"), REMAKE)
    return lock


def is_foreign(footer: bytes) -> bool:
    """Return whether there are comments between a begin and an end line, and none of them a footer's."""
    if b"\n# |" in footer or len(footer) > LONGEST:
        return False
    lines = footer.rstrip(b"\r\n").split(b"\n")[1:-1]
    return bool(lines) and all(line.startswith(b"#") for line in lines)


def require_replaceable(footer: bytes, line: int) -> None:
    """Raise InvalidFooter if a footer may not be replaced: for foreign lines in it, or a newer version.

    One that was merely changed by hand may be: it says nothing that cannot be made again.

    :param footer: from its begin line to its end line, or nothing.
    """
    if not footer:
        return
    text = read_lines(footer, line)
    try:
        read_table(text, line + 1)
    except NewerFooter:
        raise
    except InvalidFooter:
        pass


def _find_line(text: str, line: int, *path: str) -> int:
    """Return the script's line where a key of ``[tool.scriptlock]`` stands, or else the TOML's first."""
    from scriptlock import tomltext

    for statement in tomltext.find_statements(text):
        if statement.path == ("tool", "scriptlock", *path):
            return line + statement.line
    return line


def write_footer(lock: Lock) -> tuple[str, ...]:
    """Return the lines of the footer that holds the lock, from its begin line to its end line.

    :raises InvalidFooter: if a URL of the lock carries credentials.
    """
    return _write_table(json.dumps(to_table(lock)))


@lru_cache(maxsize=32)  # many scripts that are locked at once get the same lock
def _write_table(as_json: str) -> tuple[str, ...]:
    from scriptlock.spelling import ACTING, spell

    # By its text, for locks that are equal need not be written alike: 1.0 equals 1.
    table = json.loads(as_json)
    text = f"{_TITLE}\n{spell({**table, 'content': digest(table)})}"
    lines = [f"# | {line}" if line else "# |" for line in text.removesuffix("\n").split("\n")]
    for line in lines:
        if not _WRITTEN.fullmatch(line) or ACTING.search(line):
            raise RuntimeError(f"this may not stand in a footer: {line!r}")
    return (BEGIN.decode("ascii"), *lines, END.decode("ascii"))


_TITLE = "# Locked dependencies of this script. Refresh: scriptlock lock"
