"""TOML that stands in the comments of a script: reading it, and finding where its parts stand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scriptlock.errors import InvalidScript

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
# tomllib is quadratic in the parts of a dotted key: 64 kB of them take it seconds.
_ENDLESS_KEY = re.compile(r"""(?<![\w-])(?:(?:"[^"\n]*"|'[^'\n]*'|[\w-]++)[ \t]*+\.[ \t]*+){32}""")


def load(text: str, *, line: int, what: str, error: type[InvalidScript] = InvalidScript) -> dict[str, Any]:
    """Return the table that the text is (TOML 1.0).

    :param line: the line of the script that the text's first line stands in.
    :param what: the subject of the sentence when it is no TOML.
    :raises InvalidScript: or rather ``error``, with the line of the script.
    """
    if endless := _ENDLESS_KEY.search(text):
        reason = f"{what} has a key of more than 32 parts"
        raise error(reason, line + text.count("\n", 0, endless.start()))
    try:
        return tomllib.loads(text)
    except ValueError as trouble:
        message = str(trouble)
        place = _PLACE.search(message)
        inside = int(place["line"]) if place and place["line"] else max(1, text.count("\n"))
        reason = message[: place.start()] if place else message
        raise error(f"{what} is not valid TOML: {_lower_first(reason)}", line + inside - 1) from trouble
    except RecursionError as trouble:
        raise error(f"{what} is nested too deeply", line) from trouble


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One ``key = value`` of a TOML text."""

    path: tuple[str, ...]
    """The table's name and the key, part by part."""
    line: int
    """0-based, in the text."""
    strings: tuple[tuple[str, int], ...]
    """Every string in the value, keys of inline tables included, with its 0-based line."""


# What brackets, strings, comments and line breaks are made of, and words.
_PIECE = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|\n|[][{}=.,]|[^][\s{}=.,"'#]+""",
    re.DOTALL,
)


def find_statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text that :func:`load` accepts, in its order."""
    table: tuple[str, ...] = ()
    for pieces in _split_statements(text):
        words = [piece for piece, _ in pieces]
        if words[0] == "[":
            table = tuple(_unquote(word) for word in words if word not in {"[", "]", "."})
            continue
        middle = words.index("=")
        keys = (_unquote(word) for word in words[:middle] if word != ".")
        strings = ((_unquote(piece), line) for piece, line in pieces[middle:] if piece[0] in "\"'")
        yield Statement(path=(*table, *keys), line=pieces[0][1], strings=tuple(strings))


def _split_statements(text: str) -> Iterator[list[tuple[str, int]]]:
    """Yield the pieces of each statement and table name, without comments, with their 0-based lines."""
    pieces: list[tuple[str, int]] = []
    line = depth = 0
    for piece in (match[0] for match in _PIECE.finditer(f"{text}\n")):
        if piece == "\n":
            if pieces and not depth:
                yield pieces
                pieces = []
        elif not piece.startswith("#"):
            depth += (piece in {"[", "{"}) - (piece in {"]", "}"})
            pieces.append((piece, line))
        line += piece.count("\n")


def _unquote(word: str) -> str:
    if word[0] not in "\"'":
        return word
    value: str = tomllib.loads(f"value = {word}")["value"]
    return value
