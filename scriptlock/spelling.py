"""How the TOML of a footer is spelt: in printable ASCII, in which no tool sees anything to act on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit.items import Array, InlineTable, Key, String, Table

ACTING = re.compile(
    r"""(?ix) \'{3} | \"{3} | \#\ /// | -\*- | coding[:=] | (?:^|\s)(?:vim?|ex)(?:[<=>]?\d+)?:
    | Local\ Variables: | noqa | nosec | nopep8 | nolint
    | (?:type|fmt|yapf|isort|pylint|mypy|pyright|ruff|flake8|pragma): | (?:>>>|<<<)\ scriptlock"""
)
"""What makes some tool act, wherever in a comment it stands."""


def spell(table: dict[str, Any]) -> str:
    """Return the TOML of a ``[tool.scriptlock]`` table, keys in the order of docs/format.md."""
    import tomlkit

    main = tomlkit.table()
    for key in ("lock-version", "inputs", "content", "requires-python", "exclude-newer", "index-url"):
        if key in table:
            value = table[key]
            main.append(key, _string(value) if isinstance(value, str) else value)
    main.append("environments", _array(table["environments"], indent="  "))
    for key in ("pins", "hashes"):
        if key in table:
            main.add(tomlkit.nl())
            main.append(key, _named(table[key]))
    tool = tomlkit.table(is_super_table=True)
    tool.append("scriptlock", main)
    document = tomlkit.document()
    document.append("tool", tool)
    return document.as_string()


def _named(values: dict[str, Any]) -> Table:
    import tomlkit

    table = tomlkit.table()
    for name, value in values.items():
        if isinstance(value, list):
            is_hashes = isinstance(value[0], str) and value[0].startswith("sha256:")
            table.append(_key(name), _array(value, indent="" if is_hashes else "  "))
        else:
            table.append(_key(name), _value(value))
    return table


def _array(values: list[Any], *, indent: str) -> Array:
    import tomlkit

    array = tomlkit.array()
    for value in values:
        array.add_line(_value(value), indent=indent)
    array.add_line(indent="")
    return array


def _value(value: str | dict[str, str]) -> String | InlineTable:
    return _string(value) if isinstance(value, str) else _inline(value)


def _inline(values: dict[str, str]) -> InlineTable:
    import tomlkit

    table = tomlkit.inline_table()
    table.add(tomlkit.ws(" "))
    for key, value in values.items():
        table.append(key, _string(value))
    table[key].trivia.trail = " "
    return table


def _string(text: str) -> String:
    from tomlkit.items import String, StringType, Trivia

    return String(StringType.SLB, text, _escape(text), Trivia())


def _key(name: str) -> Key:
    from tomlkit.items import KeyType, SingleKey

    escaped = _escape(name)
    if escaped == name:
        return SingleKey(name)
    return SingleKey(name, KeyType.Basic, original=f'"{escaped}"')


def _escape(text: str) -> str:
    """Return the text as it stands in a TOML string: printable ASCII, and nothing that makes a tool act."""
    escaped = "".join(map(_escape_character, text))
    while acting := ACTING.search(escaped):
        # Its last character: the first may be a hex digit of an escape before it.
        last = acting.end() - 1
        escaped = f"{escaped[:last]}\\u{ord(escaped[last]):04x}{escaped[acting.end() :]}"
    return escaped


def _escape_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits can say
