from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import InvalidFooter
from scriptlock.footer import is_foreign, read_footer, read_lines, require_replaceable, write_footer
from scriptlock.header import digest
from scriptlock.model import Lock, Pin
from support.texts import BEGIN, END, LOCK

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def pin(name: str, version: str, *hashes: str, marker: str | None = None, **reference: str) -> Pin:
    """Return a pin."""
    return Pin(
        name=canonicalize_name(name),
        version=Version(version),
        hashes=hashes,
        marker=Marker(marker) if marker else None,
        **reference,
    )


FULL = Lock(
    pins=(
        pin("certifi", "2026.10.18", A),
        pin("colorama", "0.4.6", A, marker="sys_platform == 'win32'"),
        pin("direct", "1.0", A, url="https://host.example/direct-1.0-py3-none-any.whl"),
        pin("numpy", "2.2.6", B, C, marker="python_version < '3.11'"),
        pin("numpy", "2.3.4", B, C, marker="python_version >= '3.11'"),
        pin("vcs", "2.0", git="https://host.example/vcs.git", commit="0123456789" * 4),
    ),
    environments=(Marker("sys_platform == 'linux'"), Marker("sys_platform == 'win32'")),
    inputs="v1:0123456789abcdef0123456789abcdef",
    requires_python=SpecifierSet(">=3.11"),
    exclude_newer=datetime(2026, 11, 1, 2, 0, tzinfo=timezone(timedelta(hours=2))),
    index_url="https://index.example/simple",
)
WRITTEN = f"""\
# >>> scriptlock >>>
# | # Locked dependencies of this script. Refresh: scriptlock lock
# | [tool.scriptlock]
# | lock-version = 1
# | inputs = "v1:0123456789abcdef0123456789abcdef"
# | content = "CONTENT"
# | requires-python = ">=3.11"
# | exclude-newer = "2026-11-01T00:00:00Z"
# | index-url = "https://index.example/simple"
# | environments = [
# |   "sys_platform == 'linux'",
# |   "sys_platform == 'win32'",
# | ]
# |
# | [tool.scriptlock.pins]
# | certifi = "2026.10.18"
# | colorama = {{ version = "0.4.6", marker = "sys_platform == 'win32'" }}
# | direct = {{ version = "1.0", url = "https://host.example/direct-1.0-py3-none-any.whl" }}
# | numpy = [
# |   {{ version = "2.2.6", marker = "python_version < '3.11'" }},
# |   {{ version = "2.3.4", marker = "python_version >= '3.11'" }},
# | ]
# | vcs = {{ version = "2.0", git = "https://host.example/vcs.git", commit = "{"0123456789" * 4}" }}
# |
# | [tool.scriptlock.hashes]
# | certifi = [
# | "{A}",
# | ]
# | colorama = [
# | "{A}",
# | ]
# | direct = [
# | "{A}",
# | ]
# | numpy = [
# | "{B}",
# | "{C}",
# | ]
# <<< scriptlock <<<
""".replace("CONTENT", "v1:5322a3c4e9cefbb0131aa92555654c37")


def read(footer: str | Sequence[str], line: int = 10) -> Lock:
    """Return the lock of a footer that begins on that line."""
    text = footer if isinstance(footer, str) else "".join(f"{text}\n" for text in footer)
    return read_footer(text.encode(), line)


def refusal(footer: str | Sequence[str]) -> tuple[int | None, str]:
    """Return line and sentence of what is wrong with a footer that begins on line 10."""
    with pytest.raises(InvalidFooter) as caught:
        read(footer)
    assert caught.value.hint is not None
    return caught.value.line, str(caught.value)


def changed(old: str, new: str) -> list[str]:
    """Return the full footer with one thing changed and a digest that knows of it."""
    from scriptlock.footer import read_table

    assert WRITTEN.count(old) == 1
    text = WRITTEN.replace(old, new)
    table = read_table(read_lines(text.encode(), 1), 2)
    old_digest = table.pop("content")
    return text.replace(old_digest, digest(table)).splitlines()


def test_a_footer_looks_as_documented() -> None:
    assert "".join(f"{line}\n" for line in write_footer(FULL)) == WRITTEN


def test_a_footer_says_what_was_written() -> None:
    assert read(WRITTEN) == FULL
    assert read(WRITTEN.replace("\n", "\r\n")) == FULL


