from __future__ import annotations

import codecs
import pickle
from dataclasses import replace

import pytest
from packaging.requirements import Requirement

from scriptlock.errors import InvalidFooter, InvalidScript
from scriptlock.model import Notice
from scriptlock.script import Script, body_end, embed, parse, require_embeddable
from support.texts import BEGIN, END, HEADER, LOCK

BODY = f"{HEADER}import six\n"
LOCKED = embed(BODY, LOCK)


def test_a_locked_script_says_what_it_declares_and_what_is_locked() -> None:
    script = parse(LOCKED)

    assert script.header is not None
    assert (script.header.line, script.header.dependencies) == (1, (Requirement("six"),))
    assert (script.lock, script.warnings) == (LOCK, ())
    assert pickle.loads(pickle.dumps(script)) == script  # noqa: S301 - our own


def test_a_text_that_says_nothing_is_a_script_too() -> None:
    assert parse(b"") == parse("") == Script(header=None, lock=None, warnings=())


def test_a_lock_without_a_header_is_read() -> None:
    assert parse(embed("", LOCK)) == Script(header=None, lock=LOCK)


def test_a_footer_comes_after_two_blank_lines() -> None:
    assert LOCKED.startswith(f"{BODY}\n\n{BEGIN}\n# | # Locked")
    assert LOCKED.endswith(f"\n{END}\n")


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("x = 1", "\n"),
        ("x = 1\r\ny = 2", "\r\n"),
        ("x = 1\ny = 2\r\n", "\r\n"),
        ("x = 1\r\ny = 2\n", "\n"),
        ("x = 1\r\n\r\n", "\r\n"),
        ("\r\n", "\r\n"),
        ("\n", "\n"),
    ],
)
def test_a_footers_lines_end_as_the_bodys_last(body: str, ending: str) -> None:
    tail = embed(body, LOCK)[len(body) :]

    assert tail.count(ending) == tail.count("\n")
    assert tail.count("\r") == (tail.count("\n") if ending == "\r\n" else 0)


def test_a_footer_alone_needs_no_blank_lines() -> None:
    assert embed("", LOCK).startswith(BEGIN)
    assert embed(codecs.BOM_UTF8, LOCK).startswith(codecs.BOM_UTF8 + BEGIN.encode())


def test_a_new_lock_takes_the_place_of_the_old_one() -> None:
    other = replace(LOCK, pins=())
    text = LOCKED.replace(f"\n\n\n{BEGIN}", f"\n{BEGIN}") + "\n# the end\n"

    written = embed(text, other)

    assert written == embed(BODY, other) + "\n# the end\n"


def test_a_footer_changed_by_hand_is_no_lock_but_can_be_replaced_and_taken_out() -> None:
    text = LOCKED.replace("1.17.0", "1.16.0")

    with pytest.raises(InvalidFooter, match="changed by hand"):
        parse(text)
    assert embed(text, LOCK) == LOCKED
    assert embed(text, None) == BODY


def test_a_footer_of_a_newer_version_is_not_touched() -> None:
    text = LOCKED.replace("lock-version = 1", "lock-version = 2")

    for lock in (LOCK, None):
        with pytest.raises(InvalidFooter) as caught:
            embed(text, lock)
        assert caught.value.hint == "upgrade scriptlock"


def test_code_inside_a_footer_is_never_lost() -> None:
    text = LOCKED.replace(END, f"print()\n{END}")

    for lock in (LOCK, None):
        with pytest.raises(InvalidFooter, match="not a comment") as caught:
            embed(text, lock)
        assert caught.value.line == text[: text.index("print()")].count("\n") + 1


def test_comments_that_are_no_footer_leave_the_header_readable_and_are_never_lost() -> None:
    text = f"{HEADER}{BEGIN}\n# six==1.17.0\n{END}\n"

    assert parse(text).header == parse(HEADER).header
    assert parse(text).lock is None
    assert parse(text).warnings == (
        Notice(line=5, message="this is no footer, for nothing inside is a line of one"),
    )
    with pytest.raises(InvalidFooter):
        embed(text, LOCK)


def test_a_footer_inside_a_string_is_none() -> None:
    text = f'{HEADER}TEMPLATE = """\n{embed("", LOCK)}"""\n'

    with pytest.raises(InvalidFooter, match="inside a string") as caught:
        parse(text)
    assert caught.value.line == 6
    with pytest.raises(InvalidScript):
        embed(text, LOCK)


def test_a_footer_before_a_string_is_one() -> None:
    text = f"{LOCKED}x = 'a'\n"

    assert parse(text).lock == LOCK
    assert embed(text, LOCK) == text


