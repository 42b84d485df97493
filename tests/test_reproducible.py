"""The same inputs and the same index give the same bytes: whoever locks, where, with whatever Python."""

from __future__ import annotations

import random
import re
from itertools import product

from scriptlock import embed, parse
from scriptlock.grid import make_grid
from scriptlock.locking import make_lock
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.targets import make_target
from support.index import Index
from support.resolvers import answer_here
from support.scripts import script
from support.wheels import wheel

FOR_LINUX = "cp39-abi3-manylinux_2_17_x86_64"
FILES = (
    wheel(
        "tool",
        "1.0",
        requires=["fast[more]>=1", "colours; sys_platform == 'win32'", "old; python_version<'3.13'"],
    ),
    wheel("fast", "1.0", extras={"more": ["end"]}),
    wheel("fast", "2.0", tag=FOR_LINUX, extras={"more": ["end<2"]}),
    wheel("colours", "0.4"),
    wheel("old", "7"),
    wheel("end", "1"),
    wheel("end", "2"),
)
HOSTS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-amd64")
LINUX, MACOS = (
    "sys_platform == 'linux' and platform_machine == '{}'",
    "sys_platform == 'darwin' and platform_machine == 'arm64'",
)
PYTHONS = "python_version >= '3.12' and python_version < '3.14'"
PINS = f"""\
# | # Locked dependencies of this script. Refresh: scriptlock lock
# | [tool.scriptlock]
# | lock-version = 1
# | requires-python = "<3.14,>=3.12"
# | index-url = "http://127.0.0.1:PORT/simple/"
# | environments = [
# |   "{LINUX.format("x86_64")} and {PYTHONS}",
# |   "{LINUX.format("aarch64")} and {PYTHONS}",
# |   "{MACOS} and {PYTHONS}",
# |   "sys_platform == 'win32' and platform_machine == 'AMD64' and {PYTHONS}",
# | ]
# |
# | [tool.scriptlock.pins]
# | colours = {{ version = "0.4", marker = "sys_platform == 'win32'" }}
# | end = [
# |   {{ version = "2", marker = "platform_machine != 'x86_64'" }},
# |   {{ version = "1", marker = "platform_machine == 'x86_64'" }},
# | ]
# | fast = [
# |   {{ version = "2.0", marker = "platform_machine == 'x86_64'" }},
# |   {{ version = "1.0", marker = "platform_machine != 'x86_64'" }},
# | ]
# | old = {{ version = "7", marker = "python_version < '3.13'" }}
# | tool = "1.0"
# |
"""
"""What every Python on every platform has to make of the files above, but for the digests."""


def footer(index: Index, host: str, python: tuple[int, int]) -> str:
    """Return the footer that is made on a host."""
    text = script("tool", requires_python=">=3.12,<3.14", settings=[f'index-url = "{index.url}"'])
    read = parse(text)
    assert read.header is not None
    grid = make_grid((), read.header.requires_python, make_target(host, python))
    notes: list[str] = []
    lock = make_lock(
        read.header,
        grid,
        PipTools(start=answer_here),
        preferred=(),
        exclude_newer=None,
        notify=notes.append,
    )
    assert notes == []
    return embed(text, lock).partition("# >>> scriptlock >>>\n")[2]


def without_digests(text: str) -> tuple[str, list[str]]:
    """Return the pins of a footer, and the files whose hashes it has.

    Wheels are packed anew by each Python, whose zlib may be another.
    """
    pins, _, hashes = text.partition("# | [tool.scriptlock.hashes]\n")
    names = {file.hash: file.filename for file in FILES}
    known = re.sub(r'# \| (content|inputs) = ".*"\n', "", pins)
    files = sorted(names[digest] for digest in re.findall(r"sha256:[0-9a-f]{64}", hashes))
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", known), files


def test_a_footer_is_the_same_on_every_python_that_runs_this(index: Index) -> None:
    index.add(*FILES)

    pins, files = without_digests(footer(index, "linux-x86_64", (3, 12)))

    assert pins == PINS
    assert files == sorted(file.filename for file in FILES)


def test_neither_the_host_nor_the_order_of_answers_changes_a_byte() -> None:
    chance = random.Random(20261120)  # noqa: S311  # no secret
    made = set()

    with Index(delay=0.02) as index:
        for host, python in product(HOSTS, ((3, 12), (3, 13))):
            index.entries.clear()
            index.add(*chance.sample(FILES, len(FILES)))
            made.add(footer(index, host, python))

    assert len(made) == 1
