from __future__ import annotations

import pytest

from scriptlock.model import Notice
from scriptlock.script import parse

CLOSED = "# dependencies = []\n# ///\n"


def notices(text: str) -> list[tuple[int, str]]:
    """Return the lines and messages of the warnings about a script that has no header."""
    script = parse(text)
    assert script.header is None
    return [(notice.line, notice.message) for notice in script.warnings]


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        ("# /// script ", "goes on after `script` (a space)"),
        ("# /// script\t", "goes on after `script` (a tab)"),
        ("# /// script\xa0", "goes on after `script` (U+00A0 NO-BREAK SPACE)"),
        ("# /// script!", "goes on after `script` (`!`)"),
        ("#/// script", "has nothing after `#`"),
        ("#\t/// script", "has a tab after `#`"),
        ("#\xa0/// script", "has U+00A0 NO-BREAK SPACE after `#`"),
        ("#  /// script", "has more than one space after `#`"),
        ("# ///script", "has nothing after `///`"),
        ("# /// Script", "says `Script`"),
        ("  # /// script", "is indented (more than one space)"),
        ("\x0c# /// script", "is indented (U+000C)"),
    ],
)
def test_an_opening_line_that_is_almost_one_is_named(opening: str, reason: str) -> None:
    expected = f"this line opens no header: it {reason}; write `# /// script`"

    assert notices(f"x = 1\n{opening}\n{CLOSED}") == [(2, expected)]


IGNORED = (1, "this header is ignored: no `# ///` line closes it")


@pytest.mark.parametrize(
    "closing", ["# /// ", "# ///\t", "#///", "# ///\xa0", " # ///", "# /// end", "# ////"]
)
def test_a_closing_line_that_is_almost_one_is_named(closing: str) -> None:
    expected = (3, "this line does not close the header; write `# ///` and nothing else")

    assert notices(f"# /// script\n# dependencies = []\n{closing}\n") == [IGNORED, expected]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("#\tdependencies = []", "has a tab after `#`"),
        ("#\xa0dependencies = []", "has U+00A0 NO-BREAK SPACE after `#`"),
        ("#dependencies = []", "has `d` after `#`"),
    ],
)
def test_a_comment_that_cuts_the_header_off_is_named(line: str, reason: str) -> None:
    expected = (3, f"the header ends above this line: it {reason}; write `# `")

    assert notices(f"# /// script\n# a = 1\n{line}\n# ///\n") == [IGNORED, expected]


@pytest.mark.parametrize("line", ["", "x = 1"])
def test_a_line_that_cuts_the_header_off_is_named_if_a_closing_line_follows(line: str) -> None:
    expected = (3, "the header ends above this line: it does not begin with `#`")

    assert notices(f"# /// script\n# a = [\n{line}\n# ]\n# ///\n") == [IGNORED, expected]
    assert notices(f"# /// script\n# a = [\n{line}\n# ]\n") == [IGNORED]


def test_a_header_inside_another_block_is_named() -> None:
    expected = (
        "this line opens no header: it stands inside the `other` block above; put an empty line before it"
    )

    assert notices("# /// other\n# text\n# /// script\n# a = 1\n# ///\n") == [(3, expected)]


def test_a_header_after_a_block_that_nothing_closes_is_not_said_to_be_inside() -> None:
    assert notices("# /// other\n# /// script\n# a = 1\n") == [(2, IGNORED[1])]


def test_an_empty_header_is_named() -> None:
    expected = (1, "this header is ignored: it has no lines; write `#` before its `# ///`")

    assert notices("# /// script\n# ///\n") == [expected]


def test_an_unclosed_block_beside_a_header_is_named() -> None:
    script = parse("# /// script\n# a = 1\n# ///\n\n# /// script\n# b = 1\n")

    assert script.header is not None
    assert script.warnings == (Notice(line=5, message=IGNORED[1]),)


@pytest.mark.parametrize(
    "text",
    ["", "x = 1  # /// script\n", "# see /// script\n", "# /// scripts\n#\n# ///\n", "////////\n", "# ///\n"],
)
def test_what_nobody_meant_as_a_header_is_passed_over(text: str) -> None:
    assert notices(text) == []


def test_however_many_there_are_only_some_are_named() -> None:
    text = "#/// script\n" * 5000

    assert [line for line, _ in notices(text)] == list(range(1, 11))


def test_lines_longer_than_anybody_writes_are_passed_over() -> None:
    assert notices(" " * 500 + "# /// script\n") == []
    assert notices("# /// script" + " " * 500 + "\n") == []


def test_names_are_read_in_the_scripts_encoding() -> None:
    script = parse("# coding: cp1252\n# /// script\xa0\n".encode("cp1252"))

    assert "NO-BREAK SPACE" in script.warnings[0].message
