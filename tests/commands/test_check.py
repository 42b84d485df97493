from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.cli import Cli, Done
from support.index import Index
from support.scripts import script
from support.wheels import wheel


@pytest.fixture
def locked(index: Index, tmp_path: Path, cli: Cli, locked_texts: dict[str, str]) -> Path:
    """A script whose lock is fresh; the index is gone since."""
    path = tmp_path / "fresh.py"
    if "attrs" not in locked_texts:
        index.add(wheel("attrs", "26.1"))
        path.write_text(script("attrs"))
        assert cli("lock", path).code == 0
        locked_texts["attrs"] = path.read_text()
        index.reset()
    path.write_text(locked_texts["attrs"])
    index.break_down()
    return path


@pytest.fixture
def stale(locked: Path, tmp_path: Path) -> Path:
    """A script whose header asks for something else since."""
    path = tmp_path / "stale.py"
    path.write_text(locked.read_text().replace('"attrs"', '"cattrs"', 1))
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A script with a header and no lock."""
    path = tmp_path / "bare.py"
    path.write_text(script("attrs"))
    return path


def test_check_of_a_fresh_lock_says_nothing_and_asks_nobody(locked: Path, index: Index, cli: Cli) -> None:
    assert (cli("check", locked), index.requests) == (Done(code=0, out="", err=""), [])


def test_check_of_a_stale_script_exits_1_and_says_why(stale: Path, cli: Cli) -> None:
    done = cli("check", stale.name)

    said = "scriptlock: stale.py: dependencies changed since locking: +cattrs -attrs\n"
    assert done == Done(code=1, out="", err=said)


def test_check_of_a_script_without_a_lock_exits_1(bare: Path, cli: Cli) -> None:
    done = cli("check", bare.name)

    assert done == Done(code=1, out="", err="scriptlock: bare.py: the script carries no lock\n")


def test_check_of_a_footer_changed_by_hand_is_trouble(locked: Path, cli: Cli) -> None:
    locked.write_text(locked.read_text().replace('attrs = "26.1"', 'attrs = "26.2"'))

    done = cli("check", locked.name)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("scriptlock: fresh.py:")
    assert "Traceback" not in done.err


def test_check_looks_at_every_script_and_answers_with_the_worst(
    locked: Path, stale: Path, bare: Path, tmp_path: Path, cli: Cli
) -> None:
    no_or_yes = cli("check", locked, stale, bare)
    trouble = cli("check", stale, tmp_path / "missing.py", locked)

    assert (no_or_yes.code, trouble.code) == (1, 2)
    assert [name for name in ("fresh.py", "stale.py", "bare.py") if name in no_or_yes.err] == [
        "stale.py",
        "bare.py",
    ]
    assert "stale.py" in trouble.err
    assert "missing.py" in trouble.err


def test_locked_only_passes_over_scripts_without_a_lock(
    locked: Path, stale: Path, bare: Path, tmp_path: Path, cli: Cli
) -> None:
    plain = tmp_path / "plain.py"
    plain.write_text("print()\n")
    required = tmp_path / "required.py"
    required.write_text(script("attrs", settings=["required = true"]))

    assert cli("check", "--locked-only", locked, bare, plain) == Done(code=0, out="", err="")
    assert cli("check", "--locked-only", stale, bare).code == 1
    assert cli("check", "--locked-only", required).code == 1


def test_check_tells_programs_the_same(locked: Path, stale: Path, cli: Cli) -> None:
    done = cli("check", "--json", locked.name, stale.name)

    fresh, changed = json.loads(done.out)
    assert (done.code, fresh["path"], fresh["error"]) == (1, "fresh.py", None)
    assert (changed["path"], changed["error"]["kind"]) == ("stale.py", "StaleLock")


def test_check_warns_of_text_after_the_footer(locked: Path, cli: Cli) -> None:
    lines = locked.read_text().count("\n")
    locked.write_text(locked.read_text() + "print('appended')\n")

    done = cli("check", locked.name)

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"scriptlock: fresh.py:{lines + 1}: warning: ")


def test_strip_gives_the_script_back_as_it_was(locked: Path, bare: Path, index: Index, cli: Cli) -> None:
    done = cli("strip", locked, bare)

    assert (done.code, done.err) == (0, "")
    assert locked.read_text() == bare.read_text() == script("attrs")
    assert index.requests == []


def test_strip_of_a_script_without_a_footer_does_not_touch_it(bare: Path, cli: Cli) -> None:
    before = bare.stat()

    assert cli("strip", bare).code == 0
    assert (bare.stat().st_ino, bare.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_strip_does_not_hide_trouble(tmp_path: Path, cli: Cli) -> None:
    done = cli("strip", tmp_path / "missing.py")

    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