def test_locks_that_are_equal_are_each_written_as_they_are() -> None:
    short, long = (replace(LOCK, pins=(pin("a", version, A),)) for version in ("1", "1.0"))

    assert short == long
    for lock in (short, long, short):
        assert f'# | a = "{lock.pins[0].version}"' in write_footer(lock)


def test_a_lock_without_pins_is_short() -> None:
    empty = replace(LOCK, pins=())

    assert write_footer(empty)[-2:] == ("# | ]", END)
    assert read(write_footer(empty)) == empty


LINES = st.sampled_from(
    [
        "# |",
        "# | a",
        "# |   b",
        "# |  ",
        "# | a ",
        "#",
        "# ",
        "# a",
        "# |a",
        "# | # | a",
        "# | \x7f",
        "",
        "a",
        END,
    ]
)


@given(st.lists(LINES, max_size=5), st.sampled_from(["\n", ""]))
@example(["# |", "# |", "# | a", "# |   b"], "\n")
def test_what_nobody_touched_is_read_as_what_somebody_did(lines: list[str], end: str) -> None:
    def lines_of(footer: str) -> str:
        try:
            return read_lines(footer.encode(), 1)
        except InvalidFooter as error:
            return f"{error.line}: {error}"

    footer = "\n".join([BEGIN, *lines, END]) + end

    # Of files with other line breaks each line is read on its own.
    assert lines_of(footer) == lines_of(footer.replace("\n", "\r\n"))


def test_editors_may_trim_lines_or_pad_them() -> None:
    trimmed = WRITTEN.replace("# |\n", "#\n").replace("lock-version = 1\n", "lock-version = 1  \n")

    assert trimmed != WRITTEN
    assert read(trimmed) == FULL


