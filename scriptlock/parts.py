"""The parts of a text: what its author wrote, the footer, and what stands after it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice

from scriptlock.errors import InvalidScript
from scriptlock.header import LONGEST
from scriptlock.model import Notice
from scriptlock.source import BOM, find_footer, find_headers, line_at, uncomment


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A text in three pieces; with two blank lines after the body they are the whole."""

    body: bytes
    """With its byte order mark, without the blank lines, two at most, that set off the footer."""
    footer: bytes = b""
    """From the begin line to the end line, or nothing."""
    suffix: bytes = b""
    line: int = 0
    """Where the footer begins, or 0."""


def split(text: bytes) -> Parts:
    """Return the parts of a text.

    :raises InvalidFooter: as :func:`~scriptlock.source.find_footer` does.
    """
    place = find_footer(text)
    if place is None:
        return Parts(body=text)
    mark = BOM if text.startswith(BOM) else b""
    body = _without_blank_line(_without_blank_line(text[len(mark) : place.start]))
    line = line_at(text, place.start)
    return Parts(body=mark + body, footer=text[place], suffix=text[place.stop :], line=line)


def _without_blank_line(body: bytes) -> bytes:
    for blank in (b"\r\n", b"\n"):
        if body == blank or body.endswith(b"\n" + blank):
            return body.removesuffix(blank)
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A ``script`` block of PEP 723."""

    toml: str
    line: int
    """1-based, of ``# /// script``."""
    place: slice
    """In the framed text."""


def find_block(framed: bytes, codec: str) -> Block | None:
    """Return the header of a text, not yet read, or None.

    :raises InvalidScript: if there are two, or it is too long for one.
    """
    first, second, *_ = [*islice(find_headers(framed), 2), None, None]
    if second is not None:
        reason = "a second `# /// script` block begins here"
        raise InvalidScript(reason, _line(framed, second), "leave only one (PEP 723)")
    if first is None:
        return None
    line = _line(framed, first)
    if first.stop - first.start > LONGEST:
        reason = f"the header is longer than {LONGEST // 1024} KiB"
        raise InvalidScript(reason, line, "set it off from comments below it by an empty line")
    return Block(toml=uncomment(framed[first]).decode(codec), line=line, place=first)


def _line(framed: bytes, block: slice) -> int:
    return framed.count(b"\n", 0, block.start + 1)


# Control characters (but tab), line separators, and bidirectional controls, which can make a text look
# like another one (Trojan Source).
_AMBIGUOUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def find_ambiguous(block: Block) -> Notice | None:
    """Return what in a header tools or people read differently, and where, or None."""
    odd = _AMBIGUOUS.search(block.toml)
    if odd is None:
        return None
    name = unicodedata.name(odd[0], "a control character")
    return Notice(
        line=block.line + 1 + block.toml.count("\n", 0, odd.start()),
        message=f"the header holds U+{ord(odd[0]):04X} ({name}), which tools or people read differently",
    )


def refuse_ambiguous(block: Block, comments: frozenset[int]) -> None:
    """Raise InvalidScript if tools, or people, may read the header differently.

    :param comments: the lines of the script that are comments.
    """
    if block.line not in comments:
        reason = "the header stands inside a string, where tools disagree on whether it counts"
        hint = "break up its `# /// script` line if it is not meant as a header"
        raise InvalidScript(reason, block.line, hint)
    if odd := find_ambiguous(block):
        raise InvalidScript(odd.message, odd.line, "take it out, or write it as \\uXXXX")


def refuse_conflict(text: bytes) -> None:
    """Raise InvalidScript if the text holds both ends of a merge conflict."""
    ours = re.search(rb"(?:\A|\n)(?=<{7} )", text)
    if ours and re.search(rb"\n>{7} ", text[ours.end() :]):
        raise InvalidScript(
            "there is a merge conflict in the script", line_at(text, ours.end()), "resolve it first"
        )
