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
    """Yield what looks like a header in a text that has none, with what is wrong; ten at most.

    :param framed: as :func:`~scriptlock.source.frame` gives it.
    """
    place, found = 0, 0
    for _ in range(_MOST_PLACES):
        place = framed.find(b"///", place)
        if place < 0 or found >= _MOST_NOTICES:
            return
        start = framed.rfind(b"\n", max(0, place - _LONGEST_LINE), place)
        notices = list(_judge(framed, start, codec)) if start >= 0 else []
        yield from notices
        found += len(notices)
        is_opening = framed.startswith(OPENING, max(start, 0))
        place = find_run_end(framed, start) if is_opening else framed.find(b"\n", place)


def find_unclosed(framed: bytes, header: slice, codec: str) -> Iterator[Notice]:
    """Yield the other lines that open a ``script`` block, and what is wrong with each; ten at most."""
    place = 0
    for _ in range(_MOST_NOTICES):
        place = framed.find(OPENING, place)
        if place < 0:
            return
        if not header.start <= place < header.stop:
            yield from _judge(framed, place, codec)
        place = find_run_end(framed, place)


def _judge(framed: bytes, start: int, codec: str) -> Iterator[Notice]:
    line = framed.count(b"\n", 0, start + 1)
    if framed.startswith(OPENING, start):
        yield from _why_unclosed(framed, start, line, codec)
        return
    end = framed.find(b"\n", start + 1, start + _LONGEST_LINE)
    if end >= 0 and (near := _OPENING_LIKE.fullmatch(_show(framed[start + 1 : end], codec))):
        reason = _why_not_opening(*near.groups())
        yield Notice(
            line=line, message=f"this line does not open a header, for it {reason}; write `# /// script`"
        )


def _show(line: bytes, codec: str) -> str:
    return line.decode(codec, "replace")


def _why_not_opening(indent: str, gap: str, second_gap: str, word: str, rest: str) -> str:
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


def _why_unclosed(framed: bytes, start: int, line: int, codec: str) -> Iterator[Notice]:
    if outer := _outer_block(framed, start):
        reason = f"it stands inside the `{outer}` block above"
        yield Notice(
            line=line, message=f"this line opens no header, for {reason}; put an empty line before it"
        )
        return
    if framed.startswith(CLOSING, start + len(OPENING) - 1):
        yield Notice(
            line=line, message="this header is empty, which is no header; write `#` between its lines"
        )
        return
    yield Notice(line=line, message="this header is ignored, for no `# ///` line closes it")
    window = framed[start + len(OPENING) : start + _WINDOW].split(b"\n")[:-1]
    for number, raw in enumerate(window, line + 1):
        text = _show(raw[:_LONGEST_LINE], codec)
        if _CLOSING_LIKE.fullmatch(text):
            yield Notice(
                line=number, message="this line does not close the header; write `# ///` and nothing else"
            )
            return
        if raw != b"#" and not raw.startswith(b"# "):
            if raw.startswith(b"#"):
                reason = f"has {_name(text[1:2])} after `#`"
                yield Notice(
                    line=number, message=f"the header ends before this line, for it {reason}; write `# `"
                )
            elif window[number - line :] and any(
                later.startswith(b"# ///") for later in window[number - line :]
            ):
                yield Notice(
                    line=number, message="the header ends before this line, for it does not begin with `#`"
                )
            return


def _outer_block(framed: bytes, start: int) -> str | None:
    """Return the type of the block that swallows the opening line at ``start``, if one does."""
    if framed.rfind(CLOSING, start, find_run_end(framed, start) + 1) < 0:
        return None
    outer = None
    for raw in reversed(framed[max(0, start - _WINDOW) : start].split(b"\n")[1:]):
        if raw != b"#" and not raw.startswith(b"# "):
            break
        if opening := re.fullmatch(rb"# /// ([a-zA-Z0-9-]+)", raw):
            outer = opening[1].decode("ascii")
    return outer
