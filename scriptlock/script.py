"""A script as text: what it declares, what is locked, and the same text with another lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import overload

from scriptlock.errors import InvalidFooter, InvalidScript
from scriptlock.footer import is_foreign, read_footer, require_replaceable, write_footer
from scriptlock.header import Header, read_header, read_metadata
from scriptlock.model import Lock, Notice
from scriptlock.nearmiss import find_near_misses, find_unclosed
from scriptlock.parts import (
    Block,
    Parts,
    find_ambiguous,
    find_block,
    refuse_ambiguous,
    refuse_conflict,
    split,
)
from scriptlock.source import BOM, decode, find_encoding, frame, line_at, refuse_binary
from scriptlock.syntax import find_comment_lines
from scriptlock.uv_table import find_unfollowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a script says about its dependencies."""

    header: Header | None
    """Its PEP 723 block, or None."""
    lock: Lock | None
    """What its footer holds, or None."""
    warnings: tuple[Notice, ...] = ()
    """What looks wrong but is no error, by line."""
    text: bytes | str = field(default=b"", repr=False, compare=False)
    """What was parsed."""


def parse(text: bytes | str) -> Script:
    """Return what a script says; the time this takes grows with the text and no faster.

    :raises InvalidScript: if it is no text, has two headers, or one that cannot be read.
    :raises InvalidFooter: if it has a footer that cannot be trusted.
    """
    raw, codec = _encode(text)
    if not raw.isascii():  # what is, is so in every codec let through
        decode(raw, codec)
    framed = frame(raw)
    block = find_block(framed, codec)
    header = read_header(block.toml, block.line) if block else None
    parts = split(raw)
    if _MAY_END_A_STRING.search(parts.suffix):
        _require_comments(parts, codec)
    has_lock = bool(parts.footer) and not is_foreign(parts.footer)
    lock = read_footer(parts.footer, parts.line) if has_lock else None
    found = [*_header_warnings(framed, block, header, codec), *_other_warnings(raw, parts)]
    warnings = tuple(sorted(found, key=lambda notice: notice.line))
    return Script(header=header, lock=lock, warnings=warnings, text=text)


def _encode(text: bytes | str) -> tuple[bytes, str]:
    """Return the text as bytes, and the codec that turns them back."""
    if isinstance(text, bytes):
        return text, find_encoding(text)
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise InvalidScript("the text holds half of a surrogate pair", line) from error
    find_encoding(raw)  # what it will be written in has to be safe as well
    return raw, "utf-8"


# Without a quote after the footer, a string around it would never end, and Python refuse the file.
_MAY_END_A_STRING = re.compile(rb"[\"']")


def _require_comments(parts: Parts, codec: str) -> None:
    """Raise InvalidFooter if the footer is not made of comments."""
    try:
        find_comment_lines(decode(parts.body, codec))
    except InvalidScript as error:
        reason = "the lines of a footer stand inside a string or another unfinished statement here"
        hint = "break up the line if it is not meant as a footer"
        raise InvalidFooter(reason, parts.line, hint) from error


def _header_warnings(
    framed: bytes, block: Block | None, header: Header | None, codec: str
) -> Iterator[Notice]:
    if block is None or header is None:
        yield from find_near_misses(framed, codec)
        return
    yield from find_unclosed(framed, block.place, codec)
    if ambiguous := find_ambiguous(block):
        yield ambiguous
    yield from find_unfollowed(header)
    try:
        _ = header.settings
    except InvalidScript as error:
        yield Notice(line=error.line or header.line, message=error.reason)


_SIGNATURE = re.compile(rb"# (?:SIG # Begin signature block|-----BEGIN PGP SIGNATURE-----)")
_SIGNATURE_SIZE = 64 * 1024
"""Bytes at the end of a file that may be one."""


def _other_warnings(raw: bytes, parts: Parts) -> Iterator[Notice]:
    start = max(0, len(parts.body) - _SIGNATURE_SIZE)
    if signature := _SIGNATURE.search(parts.body, start):
        message = "locking the script makes the signature here invalid"
        yield Notice(line=line_at(raw, signature.start()), message=message)
    if parts.footer and is_foreign(parts.footer):
        yield Notice(line=parts.line, message="this is no footer, for nothing inside is a line of one")
    if parts.suffix.strip():
        end = len(raw) - len(parts.suffix.lstrip())
        yield Notice(
            line=line_at(raw, end), message="something stands after the footer, which should come last"
        )


@overload
def embed(text: bytes, lock: Lock | None) -> bytes: ...
@overload
def embed(text: str, lock: Lock | None) -> str: ...
def embed(text: bytes | str, lock: Lock | None) -> bytes | str:
    """Return the text with a footer that holds the lock, in place of the one it has; with None, without one.

    No byte of the body changes; a missing last line break is added. A new footer goes to the end.

    :raises InvalidScript: if a footer would not be safe in this text, or its header means different
        things to different tools.
    :raises InvalidFooter: if the text has a footer that a newer scriptlock wrote, or with lines that
        are not its own.
    """
    raw, codec = _encode(text)
    parts = _examine(raw, codec)
    written = _without_footer(raw, parts, codec) if lock is None else _with_footer(parts, lock)
    return written if isinstance(text, bytes) else written.decode()


def require_embeddable(script: Script) -> None:
    """Return if a lock can be embedded in the script; raise what :func:`embed` would otherwise."""
    _examine(*_encode(script.text))


def _examine(raw: bytes, codec: str) -> Parts:
    """Return the parts of a text that a footer is safe in.

    :raises InvalidScript, InvalidFooter: as :func:`embed` does.
    """
    refuse_binary(raw)
    whole = decode(raw, codec)
    parts = split(raw)
    require_replaceable(parts.footer, parts.line)
    refuse_conflict(raw)
    comments = find_comment_lines(decode(parts.body, codec))
    if parts.suffix.strip():
        comments = find_comment_lines(whole)
    if block := find_block(frame(raw), codec):
        refuse_ambiguous(block, comments)
        read_metadata(block.toml, block.line)
    return parts


def _without_footer(raw: bytes, parts: Parts, codec: str) -> bytes:
    if not parts.footer:
        return raw
    written = parts.body + parts.suffix
    before, after = (find_block(frame(text), codec) for text in (raw, written))
    if (before and before.toml) != (after and after.toml):
        reason = "without the footer, the lines before and after it would become a header"
        raise InvalidFooter(reason, parts.line, "put an empty line after the footer")
    return written


def _with_footer(parts: Parts, lock: Lock) -> bytes:
    mark = BOM if parts.body.startswith(BOM) else b""
    body = parts.body.removeprefix(mark)
    eol = _line_ending(body)
    if body and not body.endswith(b"\n"):
        body += eol
    lines = (line.encode("ascii") + eol for line in write_footer(lock))
    written = mark + body + (eol * 2 if body else b"") + b"".join(lines) + parts.suffix
    back = split(written)
    if (back.body, back.suffix) != (mark + body, parts.suffix) or read_footer(back.footer, back.line) != lock:
        raise RuntimeError("the footer does not read back as it was written")
    return written


def _line_ending(body: bytes) -> bytes:
    last = body.rfind(b"\n")
    return b"\r\n" if last > 0 and body[last - 1 : last] == b"\r" else b"\n"


def body_end(text: bytes) -> int | None:
    """Return how many bytes of a script :func:`embed` leaves as they are, whatever the lock.

    What follows is only the old footer, which can be made again; None if there is more.
    """
    parts = split(text)
    return None if parts.suffix.strip() else len(parts.body)