@pytest.mark.parametrize("suffix", ["print()\n", "# more\n", "\n\nx = 1"])
def test_what_stands_after_a_footer_is_kept_and_named(suffix: str) -> None:
    script = parse(LOCKED + suffix)

    line = LOCKED.count("\n") + 1 + suffix.count("\n", 0, len(suffix) - len(suffix.lstrip()))
    message = "something stands after the footer, which should come last"
    assert script.warnings == (Notice(line=line, message=message),)
    assert embed(LOCKED + suffix, LOCK) == LOCKED + suffix


def test_blank_lines_after_a_footer_are_nothing_to_name() -> None:
    assert parse(f"{LOCKED}\n  \n").warnings == ()


def test_taking_a_footer_out_never_makes_a_header() -> None:
    text = embed("# /// script\n# a = 1\n", LOCK) + "# ///\n"

    assert parse(text).header is None
    with pytest.raises(InvalidFooter) as caught:
        embed(text, None)
    assert caught.value.line == 5


@pytest.mark.parametrize("begin", ["# SIG # Begin signature block", "# -----BEGIN PGP SIGNATURE-----"])
def test_a_signature_is_said_to_become_invalid(begin: str) -> None:
    script = parse(f"{BODY}{begin}\n# MIIF\n")

    assert script.warnings == (Notice(line=6, message="locking the script makes the signature here invalid"),)


def test_a_header_in_another_encoding_is_read_in_it() -> None:
    text = "# coding: cp1252\n# /// script\n# dependencies = ['six']\n# note = '\u20ac'\n# ///\n"

    header = parse(text.encode("cp1252")).header

    assert header is not None
    assert header.metadata["note"] == "\u20ac"
    assert embed(text.encode("cp1252"), LOCK).startswith(text.encode("cp1252"))
    assert parse(text).header == header


def test_text_that_will_be_written_in_an_unsafe_encoding_is_refused() -> None:
    with pytest.raises(InvalidScript, match="utf-7"):
        embed("# coding: utf-7\n", LOCK)


def test_text_that_no_encoding_can_hold_is_refused() -> None:
    with pytest.raises(InvalidScript, match="surrogate") as caught:
        parse("x = 1\ny = '\ud800'\n")

    assert caught.value.line == 2


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\u202e", "\u2066", "\u200f", "\u061c"])
def test_a_header_that_people_or_tools_read_differently_is_read_but_not_locked(character: str) -> None:
    text = f"\n# /// script\n# dependencies = []\n# note = '{character}'\n# ///\n"

    script = parse(text)

    assert script.header is not None
    assert [(notice.line, f"U+{ord(character):04X}" in notice.message) for notice in script.warnings] == [
        (4, True)
    ]
    with pytest.raises(InvalidScript) as caught:
        embed(text, LOCK)
    assert (caught.value.line, str(caught.value)) == (4, script.warnings[0].message)


def test_letters_of_every_language_are_welcome_in_a_header() -> None:
    text = "# /// script\n# # \u05e9\u05dc\u05d5\u05dd \u4f60\u597d\tna\xefve\n# ///\n"

    assert embed(text, LOCK).startswith(text)


@pytest.mark.parametrize(
    "text", ["x = '''\n<<<<<<< a\n=======\n>>>>>>> b\n'''\n", "<<<<<<< a\nx\n>>>>>>> b\n"]
)
def test_both_ends_of_a_merge_conflict_are_refused(text: str) -> None:
    with pytest.raises(InvalidScript, match="merge conflict") as caught:
        embed(text, LOCK)

    assert caught.value.line == text.split("\n").index("<<<<<<< a") + 1


@pytest.mark.parametrize(
    "text", ["x = '''\n=======\n'''\n", "# <<<<<<< a\n# >>>>>>> b\n", "x = '''\n>>>>>>> b\n'''\n"]
)
def test_what_only_resembles_a_conflict_is_accepted(text: str) -> None:
    assert embed(text, LOCK).startswith(text)


def test_the_body_ends_where_the_footer_begins() -> None:
    assert body_end(b"x = 1\n") == 6
    assert body_end(LOCKED.encode()) == len(BODY)
    assert body_end(LOCKED.encode() + b"\n\n") == len(BODY)
    assert body_end(LOCKED.encode() + b"# more\n") is None


@pytest.mark.parametrize("text", [f"x = '''\n{HEADER}'''\n", "x = (\n", "x = 1\n\0"])
def test_whether_a_script_can_be_locked_is_known_before_anybody_is_asked(text: str) -> None:
    require_embeddable(parse(LOCKED))

    with pytest.raises(InvalidScript) as caught:
        require_embeddable(parse(text))
    with pytest.raises(InvalidScript) as later:
        embed(text, LOCK)
    assert caught.value.args == later.value.args
