from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from scriptlock.errors import InvalidFooter, InvalidScript
from scriptlock.script import parse
from scriptlock.source import (
    SAFE_ENCODINGS,
    decode,
    find_encoding,
    find_footer,
    find_headers,
    frame,
    refuse_binary,
    uncomment,
)
from support.texts import BEGIN, END, LINES, REFERENCE, block_texts, blocks


def headers(text: str) -> list[tuple[int, str, str]]:
    """Return line, type and TOML of the headers that we find, as :func:`support.texts.blocks` does."""
    framed = frame(text.encode())
    return [
        (framed.count(b"\n", 0, place.start + 1), "script", uncomment(framed[place]).decode())
        for place in find_headers(framed)
    ]


@settings(max_examples=10 * settings().max_examples)  # cheap
@given(text=block_texts())
@example(text="# /// other\n#text\n# /// script\n#\n# ///\n")  # which is no line of a block
@example(text="# /// script\n#\n#\n# ///")
@example(text="# x\n# /// script\r\n# ///\r\n# ///\r")  # a CR that ends nothing
@example(
    text="\t# ///\n# /// other\n#\n# /// script\n# ///\r\n# ///\n"
)  # a bare `#` above once ended the run
@example(text="# /// script\n" + "# x\n" * 40 + "\n# /// script\n#\n# ///\n")
def test_headers_are_those_of_the_reference(text: str) -> None:
    expected = [block for block in blocks(REFERENCE, text) if block[1] == "script"]

    event(f"{len(expected)} headers")
    assert headers(text) == expected


