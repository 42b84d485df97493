from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import NOT_STARTED, Cli, Done, powerless
from support.index import Index
from support.scripts import RICH_SHOWN
from support.wheels import wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

NEWER = "idna 3.20\nrich 15.0.0\n"


def test_a_cached_lock_is_kept_by_all_copies_until_somebody_upgrades_it(
    report: Path, packages: Index, cli: Cli, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.py"
    copy.write_text(f"# copied\n{report.read_text()}")
    before = report.read_bytes()
    cli("run", report)
    packages.add(wheel("idna", "3.20"))
    packages.reset()

    kept = [cli("run", report), cli("run", copy)]
    asked = list(packages.requests)
    upgraded = cli("sync", "--upgrade", report)
    after = [cli("run", report), cli("run", copy)]

    assert (kept, asked) == ([Done(code=0, out=RICH_SHOWN, err="")] * 2, [])
    assert (upgraded.code, after) == (0, [Done(code=0, out=NEWER, err="")] * 2)
    assert report.read_bytes() == before


def test_a_failed_upgrade_keeps_the_lock_that_was_there(
    report: Path, packages: Index, cli: Cli, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTLOCK_CACHE_DIR", str(shared_cache))
    cli("run", report)
    packages.break_down()

    failed, after = cli("run", "-U", report), cli("run", report)

    assert (failed.code, failed.out) == (NOT_STARTED, "")
    assert after == Done(code=0, out=RICH_SHOWN, err="")


def test_a_lock_in_the_script_is_upgraded_there(ready: Path, packages: Index, cli: Cli) -> None:
    packages.add(wheel("idna", "3.20"))

    done = cli("run", "-U", ready)

    assert (done.code, done.out) == (0, NEWER)
    assert done.err == f"scriptlock: {ready}: its lock was upgraded: ~ idna 3.19 -> 3.20\n"
    assert '# | idna = "3.20"\n' in ready.read_text()
    assert cli("run", "--locked", ready) == Done(code=0, out=NEWER, err="")


@pytest.mark.usefixtures("measured")
def test_an_upgrade_without_anything_newer_changes_nothing(ready: Path, cli: Cli) -> None:
    before = (ready.read_bytes(), ready.stat().st_mtime_ns)

    done = cli("run", "-U", ready)

    assert done == Done(code=0, out=RICH_SHOWN, err="")
    assert (ready.read_bytes(), ready.stat().st_mtime_ns) == before


@pytest.mark.usefixtures("measured")
def test_an_upgrade_that_cannot_be_written_is_an_error(ready: Path, packages: Index, cli: Cli) -> None:
    packages.add(wheel("idna", "3.20"))
    before = ready.read_bytes()
    ready.chmod(0o444)
    ready.parent.chmod(0o555)

    try:
        done = cli("run", "-U", ready, under=powerless())
    finally:
        ready.parent.chmod(0o755)

    assert (done.code, done.out, ready.read_bytes()) == (NOT_STARTED, "", before)
    assert "cannot be written" in done.err


@pytest.mark.usefixtures("measured")
def test_an_upgrade_offline_is_an_error(ready: Path, packages: Index, cli: Cli) -> None:
    packages.reset()

    done = cli("run", "-U", "--offline", ready)

    assert (done.code, done.out, packages.requests) == (NOT_STARTED, "", [])
    assert done.err.startswith(f"scriptlock: {ready}: offline, and an upgrade has to ask an index\n")


@pytest.mark.parametrize("option", ["--locked", "--frozen"])
def test_an_upgrade_and_a_lock_that_stays_contradict_each_other(ready: Path, cli: Cli, option: str) -> None:
    run, sync = cli("run", "-U", option, ready), cli("sync", "-U", option, ready)

    assert (run.code, sync.code) == (NOT_STARTED, 2)
    assert f"--upgrade and {option} contradict each other" in run.err


def test_extra_packages_are_upgraded_too(ready: Path, packages: Index, cli: Cli) -> None:
    packages.add(wheel("attrs", "25.1"))
    cli("sync", "--with", "attrs", ready)
    packages.add(wheel("attrs", "25.2"))

    kept, upgraded = cli("run", "--with", "attrs", ready), cli("run", "-U", "--with", "attrs", ready)

    assert [done.out for done in (kept, upgraded)] == [
        f"attrs 25.1\n{RICH_SHOWN}",
        f"attrs 25.2\n{RICH_SHOWN}",
    ]
