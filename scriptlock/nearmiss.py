"""Lines that were probably meant to be a header, or part of one, and are none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from scriptlock.model import Notice
from scriptlock.source import CLOSING, OPENING, find_run_end

# However hostile the file, only so much of it is looked at.
_MOST_NOTICES = 10
_MOST_PLACES = 1000
_WINDOW = 4096
_LONGEST_LINE = 160

_OPENING_LIKE = re.compile(r"(\s*)#(\s*)///(\s*)(script)(?![a-z0-9-])(.*)", re.IGNORECASE)
_CLOSING_LIKE = re.compile(r"\s*#\s*///(?!\s*script\s*$).*", re.IGNORECASE)


def find_near_misses(framed: bytes, codec: str) -> Iterator[Notice]:
    """Yield what looks like a header in a text that has none, with what is wrong; about ten at most.

    :param framed: as :func:`~scriptlock.source.frame` gives it.
    """
    place = counted = line = found = 0
    for _ in range(_MOST_PLACES):
        place = framed.find(b"///", place)
        if place < 0 or found >= _MOST_NOTICES:
            return
        start = framed.rfind(b"\n", max(0, place - _LONGEST_LINE), place)
        if start < 0:
            place = framed.find(b"\n", place)
            continue
        line += framed.count(b"\n", counted, start + 1)
        counted = start + 1
        if framed.startswith(OPENING, start):
            place = find_run_end(framed, start)
            notices = _why_no_header(framed, slice(start, place), line, codec)
        else:
            place = framed.find(b"\n", place)
            notices = _why_no_opening(framed, start, line, codec)
        for notice in notices:
            found += 1
            yield notice


def find_unclosed(framed: bytes, header: slice, codec: str) -> Iterator[Notice]:
    """Yield what is wrong with the other lines that open a ``script`` block, ten such lines at most."""
    place = counted = line = 0
    for _ in range(_MOST_NOTICES):
        place = framed.find(OPENING, place)
        if place < 0:
            return
        line += framed.count(b"\n", counted, place + 1)
        counted = place + 1
        run = slice(place, find_run_end(framed, place))
        if not header.start <= place < header.stop:
            yield from _why_no_header(framed, run, line, codec)
        place = run.stop


def _why_no_opening(framed: bytes, start: int, line: int, codec: str) -> Iterator[Notice]:
    end = framed.find(b"\n", start + 1, start + _LONGEST_LINE)
    if end >= 0 and (near := _OPENING_LIKE.fullmatch(_show(framed[start + 1 : end], codec))):
        message = f"this line opens no header: it {_oddity(*near.groups())}; write `# /// script`"
        yield Notice(line=line, message=message)


def _show(line: bytes, codec: str) -> str:
    return line.decode(codec, "replace")


def _oddity(indent: str, gap: str, second_gap: str, word: str, rest: str) -> str:
    if indent:
        return f"is indented ({_name(indent)})"
    if gap != " ":
        return f"has {_name(gap)} after `#`"
    if second_gap != " ":
        return f"has {_name(second_gap)} after `///`"
    if word != "script":
        return f"says `{word}`"
    return f"goes on after `script` ({_name(rest)})"


def _name(text: str) -> str:
    if not text:
        return "nothing"
    odd = next((character for character in text if character != " "), " ")
    if odd == " ":
        return "a space" if len(text) == 1 else "more than one space"
    if odd.isprintable():
        return f"`{text.strip()}`"
    return "a tab" if odd == "\t" else f"U+{ord(odd):04X} {unicodedata.name(odd, '')}".rstrip()


def _why_no_header(framed: bytes, run: slice, line: int, codec: str) -> Iterator[Notice]:
    """Yield why the comment lines of the run are no header, though its first line opens one."""
    start = run.start
    if outer := _outer_block(framed, run):
        message = f"this line opens no header: it stands inside the `{outer}` block above"
        yield Notice(line=line, message=f"{message}; put an empty line before it")
        return
    if framed.startswith(CLOSING, start + len(OPENING) - 1):
        message = "this header is ignored: it has no lines; write `#` before its `# ///`"
        yield Notice(line=line, message=message)
        return
    yield Notice(line=line, message="this header is ignored: no `# ///` line closes it")
    window = framed[start + len(OPENING) : start + _WINDOW].split(b"\n")[:-1]
    for number, raw in enumerate(window, line + 1):
        below = window[number - line :]
        reason = _why_no_closing(raw, _show(raw[:_LONGEST_LINE], codec), below)
        if reason:
            yield Notice(line=number, message=reason)
        if reason or not _is_comment(raw):
            return


def _why_no_closing(raw: bytes, text: str, below: list[bytes]) -> str | None:
    """Return what is wrong with a line that might close a header, or cut it off; None if nothing is."""
    if _CLOSING_LIKE.fullmatch(text):
        return "this line does not close the header; write `# ///` and nothing else"
    if _is_comment(raw):
        return None
    if raw.startswith(b"#"):
        return f"the header ends above this line: it has {_name(text[1:2])} after `#`; write `# `"
    if any(line.startswith(b"# ///") for line in below):
        return "the header ends above this line: it does not begin with `#`"
    return None


def _is_comment(raw: bytes) -> bool:
    return raw == b"#" or raw.startswith(b"# ")


def _outer_block(framed: bytes, run: slice) -> str | None:
    """Return the type of the block that swallows the run, if one does."""
    if framed.rfind(CLOSING, run.start, run.stop + 1) < 0:
        return None
    outer = None
    for raw in reversed(framed[max(0, run.start - _WINDOW) : run.start].split(b"\n")[1:]):
        if not _is_comment(raw):
            break
        if opening := re.fullmatch(rb"# /// ([a-zA-Z0-9-]+)", raw):
            outer = opening[1].decode("ascii")
    return outer