@settings(max_examples=10 * settings().max_examples)
@given(text=st.lists(st.sampled_from(LINES[:6]), max_size=30).map("\n".join))
def test_headers_are_those_of_the_reference_where_there_are_many(text: str) -> None:
    expected = [block for block in blocks(REFERENCE, text) if block[1] == "script"]

    event(f"{len(expected)} headers")
    assert headers(text) == expected


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "openings": lambda n: b"# /// script\n# x\n" * n,
    "openings and one closing": lambda n: b"# /// script\n# x\n" * n + b"# ///\n",
    "severed openings and a header": lambda n: b"# /// script\n# x\n\n" * n + b"# /// script\n#\n# ///\n",
    "openings in one run, a header in another": lambda n: (
        b"# /// script\n" * n + b"\n# /// script\n#\n# ///\n"
    ),
    "long open blocks": lambda n: (b"# /// script\n" + b"#\n" * 50 + b"\n") * (n // 10) + b"# ///\n",
    "other blocks": lambda n: b"# /// a\n# x\n# ///\n\n" * n,
    "openings in other blocks": lambda n: b"# /// a\n# /// script\n# ///\n\n" * n,
    "openings in other blocks far apart": lambda n: (
        (b"# /// a\n# /// script\n# ///\n" + b"\n" * 200) * (n // 8)
    ),
    "empty blocks": lambda n: b"# /// script\n# ///\n\n" * n,
    "near misses": lambda n: b"#/// script\n# x\n# /// \n" * n,
    "near misses of the closing": lambda n: b"# /// script\n# x\n# /// \n\n" * n,
    "slashes": lambda n: b"#" + b"/" * 16 * n,
    "a long line": lambda n: b"# /// script\n# " + b"x" * 16 * n + b"\n# ///\n",
    "bare comment lines": lambda n: b"# /// script\n" + b"#\n" * 8 * n + b"# ///\n",
    "comments before a header": lambda n: b"# x\n" * 4 * n + b"# /// script\n#\n# ///\n",
    "empty lines": lambda n: b"\n" * 16 * n,
    "begin lines with more": lambda n: b"# >>> scriptlock >>>x\n" * n,
    "a coding line": lambda n: b"#" + b" coding=" * 2 * n,
    "a key of many parts": lambda n: b"# /// script\n# " + b"a." * min(n, 30_000) + b"a = 1\n# ///\n",
    "a long header": lambda n: b"# /// script\n" + b"# a = 1\n" * 2 * n + b"# ///\n",
    "a long footer": lambda n: f"{BEGIN}\n".encode() + b"# | a = 1\n" * n + END.encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_to_parse_grows_no_faster_than_the_text(name: str) -> None:
    small, large = (seconds_to_parse(HOSTILE[name](size)) for size in (10_000, 80_000))

    # Eight times as long takes eight times as long; what is quadratic takes 64 times.
    assert large < 24 * max(small, 0.0002)


def seconds_to_parse(text: bytes) -> float:
    """Return the least processor time of a few tries."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        with suppress(InvalidScript):
            parse(text)
        seconds.append(time.process_time() - start)
    return min(seconds)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (b"", "utf-8"),
        (b"# -*- coding: latin-1 -*-\n", "iso8859-1"),
        (b"# -*- coding: Latin_1-unix -*-\n", "iso8859-1"),
        (b"# coding=utf-8-dos\n", "utf-8"),
        (b"#!/usr/bin/python\r\n# vim: set fileencoding=cp1252 :\r\n", "cp1252"),
        (b"\x0c \t\n# coding: koi8-r\n", "koi8-r"),
        (b"# caf\xe9, coding: latin-1\n", "iso8859-1"),
        (b"import os\n# coding: utf-7\n", "utf-8"),
        (b"\n\n# coding: utf-7\n", "utf-8"),
        (b"x = 1  # coding: utf-7\n", "utf-8"),
        (b"# encoding?: utf-7\n", "utf-8"),
        (b"\xef\xbb\xbf# coding: utf-8\n", "utf-8"),
        (b"# coding: ascii", "ascii"),
    ],
)
def test_the_encoding_is_the_one_that_python_uses(text: bytes, codec: str) -> None:
    assert find_encoding(text) == codec


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (b"# coding: utf-7\n", 1, "'utf-7'"),
        (b"\n# coding: shift_jis\n", 2, "'shift_jis'"),
        (b"# coding: rot13\n", 1, "'rot13'"),
        (b"# coding: no-such\n", 1, "no encoding is called 'no-such'"),
        (b"# coding: " + b"x" * 5000 + b"\n", 1, "no encoding is called"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "byte order mark"),
        (codecs.BOM_UTF16_LE + "x = 1".encode("utf-16-le"), 1, "UTF-16"),
        (codecs.BOM_UTF16_BE + "x = 1".encode("utf-16-be"), 1, "UTF-16"),
    ],
)
def test_an_encoding_that_is_not_safe_is_refused(text: bytes, line: int, part: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        find_encoding(text)

    assert part in str(caught.value)
    assert (caught.value.line, caught.value.hint is not None) == (line, True)


@pytest.mark.parametrize("codec", sorted(SAFE_ENCODINGS))
def test_a_safe_encoding_leaves_ascii_alone_and_makes_no_more_of_it(codec: str) -> None:
    ascii_bytes = bytes(range(128))

    assert codecs.lookup(codec).name == codec
    assert ascii_bytes.decode(codec) == ascii_bytes.decode("ascii")
    for byte in range(128, 256):
        if codec != "utf-8":
            # One byte is one character, whatever follows.
            assert not bytes([byte]).decode(codec, "replace").isascii()
            assert len(bytes([byte, 65, byte]).decode(codec, "replace")) == 3


def test_a_byte_that_is_no_text_is_named_with_line_and_offset() -> None:
    with pytest.raises(InvalidScript) as caught:
        decode(b"x = 1\r\ny = '\xe9'\r\n", "utf-8")

    assert caught.value.args == (
        "byte 0xe9 at offset 12 is not valid UTF-8",
        2,
        "save the file as UTF-8, or name its encoding in line 1 or 2 (PEP 263)",
    )


@pytest.mark.parametrize("text", [b"x = 1\n# \0\n", b"x = 1\n# \r\r\n"])
def test_what_hides_lines_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidScript) as caught:
        refuse_binary(text)

    assert caught.value.line == 2


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("body", [b"", b"x = 1\n"])
def test_a_footer_is_found_between_its_lines(body: bytes, mark: bytes, ending: str) -> None:
    footer = f"{BEGIN}\r\n# | a\n{END}{ending}".encode()

    place = find_footer(mark + body + footer)

    assert place == slice(len(mark + body), len(mark + body + footer))


@pytest.mark.parametrize(
    "text",
    ["", f" {BEGIN}\n", f"{BEGIN} \n{END} \n", f"x{BEGIN}\n{END}x\n", f"{BEGIN}\r", f"{BEGIN}\x0c\n"],
)
def test_a_line_that_is_not_exactly_a_footers_is_none(text: str) -> None:
    assert find_footer(text.encode()) is None


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([BEGIN], 2),
        ([END], 2),
        ([END, BEGIN], 2),
        ([BEGIN, END, BEGIN, END], 4),
        ([BEGIN, END, END], 4),
        ([BEGIN, BEGIN, END], 3),
        ([BEGIN, BEGIN], 3),
    ],
)
def test_half_a_footer_and_more_than_one_are_errors_with_their_line(lines: list[str], line: int) -> None:
    with pytest.raises(InvalidFooter) as caught:
        find_footer("\n".join(["x = 1", *lines]).encode())

    assert caught.value.line == line
    assert caught.value.hint is not None
