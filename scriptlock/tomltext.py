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
_MOST_PARTS = 32
_MANY_DOTS = re.compile(
    r"""(?<![\w-])(?:(?:"[^"\n]*"|'[^'\n]*'|[\w-]++)[ \t]*+\.[ \t]*+){%d}""" % _MOST_PARTS  # noqa: UP031
)


def load(
    text: str,
    *,
    line: int,
    what: str,
    error: type[InvalidScript] = InvalidScript,
    hint: str | None = None,
) -> dict[str, Any]:
    """Return the table that the text is (TOML 1.0).

    :param line: the line of the script that the text's first line stands in.
    :param what: the subject of the sentence when it is no TOML.
    :param hint: what to do then.
    :raises InvalidScript: or rather ``error``, with the line of the script.
    """
    if _MANY_DOTS.search(text) and (above := _find_endless_key(text)) is not None:
        raise error(f"{what} has a key of more than {_MOST_PARTS} parts", line + above, hint)
    try:
        return tomllib.loads(text)
    except ValueError as trouble:
        message = str(trouble)
        place = _PLACE.search(message)
        # What is missing at the end was left out where the last statement begins.
        above = int(place["line"]) - 1 if place and place["line"] else _last_start(text)
        reason = message[: place.start()] if place else message
        raise error(f"{what} is not valid TOML: {_lower_first(reason)}", line + above, hint) from trouble
    except RecursionError as trouble:
        raise error(f"{what} is nested too deeply", line, hint) from trouble


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One ``key = value`` of a TOML text, or the ``[name]`` of a table."""

    path: tuple[str, ...]
    """The table's name, and the key if there is one, part by part."""
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
            yield Statement(path=table, line=pieces[0][1], strings=())
            continue
        middle = words.index("=")
        keys = (_unquote(word) for word in words[:middle] if word != ".")
        strings = ((_unquote(piece), line) for piece, line in pieces[middle:] if piece[0] in "\"'")
        yield Statement(path=(*table, *keys), line=pieces[0][1], strings=tuple(strings))


def _split_statements(text: str) -> Iterator[list[tuple[str, int]]]:
    """Yield the pieces of each statement and table name, without comments, with their 0-based lines.

    What the text leaves open comes last.
    """
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
    if pieces:
        yield pieces


def _find_endless_key(text: str) -> int | None:
    for pieces in _split_statements(text):
        shape = "".join(piece if piece in "[]{}=,." else "k" for piece, _ in pieces)
        if "k." * _MOST_PARTS in shape:
            return pieces[0][1]
    return None


def _last_start(text: str) -> int:
    return max((pieces[0][1] for pieces in _split_statements(text)), default=0)


def _unquote(word: str) -> str:
    if word[0] not in "\"'":
        return word
    value: str = tomllib.loads(f"value = {word}")["value"]
    return value
