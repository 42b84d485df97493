"""The resolver's process that is started before anybody knows whether it is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scriptlock.cache.layout import Cache
from scriptlock.cli import ahead
from support.cli import Cli
from support.index import Index
from support.wheels import wheel

BARE = "# /// script\n# dependencies = ['tool']\n# ///\n"
SET_UP = "# /// script\n# dependencies = ['tool']\n# [tool.scriptlock]\n# prereleases = true\n# ///\n"
UNKNOWN = BARE.replace("tool", "unknown")
LOCKED = f"{SET_UP}\n# >>> scriptlock >>>\n# | [tool.scriptlock]\n# <<< scriptlock <<<\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "bare.py": BARE,
        "set-up.py": SET_UP,
        "locked.py": LOCKED,
        "unknown.py": UNKNOWN,
        "other.py": "print()\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "is_needed"),
    [
        ("lock bare.py", True),
        ("lock set-up.py", True),
        ("lock --here locked.py bare.py", True),
        ("lock --upgrade locked.py", True),
        ("lock -U locked.py", True),
        ("lock locked.py", False),
        ("lock other.py", False),
        ("lock missing.py", False),
        ("lock .", False),
        ("lock", False),
        ("lock --help bare.py", False),
        ("lock --check bare.py", False),
        ("lock --from-cache bare.py", False),
        ("lock --offline bare.py", False),
        ("check bare.py", False),
        ("run bare.py", True),
        ("run bare.py locked.py", True),
        ("run locked.py bare.py", False),
        ("run other.py", False),
        ("run missing.py", False),
        ("sync bare.py", False),
        ("", False),
    ],
)
def test_a_worker_is_started_where_something_will_be_resolved(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, *, is_needed: bool
) -> None:
    monkeypatch.chdir(folder)

    assert ahead.is_about_to_resolve(words.split(), {}) is is_needed
    assert not ahead.is_about_to_resolve(words.split(), {"SCRIPTLOCK_OFFLINE": "1"})


@pytest.mark.parametrize(
    ("words", "is_needed"),
    [
        ("run locked.py bare.py", True),
        ("sync bare.py locked.py", True),
        ("run bare.py locked.py", False),
        ("sync bare.py", False),
        ("sync missing.py", False),
        ("lock locked.py", False),
        ("", False),
    ],
)
def test_what_fetches_is_started_where_there_is_nothing_yet(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, *, is_needed: bool
) -> None:
    monkeypatch.chdir(folder)
    cache = Cache(root=folder / "cache")
    environ = {"SCRIPTLOCK_CACHE_DIR": str(cache.root)}

    assert ahead.is_about_to_fetch(words.split(), environ) is is_needed
    assert not ahead.is_about_to_fetch(words.split(), {**environ, "SCRIPTLOCK_OFFLINE": "1"})
    cache.prepare()
    assert ahead.is_about_to_fetch(words.split(), environ) is is_needed
    (cache.wheels / ("0" * 64)).mkdir()
    assert not ahead.is_about_to_fetch(words.split(), environ)


def test_what_is_no_file_is_not_waited_for(folder: Path, cli: Cli) -> None:
    os.mkfifo(folder / "pipe.py")

    done = cli("lock", folder / "pipe.py")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scriptlock: {folder / 'pipe.py'}: it is not a regular file\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("lock bare.py", 0),
        ("lock --no-such bare.py", 2),
        ("lock missing.py bare.py", 2),
        ("sync bare.py", 0),
        ("sync bare.py missing.py", 2),
        ("sync locked.py", 2),
        ("run unknown.py", 125),
        ("run locked.py", 125),
    ],
)
def test_nothing_is_left_of_the_worker_however_the_command_ends(
    cli: Cli, folder: Path, index: Index, words: str, code: int
) -> None:
    index.add(wheel("tool", "1.0"))
    temporary = folder / "temporary"
    temporary.mkdir()
    environ: Mapping[str, str] = {"TMPDIR": str(temporary)}

    done = cli(*words.split(), cwd=folder, env=environ)

    assert done.code == code
    assert list(temporary.iterdir()) == []
    assert [path for path in Path("/proc").glob("[0-9]*/cwd") if _is_inside(path, temporary)] == []


CHILDREN = """
import glob, os
told = [open(path).read() for path in glob.glob("/proc/self/task/*/children")]
open_now = sorted(map(int, os.listdir("/proc/self/fd")))
print("".join(told).split(), open_now[:3], len(open_now))
"""


def test_a_script_has_no_processes_that_it_did_not_start(cli: Cli, folder: Path, index: Index) -> None:
    index.add(wheel("tool", "1.0"))
    path = folder / "bare.py"
    path.write_text(BARE + CHILDREN)

    first, second = cli("run", path), cli("run", path)

    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("[] [0, 1, 2] ")
    assert first.out == second.out


def _is_inside(link: Path, folder: Path) -> bool:
    try:
        return str(link.readlink()).startswith(str(folder))
    except OSError:  # it ended, or is somebody else's
        return False


def test_a_worker_that_cannot_be_started_ahead_is_nobodys_trouble(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(folder / "missing"))

    with ahead.begun(["lock", str(folder / "bare.py")], {}):
        found = ahead.workers()

    assert found is not None
    assert ahead.workers() is None
