"""Laws of writing a footer into somebody's source file; for more examples set HYPOTHESIS_PROFILE=thorough.

Beside every "what comes out is safe" stands "and something does come out": an embed that refuses
everything would break no other law.
"""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from collections.abc import Callable

from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from scriptlock.errors import InvalidFooter, InvalidScript
from scriptlock.footer import write_footer
from scriptlock.model import Lock
from scriptlock.script import body_end, embed, parse
from scriptlock.spelling import ACTING
from support.texts import (
    BEGIN,
    END,
    HEADER,
    LAZY,
    LOCK,
    REFERENCE,
    blocks,
    bodies,
    chunk_bodies,
    code_tokens,
    locks,
    plain_bodies,
    tree,
)

filtering = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def embedded(body: bytes, lock: Lock = LOCK) -> bytes:
    """Return the body with its footer; give up on the example if it is refused."""
    try:
        written = embed(body, lock)
    except InvalidScript as error:
        event(f"refused: {error.reason[:25]}")
        assume(False)  # noqa: FBT003
        raise
    event("embedded")
    return written


def refusal(attempt: Callable[[bytes], object], text: bytes) -> InvalidScript | None:
    """Return what an attempt raises, if it does."""
    try:
        attempt(text)
    except InvalidScript as error:
        return error
    return None


def ending(body: bytes) -> bytes:
    """Return the line break that a body without a last one gets."""
    return b"\r\n" if re.search(rb"\r\n[^\n]*\Z", body) else b"\n"


def complete(body: bytes) -> bytes:
    """Return the body with a last line break, if it has any lines."""
    return body if body.removeprefix(codecs.BOM_UTF8)[-1:] in {b"", b"\n"} else body + ending(body)


@given(body=plain_bodies(), lock=locks())
@example(body=b"", lock=LOCK)
@example(body=codecs.BOM_UTF8, lock=LOCK)
@example(body=b"\n", lock=LOCK)
@example(body=b"x = 1\r\n\n", lock=LOCK)
@example(body=b"x = 1\n\r\n\r\n", lock=LOCK)
def test_what_python_accepts_is_accepted(body: bytes, lock: Lock) -> None:
    assert tree(body) is not None

    written = embed(body, lock)

    assert written.startswith(complete(body))
    assert parse(written).lock == lock
    assert parse(written).header == parse(body).header


@filtering
@given(body=chunk_bodies())
def test_only_what_design_names_is_refused(body: bytes) -> None:
    assume(tree(body) is not None)
    assume(not re.search(rb"\0|\r(?!\n)|coding[:=]|scriptlock|<<<<<<<|# /// script", body))
    assume(body.decode("utf-8", "ignore").encode() == body)  # Python 3.11 does not look into the last comment

    written = embed(body, LOCK)

    assert written.startswith(body)


@given(body=bodies(), lock=locks())
@example(body=f"{HEADER}x = 1\n\n\n\n\n".encode(), lock=LOCK)
@filtering
def test_taking_the_footer_out_gives_the_body_back(body: bytes, lock: Lock) -> None:
    assume(BEGIN.encode() not in body)

    written = embedded(body, lock)

    assert embed(written, None) == complete(body)
    assert embed(body, None) == body


@given(body=bodies(), first=locks(), second=locks())
@filtering
def test_embedding_again_changes_nothing_and_forgets_the_former_lock(
    body: bytes, first: Lock, second: Lock
) -> None:
    written = embedded(body, first)

    assert embed(written, first) == written
    assert embed(embed(written, second), first) == written


@given(body=bodies(), lock=locks())
@example(body=b"x = 1 \\", lock=LOCK)  # a comment on the next line would make it run
@example(body=b"f(", lock=LOCK)
@filtering
def test_the_program_stays_the_same(body: bytes, lock: Lock) -> None:
    written = embedded(body, lock)

    assert tree(written) == tree(body)


@given(body=plain_bodies(), lock=locks())
def test_only_comments_are_added(body: bytes, lock: Lock) -> None:
    assert code_tokens(embed(body, lock)) == code_tokens(complete(body))


@given(body=bodies(), lock=locks())
@filtering
def test_other_tools_see_the_header_they_saw(body: bytes, lock: Lock) -> None:
    written = embedded(body, lock).decode("latin-1")

    for pattern in (REFERENCE, LAZY):
        assert blocks(pattern, written) == blocks(pattern, body.decode("latin-1"))


