"""The TOML that we write into footers, and most people into headers, read several times faster.

Plain TOML has one statement a line, bare keys, ``"strings"`` without escapes, and lists of those, as
``_STATEMENT`` says. Everything else, and everything that is wrong, is for :mod:`tomllib`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_KEY = r"[A-Za-z0-9_-]++"
_STRING = r'"[^"\\\x00-\x1f\x7f]*+"'
_INLINE = rf"\{{\ {_KEY}\ =\ {_STRING} (?> (?: ,\ {_KEY}\ =\ {_STRING} )* ) \ \}}"
# No text matches in two ways, so the time this takes grows with the text and no faster.
_STATEMENT = re.compile(
    rf"""
    (?> (?: (?P<key> {_KEY} ) \ =\ (?:
            (?P<string> {_STRING} )
          | (?P<number> [1-9][0-9]{{0,9}}+ )
          | (?P<claim> true | false )
          | \[ (?P<strings>
                (?> (?: {_STRING} (?: ,\ *+ {_STRING} )* )? )
              | \n (?> (?: \ *+ {_STRING} ,\n )* ) (?> (?: \ *+ {_STRING} \n )? ) \ *+
            ) \]
          | (?P<inline> {_INLINE} )
          | \[\n (?P<values> (?> (?: \ *+ (?: {_INLINE} | {_STRING} ) ,\n )+ ) ) \]
        )
      | \[ (?P<table> {_KEY} (?> (?: \. {_KEY} ){{0,9}} ) ) \]
      | \# [^\x00-\x1f\x7f]*+
    )? ) \n
    """,
    re.VERBOSE,
)


def load(text: str, **where: Any) -> dict[str, Any]:
    """Return the table that a text is, as :func:`scriptlock.tomltext.load` does, and with its errors.

    :param where: its options.
    """
    table = read(text)
    if table is None:
        from scriptlock import tomltext

        table = tomltext.load(text, **where)
    return table


class _NotPlain(Exception):
    """There is a key twice."""


def read(text: str) -> dict[str, Any] | None:
    """Return the table that :func:`tomllib.loads` returns, or None if the text is not plain TOML, or none."""
    table: dict[str, Any] = {}
    tables = {"": table}
    place = 0
    try:
        while statement := _STATEMENT.match(text, place):
            place = statement.end()
            kind = statement.lastgroup
            if kind == "table":
                table = _open(tables, statement[kind])
            elif kind is not None:
                _put(table, statement["key"], _READERS[kind](statement[kind]))
    except _NotPlain:
        return None
    return tables[""] if place == len(text) else None


def _open(tables: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """Return a new table, in the one that it belongs to.

    :param tables: those that there are, by their whole names.
    """
    outer, _, key = name.rpartition(".")
    if outer not in tables:
        _open(tables, outer)
    tables[name] = {}
    _put(tables[outer], key, tables[name])
    return tables[name]


def _put(table: dict[str, Any], key: str, value: object) -> None:
    if key in table:
        raise _NotPlain
    table[key] = value


# What stands between two quotes has none in it, and what stands outside them is only layout and keys.


def _read_strings(value: str) -> list[str]:
    return value.split('"')[1::2]


def _read_value(value: str) -> str | dict[str, str]:
    return value.split('"')[1] if value.endswith('",') else _read_inline(value)


def _read_inline(value: str) -> dict[str, str]:
    pieces = value.split('"')
    table: dict[str, str] = {}
    for layout, string in zip(pieces[0::2], pieces[1::2], strict=False):
        _put(table, layout.strip(" {=,"), string)
    return table


_READERS: Mapping[str, Callable[[str], object]] = {
    "string": lambda value: value[1:-1],
    "number": int,
    "claim": lambda value: value == "true",
    "strings": _read_strings,
    "inline": _read_inline,
    "values": lambda value: [_read_value(line) for line in value.split("\n")[:-1]],
}