def test_what_toml_lets_be_written_otherwise_is_the_same_lock() -> None:
    other = WRITTEN.replace(
        'certifi = "2026.10.18"', "'certifi' = \"\\u00326\" # x".replace("\\u00326", "2026.10.18")
    )

    assert read(other) == FULL


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("2026.10.18", "2026.10.19", 15, "the footer was changed by hand, or merged, after it was written"),
        (
            "lock-version = 1",
            "lock-version = 2",
            13,
            "the footer has lock-version 2, and this scriptlock knows none above 1",
        ),
        ("lock-version = 1", "lock-version = true", 13, "the footer's lock-version is not a whole number"),
        (
            "lock-version = 1\n",
            "lock-version = 0\n",
            11,
            "the footer is not one [tool.scriptlock] table of a known version",
        ),
        ("[tool.scriptlock]\n", "[tool.other]\n", 11, "the footer's lock-version is not a whole number"),
        (
            "[tool.scriptlock]\n",
            "a = 1\n# | [tool.scriptlock]\n",
            11,
            "the footer is not one [tool.scriptlock] table of a known version",
        ),
        (
            'certifi = "',
            'certifi "',
            25,
            "the footer is not valid TOML: expected '=' after a key in a key/value pair",
        ),
        (
            'certifi = "',
            'vcs = "1"\n# | certifi = "',
            33,
            "the footer is not valid TOML: cannot overwrite a value",
        ),
        (
            "# |\n# | [tool.scriptlock.pins]",
            "print()\n# | [tool.scriptlock.pins]",
            23,
            "a line inside the footer is not a comment",
        ),
        (
            "# |\n# | [tool.scriptlock.pins]",
            "# note\n# | [tool.scriptlock.pins]",
            23,
            "a line inside the footer does not belong there",
        ),
        (
            "# |\n# | [tool.scriptlock.pins]",
            "# | \xe9\n# | [tool.scriptlock.pins]",
            23,
            "a line inside the footer does not belong there",
        ),
        (
            "# |\n# | [tool.scriptlock.pins]",
            "<<<<<<< HEAD\n# | [tool.scriptlock.pins]",
            23,
            "there is a merge conflict inside the footer",
        ),
        (
            "# |\n# | [tool.scriptlock.pins]",
            "=======\n# | [tool.scriptlock.pins]",
            23,
            "there is a merge conflict inside the footer",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, line: int, reason: str) -> None:
    assert WRITTEN.count(old) == 1

    assert refusal(WRITTEN.replace(old, new)) == (line, reason)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (
            "lock-version = 1\n",
            "lock-version = 1\n# | extra = 1\n",
            14,
            "the footer has an unknown key 'extra'",
        ),
        ("lock-version = 1\n", 'lock-version = 1\n# | "" = 1\n', 14, "the footer has an unknown key ''"),
        ('inputs = "v1:', 'inputs = "v0:', 14, "inputs is not `v1:` and 32 hex digits"),
        ('inputs = "v1:', 'no-inputs = "v1:', 14, "the footer has an unknown key 'no-inputs'"),
        ('requires-python = ">=3.11"', "requires-python = 3", 16, "requires-python is not a string"),
        (
            'requires-python = ">=3.11"',
            'requires-python = "3"',
            16,
            "requires-python '3' is no version specifier",
        ),
        ("2026-11-01T00:00:00Z", "2026-11-01", 17, "exclude-newer '2026-11-01' is no UTC time"),
        (
            "2026-11-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            17,
            "exclude-newer '2026-02-30T00:00:00Z' is no UTC time",
        ),
        ("https://index.example", "https://me:pw@index.example", 18, "index-url carries credentials"),
        ("https://index.example/simple", "https://x/?token=1", 18, "index-url carries credentials"),
        ("https://index.example", "https://[", 18, "index-url carries credentials"),
        ("sys_platform == 'linux'", "amiga", 19, "'amiga' is no marker"),
        ("\"sys_platform == 'linux'\"", "3", 19, "3 is no marker"),
        ("sys_platform == 'linux'", "sys_platform ~= 'x'", 19, "\"sys_platform ~= 'x'\" is no marker"),
        ('certifi = "2026.10.18"', 'Certifi = "2026.10.18"', 35, "there are hashes of certifi, but no pin"),
        (
            'certifi = "2026.10.18"',
            'certifi = "2026.10.18"\n# | Up = "1"',
            26,
            "'Up' is not a normalised name (PEP 503)",
        ),
        (
            'certifi = "2026.10.18"',
            'certifi = "2026.10.18"\n# | up = "1"',
            26,
            "up: a pin without hashes accepts any file",
        ),
        (
            '"2026.10.18"',
            '"2026.10.018"',
            25,
            "certifi: '2026.10.018' is not written as a normalised version, 2026.10.18",
        ),
        ('"2026.10.18"', '"new"', 25, "certifi: 'new' is no version"),
        ('"2026.10.18"', "[]", 25, "certifi has no version"),
        ('"2026.10.18"', "1", 25, "the pin of certifi is neither a version nor a table of strings"),
        ('"2026.10.18"', '{ marker = "" }', 25, "'' is no marker"),
        ('"2026.10.18"', "{}", 25, "certifi: None is no version"),
        ('"2026.10.18"', '{ version = "1", "" = "x" }', 25, "the pin of certifi has an unknown key ''"),
        ('"2026.10.18"', f'"{"9" * 5000}"', 25, f"certifi: '{'9' * 5000}' is no version"),
        ('"2026.10.18"', '{ version = "1", x = "" }', 25, "the pin of certifi has an unknown key 'x'"),
        (
            "https://host.example/direct",
            "https://me@host.example/direct",
            27,
            "the URL of direct carries credentials",
        ),
        ('commit = "01', 'commit = "0', 32, "vcs: a commit has 40 hex digits"),
        (
            ', commit = "',
            ', url = "',
            32,
            "vcs: a pin is a version, a url, or a git repository with a commit",
        ),
        (f'"{B}",\n# | "{C}"', f'"{B}",\n# | "md5:1"', 44, "numpy: 'md5:1' is not sha256 with 64 hex digits"),
        (
            f'"{B}",\n# | "{C}"',
            f'"{B},{C}"',
            44,
            f"numpy: '{B},{C}' is not sha256 with 64 hex digits",
        ),
        (f'"{B}",\n# | "{C}"', "1", 44, "numpy: 1 is not sha256 with 64 hex digits"),
    ],
)
def test_a_value_that_does_not_follow_the_format_is_named_with_its_line(
    old: str, new: str, line: int, reason: str
) -> None:
    assert refusal(changed(old, new)) == (line, reason)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['environments = "linux"'], "environments is not a list of markers"),
        (["environments = []"], "environments is not a list of markers"),
        (["environments = [\"os_name == 'nt'\"]", "pins = 3"], "pins is not a table"),
        (["environments = [\"os_name == 'nt'\"]", "hashes = []"], "hashes is not a table"),
        (
            ["environments = [\"os_name == 'nt'\"]", 'pins.a = "1"', 'hashes.a = "x"'],
            "the hashes of a are not a list",
        ),
    ],
)
def test_a_table_of_the_wrong_shape_is_named(lines: list[str], reason: str) -> None:
    text = ["[tool.scriptlock]", "lock-version = 1", f'inputs = "v1:{"0" * 32}"', *lines]

    line, found = refusal([BEGIN, *(f"# | {line}" for line in text), END])

    assert (found, line in {14, 15, 16}) == (reason, True)


