from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptlock import plaintoml, tomltext
from scriptlock.errors import InvalidFooter
from scriptlock.footer import LONGEST, read_lines, write_footer
from scriptlock.model import Lock
from support.texts import locks

PLAIN = """\
# a note
requires-python = ">=3.11"
dependencies = [
  "rich",
    "h\xe9llo # none, ] {",
  "requests<3"
]
other = []
more = ["a", "b",  "c"]
none = [
]

[tool.scriptlock]
required = true
1 = 10
[tool.uv.x_y]
t = { a = "1", b = "=" }
ts = [
  { version = "1", marker = "os_name == 'nt'" },
{ version = "2" },
]
[tool.scriptlock.pins]
"""
LINES = [
    'a = "x"',
    'a-b = "x"',
    "a = 'x'",
    'a = "\\u0041"',
    'a = "\t"',
    'a = "\x7f"',
    'a = """x"""',
    'a = ""',
    'a = "',
    "a = 1",
    "a = 01",
    "a = 0",
    "a = 12345678901",
    "a = 1.5",
    "a = true",
    "a = 2026-11-20",
    "a = []",
    "a = [",
    "a = [ ]",
    'a = ["x"]',
    'a = ["x", "y"]',
    'a = ["x",]',
    '  "x",',
    '"x",',
    '  "x"',
    '  "x", # y',
    "]",
    "  ]",
    "]]",
    'a = { b = "x" }',
    'a = { b = "x", c = "y" }',
    'a = { b = "x", b = "y" }',
    'a = { b.c = "x" }',
    "a = {}",
    'a = {b = "x"}',
    '  { b = "x" },',
    '  { b = "x" }',
    'b.c = "x"',
    '"b" = "x"',
    'b= "x"',
    ' c = "x"',
    'c = "x" ',
    'c = "x" # y',
    "[a]",
    "[b]",
    "[a.b]",
    "[a.b.c]",
    "[a . b]",
    "[[a]]",
    "[[b.c]]",
    "[]",
    "[a.]",
    "# note",
    "#\t",
    "# \u2028",
    "# \x7f",
    "",
    "\r",
    "\u2028",
    "a",
]
"""Statements and pieces of them: plain, not plain, and wrong."""


def plainly(text: str) -> str | None:
    """Return what the quick way reads, with the order and the types of everything, or None."""
    table = plaintoml.read(text)
    return None if table is None else repr(table)


def slowly(text: str) -> str | None:
    """Return the same of what the library reads, or None if the text is no TOML."""
    try:
        return repr(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return None


def told(load: Callable[..., dict[str, Any]], text: str) -> str:
    """Return what a reader says of a text that begins on line 3, its errors included."""
    try:
        return repr(load(text, line=3, what="it", error=InvalidFooter, hint="so"))
    except InvalidFooter as error:
        return f"{error.line}: {error} ({error.hint})"


def test_what_people_write_is_plain() -> None:
    assert plainly(PLAIN) == slowly(PLAIN)
    assert plainly(PLAIN) is not None
    assert plainly("") == "{}"


@pytest.mark.parametrize("line", LINES)
def test_a_statement_is_read_as_the_library_reads_it_or_not_at_all(line: str) -> None:
    for text in (f"{line}\n", line, f'x = "y"\n{line}\n[t]\n'):
        assert plainly(text) in {None, slowly(text)}


@given(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join), st.sampled_from(["\n", "", "\r\n"]))
@example('a = [\n  "x",\n  "x"\n]', "\n")
@example('a = [\n  { b = "x" },\n  "x",\n]', "\n")
@example("[a.b]\n[a]\nc = 1", "\n")
@example('a = { b = "x" }\n[a.c]', "\n")
@example('[a]\nb = "x"\n[a.b.c]', "\n")
def test_statements_are_read_as_the_library_reads_them_or_not_at_all(text: str, end: str) -> None:
    assert plainly(text + end) in {None, slowly(text + end)}
    assert told(plaintoml.load, text + end) == told(tomltext.load, text + end)


@given(st.text(st.sampled_from(" \n\r\t\"'\\=,.#[]{}ab01-_\xe9\x00\u2028"), max_size=30))
def test_any_text_is_read_as_the_library_reads_it_or_not_at_all(text: str) -> None:
    assert plainly(text) in {None, slowly(text)}


@given(locks())
def test_what_a_footer_holds_is_plain_unless_it_needs_escapes(lock: Lock) -> None:
    footer = "".join(f"{line}\n" for line in write_footer(lock))
    text = read_lines(footer.encode(), 1)

    read = plainly(text)

    assert read in {None, slowly(text)}
    assert (read is None) == ("\\" in text)


@pytest.mark.parametrize(
    "piece", ["a", "a.", "a = ", '"', "[", "[a.", 'a = ["a", ', 'a = { a = "a", ', "#", " "]
)
def test_long_texts_take_no_time_to_speak_of(piece: str) -> None:
    text = piece * (LONGEST // len(piece))
    lists = 'a = [\n{}"'.format('  "a",\n' * (LONGEST // 7))

    assert [plainly(text), plainly(f"a = {text}\n"), plainly(lists)] == [None, None, None]