@given(body=plain_bodies(), lock=locks())
@settings(max_examples=max(5, settings().max_examples // 10))  # each tries hundreds of files
def test_a_tail_cut_off_anywhere_leaves_the_program_as_it_was(body: bytes, lock: Lock) -> None:
    written, program = embed(body, lock), tree(body)

    assert written.startswith(body)
    assert [end for end in range(len(body), len(written)) if tree(written[:end]) != program] == []


@given(body=plain_bodies(), lock=locks(), data=st.data())
def test_a_tail_cut_off_is_repaired_or_named(body: bytes, lock: Lock, data: st.DataObject) -> None:
    written = embed(body, lock)
    part = written[: data.draw(st.integers(len(body), len(written)))]

    error = refusal(parse, part)

    assert tree(part) == tree(body)
    if error is None:
        assert parse(part).lock in ({lock} if END.encode() in part else {None})
    else:
        assert isinstance(error, InvalidFooter)
        assert error.line == part[: part.index(BEGIN.encode())].count(b"\n") + 1


@given(text=st.one_of(bodies(), st.binary(max_size=60)))
@example(text=b"# coding: \xff\n")
@example(text=b"\xff\xfe")
@example(text=b"(" * 1000)
@example(text=b"# /// script\n# a = " + b"[" * 3000 + b"\n# ///\n")
@example(text=b'# /// script\n# dependencies = ["a; ' + b"(" * 5000 + b'"]\n# ///\n')
@example(text=b"# /// script\n# a = " + b"1" * 5000 + b"\n# ///\n")
def test_whatever_comes_is_read_or_refused(text: bytes) -> None:
    attempts: list[Callable[[bytes], object]] = [
        parse,
        body_end,
        lambda text: embed(text, LOCK),
        lambda text: embed(text, None),
    ]
    for error in filter(None, (refusal(attempt, text) for attempt in attempts)):
        assert error.reason
        assert "\n" not in str(error)
        assert error.line is None or 1 <= error.line <= text.count(b"\n") + 2


@given(lock=locks())
def test_no_line_of_a_footer_makes_a_tool_act(lock: Lock) -> None:
    lines = write_footer(lock)

    assert (lines[0], lines[-1]) == (BEGIN, END)
    for line in lines[1:-1]:
        assert re.fullmatch(r"# \|( [\x20-\x7e]*[\x21-\x7e])?", line)
        assert not ACTING.search(line)
        assert not re.search(r"'''|\"\"\"|# ///|coding[:=]|noqa|(fmt|type|isort|ruff|mypy|pragma):", line)


@given(body=bodies(), lock=locks())
@filtering
def test_the_files_own_codec_reads_the_footer_as_it_is_written(body: bytes, lock: Lock) -> None:
    written = embedded(body, lock)

    codec, _ = tokenize.detect_encoding(io.BytesIO(written).readline)
    lines = written.decode(codec).replace("\r\n", "\n").split("\n")
    assert "\n".join(write_footer(lock)) in "\n".join(lines)


@given(body=bodies())
@filtering
def test_stripping_never_touches_the_program(body: bytes) -> None:
    try:
        stripped = embed(body, None)
    except InvalidScript:
        assume(False)  # noqa: FBT003

    assert tree(stripped) == tree(body)


@given(
    body=plain_bodies(),
    suffix=plain_bodies(whole=False),
    first=locks(),
    second=locks(),
)
@filtering
def test_what_stands_after_the_footer_stays_byte_for_byte(
    body: bytes, suffix: bytes, first: Lock, second: Lock
) -> None:
    text = embed(body, first) + suffix

    written = embed(text, second)

    assert written == embed(body, second) + suffix
    assert embed(text, first) == text
    assert embed(text, None) == complete(body) + suffix


@given(lock=locks())
def test_every_lock_reads_back(lock: Lock) -> None:
    assert parse(embed("", lock)).lock == lock
    assert embed("", parse(embed("", lock)).lock) == embed("", lock)


@given(body=plain_bodies(), lock=locks())
def test_text_and_bytes_get_the_same(body: bytes, lock: Lock) -> None:
    assert embed(body.decode(), lock).encode() == embed(body, lock)
    assert parse(body.decode()) == parse(body)


@given(body=bodies(), lock=locks())
@filtering
def test_the_bytes_that_may_never_be_lost_are_not_touched(body: bytes, lock: Lock) -> None:
    written = embedded(body, lock)

    end = body_end(body)

    if end is not None:
        assert body[:end] == written[:end]
        assert body_end(written) == len(complete(body[:end]))
