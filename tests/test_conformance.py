"""Inputs whose outcome is agreed upon; tests/data has them, with what must hold and why."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from scriptlock.errors import InvalidScript
from scriptlock.script import Script, embed, parse
from support.texts import LOCK, tree

FOLDER = Path(__file__).parent / "data"
NEAR_MISSES = frozenset(
    """
    close_tag_no_space close_tag_trailing_space close_tag_trailing_text content_line_tab_after_hash
    formfeed_same_line invalid_type_characters missing_close_tag open_tag_indented
    open_tag_no_space_before_type
    open_tag_trailing_space open_tag_wrong_case other_block_contiguous_before severed_by_an_empty_line
    trailing_space_after_the_end_line_leaves_it_unclosed trailing_space_after_the_opening_line
    unclosed:_no_end_line_at_all unclosed_at_end_of_file
    """.split()
)


def rows(name: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a file by their names."""
    return {row["name"]: row for row in json.loads((FOLDER / name).read_text(encoding="utf-8"))}


HEADERS = rows("pep723_headers.json")
HOSTILE = rows("hostile_scripts.json")


def content(row: dict[str, Any]) -> bytes:
    """Return the script of a row."""
    return row["text"].encode() if "text" in row else base64.b64decode(row["bytes_b64"])


@pytest.mark.parametrize("name", [name for name, row in HEADERS.items() if row["expect"] == "metadata"])
def test_a_header_is_read_as_agreed(name: str) -> None:
    script = parse(HEADERS[name]["text"])

    assert script.header is not None
    fields = {"dependencies", "requires-python"} & script.header.metadata.keys()
    assert {field: script.header.metadata[field] for field in fields} == HEADERS[name]["metadata"]
    assert script == parse(content(HEADERS[name]))


@pytest.mark.parametrize("name", [name for name, row in HEADERS.items() if row["expect"] == "none"])
def test_what_is_no_header_is_none(name: str) -> None:
    script = parse(HEADERS[name]["text"])

    assert (script.header, bool(script.warnings)) == (None, name in NEAR_MISSES)


@pytest.mark.parametrize("name", [name for name, row in HEADERS.items() if row["expect"] == "error"])
def test_a_bad_header_is_an_error_with_its_line(name: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        parse(HEADERS[name]["text"])

    assert caught.value.line is not None


@pytest.mark.parametrize("name", [name for name, row in HOSTILE.items() if row["expect"] == "embed"])
def test_what_is_odd_but_sound_gets_a_footer(name: str) -> None:
    text = content(HOSTILE[name])

    written = embed(text, LOCK)

    assert written.startswith(text)
    assert embed(written, LOCK) == written
    assert embed(written, None).removesuffix(b"\n").removesuffix(b"\r") == text.removesuffix(
        b"\n"
    ).removesuffix(b"\r")
    assert tree(written) == tree(text)


@pytest.mark.parametrize(
    "name", [name for name, row in HOSTILE.items() if row["expect"] in {"refuse", "refuse-header"}]
)
def test_what_a_footer_would_not_be_safe_in_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        embed(content(HOSTILE[name]), LOCK)

    assert caught.value.line is not None


@pytest.mark.parametrize("name", [name for name, row in HOSTILE.items() if row["expect"] == "noop"])
def test_what_only_looks_like_a_header_is_named(name: str) -> None:
    script = parse(content(HOSTILE[name]))

    assert isinstance(script, Script)
    assert script.header is None
    assert script.warnings


def test_every_row_is_tried() -> None:
    assert {row["expect"] for row in HEADERS.values()} == {"metadata", "none", "error"}
    assert {row["expect"] for row in HOSTILE.values()} == {"embed", "refuse", "refuse-header", "noop"}
