"""Texts and locks for properties: what people write, what breaks tools, and what nobody would think of."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from datetime import UTC, datetime

from hypothesis import strategies as st
from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.model import Lock, Pin

HEADER = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["six"]\n# ///\n'
BEGIN, END = "# >>> scriptlock >>>", "# <<< scriptlock <<<"

REFERENCE = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""The regular expression of PEP 723, word for word."""
LAZY = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+?)^# ///$")
"""The same, ending at the first closing line, as pipx has it."""

LINES = (
    "# /// script",
    "# ///",
    "# /// other",
    "#",
    "# dependencies = []",
    "# text",
    "#  two spaces",
    "# # more",
    "# /// script ",
    "# /// ",
    "\t# ///",
    "#///",
    "#\ttext",
    "#text",
    "",
    "x = 1",
    "# \u2028 # ///",
    "\x0c",
)
"""What matters to who looks for a header."""


@st.composite
def block_texts(draw: st.DrawFn) -> str:
    """Return lines out of LINES, ended in every way, with or without a byte order mark."""
    ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])
    lines = draw(st.lists(st.tuples(st.sampled_from(LINES), ends), max_size=14))
    text = draw(st.sampled_from(["", "", "\ufeff"])) + "".join(line + end for line, end in lines)
    return text if draw(st.booleans()) else text[:-1]


_CHUNK_TEXTS = (
    "x = 1\n",
    "def f():\n    return 1\n",
    "'''doc'''\n",
    "s = '''\n",
    "'''\n",
    "# comment\n",
    "\n",
    "\n\n",
    "\x0c\n",
    "if 1:\n    pass\n",
    "(",
    ")\n",
    "\\\n",
    "x=1;",
    "# /// script\n",
    "# ///\n",
    "# %%\n",
    "\t\n",
    "# dependencies = []\n",
    f"{BEGIN}\n",
    f"{END}\n",
    "# | a\n",
    "# vim: set ts=4:\n",
    "f'{x}'\n",
    "   ",
    "\r",
    "\r\n",
    "\ufeff",
    "\xe9",
    "\u2028",
    "#",
    '"',
    "'",
    "\0",
    "\x1a",
    "print(1)",
    "if 1:\n    print(1)",
    "# -*- coding: latin-1 -*-\n",
    "<<<<<<< a\n",
    "=======\n",
    ">>>>>>> b\n",
    "x = 1  # type: int\n",
    f"{BEGIN}\n# | a\n{END}\n",
    f"s = '''\n{BEGIN}\n# | a\n{END}\n'''\n",
)
CHUNKS = (*map(str.encode, _CHUNK_TEXTS), b"\xe9", b"\xed\xb2\x80")
COOKIES = tuple(
    f"# coding: {name}\n".encode()
    for name in (
        "utf-8",
        "latin-1",
        "cp1252",
        "utf-7",
        "unicode_escape",
        "raw_unicode_escape",
        "shift_jis",
        "hz",
    )
)


def chunk_bodies(max_size: int = 12) -> st.SearchStrategy[bytes]:
    """Return pieces of source code, put together as they come."""
    return st.lists(st.sampled_from(CHUNKS), max_size=max_size).map(b"".join)


def bodies() -> st.SearchStrategy[bytes]:
    """Return files as embed may be asked to write to: from ordinary to absurd."""
    headed = chunk_bodies().map(lambda body: HEADER.encode() + body)
    return st.one_of(
        plain_bodies(),
        chunk_bodies(),
        headed,
        headed.map(lambda body: body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
        st.tuples(st.sampled_from(COOKIES), chunk_bodies(6)).map(b"".join),
        st.binary(max_size=40),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    )


PLAIN = (
    "x = 1\n",
    "def f():\n    return 1\n",
    "'''doc'''\n",
    "# comment\n",
    "\n",
    "\n\n\n",
    "\x0c\n",
    "f'{1}'\n",
    "if 1:\n    pass\n",
    "x = (\n  1,\n)\n",
    "x = 1 + \\\n    2\n",
    "s = '''\n# text\n'''\n",
    "# %%\n",
    "# \xe9\n",
    "s = '\u2028'\n",
    "   \n",
    "# path C:\\\n",
    "# fmt: off\n",
    "async def g():\n    await 1\n",
    "lambda: 1\n",
)


@st.composite
def plain_bodies(draw: st.DrawFn, *, whole: bool = True) -> bytes:
    """Return source code that Python accepts, with or without header, last line break, mark and CRLF.

    :param whole: False for what may follow something else: no header and no mark.
    """
    text = draw(st.sampled_from(["", HEADER, f"#!/usr/bin/env python3\n{HEADER}"])) if whole else ""
    text += "".join(draw(st.lists(st.sampled_from(PLAIN), max_size=8)))
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    mark = draw(st.sampled_from(["", "", "\ufeff"])) if whole else ""
    return (mark + text).encode()


def tree(text: bytes) -> str | None:
    """Return what Python's parser makes of a file, as text, or None if it refuses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.dump(ast.parse(text, type_comments=True))
        except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
            return None


def code_tokens(text: bytes) -> list[tuple[int, str]]:
    """Return the tokens of a file that are more than layout."""
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    tokens = tokenize.tokenize(io.BytesIO(text).readline)
    return [(token.type, token.string) for token in tokens if token.type not in layout]


def blocks(pattern: re.Pattern[str], text: str) -> list[tuple[int, str, str]]:
    """Return line, type and TOML of the blocks that a regular expression finds, in the way of PEP 723."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return [
        (
            text.count("\n", 0, match.start()) + 1,
            match["type"],
            "".join(
                line[2:] if line.startswith("# ") else line[1:]
                for line in re.findall(r"[^\n]*\n", match["content"])  # not splitlines, as everywhere
            ),
        )
        for match in pattern.finditer(text)
    ]


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,5})?", fullmatch=True) | st.sampled_from(
    ["noqa", "coding", "type", "vim", "fmt", "ex", "toml", "scriptlock", "content", "1", "0-0"]
)
ODD_WORDS = st.sampled_from(
    [
        "noqa",
        "type: ignore",
        "fmt: off",
        "coding: utf-7",
        "coding=utf-7",
        "# /// script",
        "-*-",
        " vim: set x:",
        "'",
        '"""',
        "\\",
        "\\n",
        "\u2028",
        "\xacoding:",
        "\U0001f600",
        "\u202e",
        ">>> scriptlock >>>",
        "pragma: x",
        "{",
        "}",
        "]",
        "#",
        "",
        "+AAo-print(1)",
        "Local Variables:",
        "# ///mt:",
        "nosec",
        "\x7f",
    ]
)
ODD_TEXTS = st.lists(ODD_WORDS | st.text(max_size=5), max_size=4).map("".join)