def test_what_is_wrong_is_named_wherever_the_same_footer_stands() -> None:
    broken = WRITTEN.replace("2026.10.18", "2026.10.19").encode()

    lines = []
    for line in (10, 20, 10):
        with pytest.raises(InvalidFooter) as caught:
            read_footer(broken, line)
        lines.append(caught.value.line)

    assert lines == [15, 25, 15]


def test_an_empty_footer_is_none() -> None:
    assert refusal([BEGIN, END]) == (11, "the footer has no [tool.scriptlock] table")


def test_hashes_may_come_in_any_order() -> None:
    assert read(changed(f'"{B}",\n# | "{C}"', f'"{C}",\n# | "{B}"')) == FULL


def test_a_footer_longer_than_anybody_needs_is_refused() -> None:
    line, reason = refusal([BEGIN, *["# |"] * 400_000, END])

    assert (line, reason) == (10, "the footer is longer than 1024 KiB")


@pytest.mark.parametrize(
    "lock",
    [
        replace(LOCK, index_url="https://me:secret@host.example/"),
        replace(LOCK, pins=(pin("a", "1", A, url="https://host.example/a.whl?token=secret"),)),
        replace(LOCK, pins=(pin("a", "1", git="https://secret@host.example/a", commit="0" * 40),)),
    ],
)
def test_credentials_are_never_written(lock: Lock) -> None:
    with pytest.raises(InvalidFooter) as caught:
        write_footer(lock)

    assert "carries credentials" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_user_that_ssh_needs_is_no_secret() -> None:
    lock = replace(LOCK, pins=(pin("a", "1", git="ssh://git@host.example/a.git", commit="0" * 40),))

    assert read(write_footer(lock)) == lock


def test_what_would_make_a_tool_act_is_written_in_escapes() -> None:
    marker = Marker("sys_platform == '# type: ignore  # noqa \u2028 \U0001f600'")
    lock = replace(LOCK, pins=(pin("noqa", "1", A),), environments=(marker,))

    lines = write_footer(lock)

    assert "# |   \"sys_platform == '# type\\u003a ignore  # noq\\u0061 \\u2028 \\U0001f600'\"," in lines
    assert '# | "noq\\u0061" = "1"' in lines
    assert read(lines) == lock


def test_the_time_of_a_cooldown_is_kept_to_the_microsecond() -> None:
    lock = replace(LOCK, exclude_newer=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))

    assert '# | exclude-newer = "2026-01-02T03:04:05.000678Z"' in write_footer(lock)
    assert read(write_footer(lock)) == lock


def test_only_a_footer_of_ours_may_be_replaced() -> None:
    require_replaceable(b"", 0)
    require_replaceable(WRITTEN.encode(), 1)
    require_replaceable(WRITTEN.replace("2026.10.18", "2026.10.19").encode(), 1)
    require_replaceable(WRITTEN.replace("[tool.scriptlock]", "[").encode(), 1)
    for old, new in (("lock-version = 1", "lock-version = 2"), ("# |\n", "print()\n"), ("# |\n", "# note\n")):
        with pytest.raises(InvalidFooter):
            require_replaceable(WRITTEN.replace(old, new).encode(), 1)


def test_comments_between_the_two_lines_may_be_somebody_elses() -> None:
    assert is_foreign(f"{BEGIN}\n# six==1.17\n{END}\n".encode())
    assert not is_foreign(f"{BEGIN}\n{END}\n".encode())
    assert not is_foreign(f"{BEGIN}\nprint()\n{END}\n".encode())
    assert not is_foreign(WRITTEN.encode())
