from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock.errors import InvalidFooter
from scriptlock.tomltext import Statement, find_statements, load

TEXT = '''\
# a = 1
a = 1  # b = 2
"c d".e = ["x # no comment", 'y"', [
  "z",
]]
[t.'u.v']
w = """
[not.a.table]
= "\\u0041""" # end
[[t.x]]
y = { z = "deep", "q" = 1.5 }
'''


def test_statements_are_found_wherever_toml_lets_them_be() -> None:
    assert list(find_statements(TEXT)) == [
        Statement(path=("a",), line=1, strings=()),
        Statement(path=("c d", "e"), line=2, strings=(("x # no comment", 2), ('y"', 2), ("z", 3))),
        Statement(path=("t", "u.v"), line=5, strings=()),
        Statement(path=("t", "u.v", "w"), line=6, strings=(('[not.a.table]\n= "A', 6),)),
        Statement(path=("t", "x"), line=9, strings=()),
        Statement(path=("t", "x", "y"), line=10, strings=(("deep", 10), ("q", 10))),
    ]


VALUES = st.sampled_from(
    ["1", "'#'", '"["', '"""\n= 1\n"""', "'''\n[x]\n'''", "[\n  1, # ]\n  '''\n'''\n]", "{a = '}'}"]
)
KEYS = st.sampled_from(["a", "b", "'c.d'", '"e\\"f"', "g-h", "1"])
GAPS = st.sampled_from(["", "# text = 'x\n", "\n", "  \n"])


@given(
    tables=st.lists(st.lists(KEYS, min_size=1, max_size=3).map(".".join), max_size=3, unique=True),
    keys=st.lists(st.tuples(GAPS, KEYS, VALUES), max_size=3, unique_by=lambda key: key[1]),
)
def test_every_value_is_found_where_it_stands(tables: list[str], keys: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{gap}{key} = {value}\n" for gap, key, value in keys)
    whole = text + "".join(f"[[x{number}.{table}]]\n{text}" for number, table in enumerate(tables))

    found = list(find_statements(whole))

    assert len(found) == len(keys) * (1 + len(tables)) + len(tables)
    values = tomllib.loads(whole)
    for statement in found:
        assert lookup(values, statement.path) is not None
        first = whole.split("\n")[statement.line]
        assert tomllib.loads(first if first.startswith("[[") else f"{first.partition('=')[0]} = 1")


def lookup(value: Any, path: tuple[str, ...]) -> Any:
    """Return what a path of keys leads to, in the last table of an array of them."""
    for key in path:
        value = value[key]
        value = value[-1] if isinstance(value, list) and value and isinstance(value[-1], dict) else value
    return value


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\nb = \n", 11, "the footer is not valid TOML: invalid value"),
        ("a = 1\n\nb = '''\n\n", 12, "the footer is not valid TOML: expected \"'''\""),
        ("a = 2026-02-30\n", 10, "the footer is not valid TOML: invalid date or datetime"),
        ("a = " + "9" * 5000, 10, "the footer is not valid TOML: exceeds the limit (4300 digits)"),
        ("\x00", 10, "the footer is not valid TOML: "),
        ("a = " + "{ a = " * 3000, 10, "the footer is nested too deeply"),
        ("a = 1\n[b." + "'c d' . " * 40 + "e]", 11, "the footer has a key of more than 32 parts"),
    ],
)
def test_what_is_no_toml_is_the_error_asked_for(text: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidFooter) as caught:
        load(text, line=10, what="the footer", error=InvalidFooter)

    assert (caught.value.line, str(caught.value)[: len(reason)]) == (line, reason)


@pytest.mark.parametrize(
    "text",
    [
        "a = [\n" + "'x', " * 100 + "]",
        "a.b.c = '" + "x." * 100 + "'",
        "# " + ". " * 100,
        f"a = [{'1.5, ' * 100}]",
    ],
)
def test_many_dots_elsewhere_are_no_endless_key(text: str) -> None:
    assert load(text, line=1, what="it") == tomllib.loads(text)