def _marker(text: str) -> Marker | None:
    try:
        marker = Marker(text)
        return marker if Marker(str(marker)) == marker else None
    except InvalidMarker:
        return None


def _odd_marker(value: str) -> Marker | None:
    return _marker(f"sys_platform == {value!r}")


PLAIN_MARKERS = st.sampled_from(
    [
        Marker(text)
        for text in (
            "sys_platform == 'win32'",
            "python_version < '3.11'",
            "sys_platform == 'linux' and platform_machine == 'x86_64'",
            "(os_name == 'nt' or os_name == 'posix') and python_full_version >= '3.12.1'",
        )
    ]
)
ODD_MARKERS = ODD_TEXTS.map(_odd_marker).flatmap(lambda marker: st.just(marker) if marker else st.nothing())
VERSIONS = st.sampled_from(["1.0", "2026.10.18", "1!2.0rc1.post3.dev4", "2.1.0+cu118", "0"]).map(Version)
HASHES = st.integers(0, 2**256 - 1).map(lambda number: f"sha256:{number:064x}")
PATHS = st.lists(
    st.sampled_from(["a", "noqa", "fmt:", "%20", "type:", "\xe9", "'''", "vim:"]), max_size=3
).map("/".join)


@st.composite
def _pins(draw: st.DrawFn, name: str) -> list[Pin]:
    hashes = tuple(sorted(draw(st.sets(HASHES, min_size=1, max_size=3))))
    pins = []
    for _ in range(draw(st.integers(1, 3))):
        marker = draw(st.none() | PLAIN_MARKERS | ODD_MARKERS)
        kind = draw(st.sampled_from(["version", "version", "url", "git"]))
        pins.append(
            Pin(
                name=canonicalize_name(name),
                version=draw(VERSIONS),
                hashes=hashes,
                marker=marker,
                url=f"https://host.example/{draw(PATHS)}.whl" if kind == "url" else None,
                git=f"https://host.example/{draw(PATHS)}" if kind == "git" else None,
                commit="0123456789" * 4 if kind == "git" else None,
            )
        )
    return pins


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """Return locks: ordinary ones, and those that would like to be code."""
    names = sorted(draw(st.sets(NAMES, max_size=4)))
    time = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return Lock(
        pins=tuple(pin for name in names for pin in draw(_pins(name))),
        environments=tuple(draw(st.lists(PLAIN_MARKERS | ODD_MARKERS, min_size=1, max_size=3))),
        inputs=f"v1:{draw(st.integers(0, 2**128 - 1)):032x}",
        requires_python=draw(
            st.none() | st.sampled_from([">=3.11", ">=3.9,<4", "", "===odd"]).map(SpecifierSet)
        ),
        exclude_newer=draw(st.none() | time),
        index_url=draw(st.none() | PATHS.map(lambda path: f"https://host.example/{path}")),
    )


SIX = Pin(
    name=canonicalize_name("six"), version=Version("1.17.0"), hashes=(f"sha256:{'0123456789abcdef' * 4}",)
)
LOCK = Lock(pins=(SIX,), environments=(Marker("sys_platform == 'linux'"),), inputs=f"v1:{'0' * 32}")
"""The simplest lock there is."""
