from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, Cli, Done, powerless
from support.index import Index
from support.scripts import RICH_SHOWN

pytestmark = pytest.mark.usefixtures("unmeasured")

STRANGER = 12345
"""A user whom no machine knows."""
AS_STRANGER = ["unshare", "--user", f"--map-user={STRANGER}"]
HERE = "set SCRIPTLOCK_CACHE_DIR to a folder of your own"
WITHOUT = ["env", "-u", "HOME", "-u", "XDG_CACHE_HOME", "-u", "SCRIPTLOCK_CACHE_DIR"]


def can_be_stranger() -> bool:
    """Return whether a process can be started as somebody unknown."""
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*AS_STRANGER, sys.executable, "-c", ""], capture_output=True, check=False).returncode
        == 0
    )


def refused(cli: Cli, script: Path, root: str, **env: str) -> tuple[str, str]:
    """Return why a cache is refused, and the hint; for every command that would write to it."""
    given = {"SCRIPTLOCK_CACHE_DIR": root, **env}
    before = script.read_bytes()
    run, sync, lock = (cli(verb, script, env=given) for verb in ("run", "sync", "lock"))
    assert (run.code, sync.code, lock.code) == (NOT_STARTED, 2, 2)
    assert (run.out, sync.out, lock.out) == ("", "", "")
    assert run.err == sync.err == lock.err
    assert script.read_bytes() == before
    said, hint = run.err.splitlines()
    return said.removeprefix(f"scriptlock: {script}: "), hint.removeprefix("hint: ")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that somebody made beforehand."""
    path = tmp_path / "cache"
    path.mkdir(mode=0o700)
    return path


def test_a_relative_root_is_refused(report: Path, tmp_path: Path, cli: Cli) -> None:
    assert refused(cli, report, "some/where") == (
        "the cache folder must be an absolute path, not some/where",
        "correct SCRIPTLOCK_CACHE_DIR",
    )
    assert list(tmp_path.iterdir()) == [report]


def test_a_root_behind_a_link_is_refused(report: Path, root: Path, tmp_path: Path, cli: Cli) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)

    said = refused(cli, report, str(link))

    assert said == (f"the cache {link} is a symbolic link", "set SCRIPTLOCK_CACHE_DIR to where it leads")
    assert list(root.iterdir()) == []


def test_a_root_that_everybody_may_write_to_is_refused(report: Path, root: Path, cli: Cli) -> None:
    root.chmod(0o777)

    said = refused(cli, report, str(root))

    assert said == (
        f"other users may write to the cache {root}",
        f"take the right away with `chmod go-w {root}`",
    )
    assert list(root.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.usefixtures("measured")
def test_the_root_of_somebody_else_is_refused(report: Path, root: Path, cli: Cli) -> None:
    os.chown(root, STRANGER, STRANGER)

    assert refused(cli, report, str(root)) == (f"the cache {root} belongs to another user", HERE)
    assert list(root.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_sudo_with_the_home_of_a_user_writes_nothing_there(report: Path, tmp_path: Path, cli: Cli) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)

    said = refused(cli, report, "", HOME=str(home), XDG_CACHE_HOME="")

    assert said == (
        f"root would make the cache {home / '.cache' / 'scriptlock'} in the folder of another user",
        f"use `sudo -H`, or {HERE}",
    )
    assert list(home.iterdir()) == []


@pytest.mark.skipif(not can_be_stranger(), reason="needs user namespaces")
@pytest.mark.usefixtures("measured")
def test_somebody_without_a_home_is_told_what_to_set(report: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("run", report, under=[*AS_STRANGER, *WITHOUT])

    assert done == Done(
        code=NOT_STARTED,
        out="",
        err=f"scriptlock: {report}: the home folder of this user is not known\nhint: {HERE}\n",
    )
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.skipif(not can_be_stranger(), reason="needs user namespaces")
@pytest.mark.usefixtures("measured")
def test_somebody_unknown_can_name_a_root(report: Path, root: Path, packages: Index, cli: Cli) -> None:
    under = [*AS_STRANGER, *WITHOUT, f"SCRIPTLOCK_CACHE_DIR={root}"]

    first = cli("run", report, under=under)
    packages.break_down()
    second = cli("run", report, under=under)

    assert [first, second] == [Done(code=0, out=RICH_SHOWN, err="")] * 2


def test_without_a_cache_no_root_is_looked_at(report: Path, root: Path, cli: Cli) -> None:
    root.chmod(0o777)

    done = cli("run", "--no-cache", report, env={"SCRIPTLOCK_CACHE_DIR": str(root)})

    assert (done.code, done.out, list(root.iterdir())) == (0, RICH_SHOWN, [])


def test_a_root_that_cannot_be_written_to_still_runs_what_is_ready(
    locked: Path, root: Path, packages: Index, cli: Cli
) -> None:
    env = {"SCRIPTLOCK_CACHE_DIR": str(root)}
    cli("run", locked, env=env)
    packages.break_down()
    folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]
    modes = {path: path.stat().st_mode for path in folders}
    for path in folders:
        path.chmod(0o555)

    try:
        warm = cli("run", locked, env=env, under=powerless())
        cold = cli("run", "--locked", locked, env=env, under=powerless())
    finally:
        for path, mode in modes.items():
            path.chmod(mode)

    assert [warm, cold] == [Done(code=0, out=RICH_SHOWN, err="")] * 2
