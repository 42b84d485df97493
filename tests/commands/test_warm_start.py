"""The second run of a script, which asks next to nothing, and what must still be noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, Cli, Done, powerless
from support.index import Index
from support.scripts import RICH_SHOWN, edit

pytestmark = pytest.mark.usefixtures("unmeasured")


def test_nothing_heavy_is_imported_on_the_way_into_a_script_that_ran_before(ready: Path, cli: Cli) -> None:
    cli("run", ready)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    traced = [sys.executable, "-X", "importtime", "-m", "scriptlock", "run", str(ready)]
    bare = [sys.executable, "-X", "importtime", "-c", "import runpy, fcntl, typing"]

    done, start = (
        subprocess.run(argv, env=environ, capture_output=True, text=True, check=True)
        for argv in (traced, bare)
    )

    assert done.stdout == RICH_SHOWN
    assert imported(done.stderr) - imported(start.stderr) <= {
        "__future__",
        "_sha2",
        "_sha256",
        "scriptlock",
        "scriptlock.__main__",
        "scriptlock.launch",
    }


def imported(trace: str) -> set[str]:
    """Return the names of the modules in what ``-X importtime`` prints."""
    return {line.rpartition("|")[2].strip() for line in trace.splitlines()[1:]}


def test_a_frozen_run_of_a_stale_script_does_not_make_the_next_one_frozen(
    locked: Path, packages: Index, cli: Cli
) -> None:
    edit(locked, '"rich"', '"idna"')

    frozen = [cli("run", "--frozen", locked) for _ in range(2)]
    after = cli("run", locked)

    assert [done.out for done in frozen] == [RICH_SHOWN, RICH_SHOWN]
    assert (after.code, after.out) == (0, "idna 3.19\n")


def test_a_stale_script_that_ran_from_a_cached_lock_is_still_refused_with_locked(
    locked: Path, cli: Cli
) -> None:
    edit(locked, '"rich"', '"idna"')
    locked.chmod(0o444)
    locked.parent.chmod(0o555)

    try:
        ran = cli("run", locked, under=powerless())
        demanded = cli("run", locked, env={"SCRIPTLOCK_LOCKED": "1"}, under=powerless())
    finally:
        locked.parent.chmod(0o755)

    assert (ran.code, demanded.code, demanded.out) == (0, NOT_STARTED, "")


def test_another_header_at_the_same_path_is_another_script(ready: Path, cli: Cli) -> None:
    cli("run", ready)
    edit(ready, "# dependencies", "# colour = 'red'\n# dependencies")
    edit(ready, '"rich"', '"nowhere-to-be-found"')

    done = cli("run", "--locked", ready)
    plain = cli("run", ready)

    assert (done.code, done.out, plain.code, plain.out) == (NOT_STARTED, "", NOT_STARTED, "")


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_the_cache_is_where_caches_are(
    locked: Path, packages: Index, tmp_path: Path, cli: Cli, variable: str
) -> None:
    folder = {"HOME": tmp_path / ".cache", "XDG_CACHE_HOME": tmp_path}[variable]
    places = {"SCRIPTLOCK_CACHE_DIR": "", "XDG_CACHE_HOME": "", variable: str(tmp_path)}

    first = cli("run", locked, env=places)
    packages.break_down()
    second = cli("run", locked, env=places)

    assert (first.code, first.out) == (0, RICH_SHOWN)
    assert second == Done(code=0, out=RICH_SHOWN, err="")
    assert (folder / "scriptlock" / "v1" / "environments").is_dir()


@pytest.mark.parametrize("bits", [0o020, 0o002])
def test_a_cache_that_others_can_write_to_is_never_used(
    ready: Path, shared_cache: Path, cli: Cli, bits: int
) -> None:
    cli("run", ready)
    mode = shared_cache.stat().st_mode
    shared_cache.chmod(mode | bits)

    try:
        done = cli("run", ready)
    finally:
        shared_cache.chmod(mode)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert str(shared_cache) in done.err


def test_a_cache_named_by_a_relative_path_is_refused(locked: Path, cli: Cli) -> None:
    done = cli("run", locked, env={"SCRIPTLOCK_CACHE_DIR": "cache"})

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "Traceback" not in done.err


@pytest.mark.parametrize("damage", ["receipt", "environment", "memo"])
def test_what_was_damaged_meanwhile_is_made_anew(locked: Path, cli: Cli, damage: str) -> None:
    cli("run", locked)
    root = Path(os.environ["SCRIPTLOCK_CACHE_DIR"], "v1")
    (receipt,) = root.glob("environments/*/*/scriptlock.json")
    if damage == "receipt":
        receipt.write_text("{}")
    elif damage == "environment":
        shutil.rmtree(receipt.parent)
    else:
        for memo in (root / "memo").iterdir():
            memo.write_bytes(b"\0\xff")

    done, again = cli("run", locked), cli("run", locked)

    assert (done.code, done.out) == (0, RICH_SHOWN)
    assert again == Done(code=0, out=RICH_SHOWN, err="")


def test_a_pipe_is_no_script_and_is_not_waited_for(tmp_path: Path, cli: Cli) -> None:
    os.mkfifo(tmp_path / "pipe")

    done = cli("run", "pipe")

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert done.err.startswith("scriptlock: pipe: ")
