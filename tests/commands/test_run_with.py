from __future__ import annotations

from pathlib import Path

import pytest

import scriptlock
from support.cli import NOT_STARTED, Cli, Done
from support.index import Index
from support.scripts import RICH_SHOWN, edit
from support.wheels import wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

CLICK_TOO = f"click 9.0\n{RICH_SHOWN}"


@pytest.fixture
def packages(packages: Index) -> Index:
    """The same, with another one that nobody wants."""
    packages.add(wheel("click", "9.0"))
    return packages


def test_extra_packages_come_on_top_of_the_script_s_own_pins_and_are_resolved_once(
    ready: Path, packages: Index, cli: Cli
) -> None:
    packages.add(wheel("idna", "3.20"), wheel("rich", "15.1.0"))
    before = (ready.read_bytes(), ready.stat().st_mtime_ns)

    first = cli("run", "--with", "click", ready)
    packages.break_down()
    second, without = cli("run", "--with", "click", ready), cli("run", ready)

    assert [first, second] == [Done(code=0, out=CLICK_TOO, err="")] * 2
    assert without == Done(code=0, out=RICH_SHOWN, err="")
    assert (ready.read_bytes(), ready.stat().st_mtime_ns) == before


def test_what_contradicts_the_header_is_not_said_to_be_in_it(ready: Path, packages: Index, cli: Cli) -> None:
    packages.add(wheel("rich", "15.1.0"))
    edit(ready, '"rich"', '"rich<15.1"')

    done = cli("run", "--with", "Rich >= 15.1", ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "--with wants rich>=15.1 and the header wants rich<15.1" in done.err


def test_what_is_in_the_header_is_not_said_to_be_wanted_by_hand(
    ready: Path, packages: Index, cli: Cli
) -> None:
    packages.add(wheel("rich", "15.1.0"), wheel("tool", "1.0", requires=["rich>=15.1"]))
    edit(ready, '"rich"', '"rich<15.1"')

    done = cli("run", "--with", "rich", "--with", "tool", ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "the header wants rich<15.1" in done.err
    assert "--with wants rich<15.1" not in done.err


def test_what_was_tried_out_and_then_taken_over_is_locked_for_as_much_as_the_rest(
    ready: Path, packages: Index, cli: Cli
) -> None:
    before = scriptlock.parse(ready.read_bytes()).lock
    assert cli("run", "--with", "click", ready).code == 0
    ready.write_text(ready.read_text().replace('#   "rich",', '#   "rich", "click",'))

    done = cli("run", ready)

    after = scriptlock.parse(ready.read_bytes()).lock
    assert (done.code, done.err.rpartition(": ")[2]) == (0, "+ click 9.0\n")
    assert before is not None
    assert after is not None
    assert len(before.environments) > 1
    assert after.environments == before.environments


def test_extra_packages_do_without_a_lock_in_the_script(
    report: Path, packages: Index, cli: Cli, shared_cache: Path
) -> None:
    before = report.read_bytes()

    done = cli("run", "--with", "click", report, env={"SCRIPTLOCK_CACHE_DIR": str(shared_cache)})

    assert (done.code, done.out, report.read_bytes()) == (0, CLICK_TOO, before)


def test_extra_packages_do_without_a_header(tmp_path: Path, packages: Index, cli: Cli) -> None:
    path = tmp_path / "bare.py"
    path.write_text("import click\nprint(click.__name__)\n")

    assert cli("run", "--with", "click", path) == Done(code=0, out="click\n", err="")


@pytest.mark.usefixtures("measured")
def test_a_pin_that_has_to_move_is_named(ready: Path, packages: Index, cli: Cli) -> None:
    packages.add(wheel("idna", "3.20"))

    done = cli("run", "--with", "idna>=3.20", ready)

    assert (done.code, done.out) == (0, "idna 3.20\nrich 15.0.0\n")
    assert done.err == f"scriptlock: {ready}: together with idna>=3.20, idna is 3.20, not 3.19\n"


def test_a_file_that_the_script_has_pinned_is_never_exchanged_for_another(
    ready: Path, packages: Index, cli: Cli, tmp_path: Path
) -> None:
    packages.add(wheel("idna", "3.19", files={"idna/__init__.py": "print('other code')\n"}))
    fresh = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")}

    done = cli("run", "--with", "click", ready, env=fresh)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "idna" in done.err


@pytest.mark.usefixtures("measured")
def test_extra_packages_that_exclude_the_script_s_own_are_refused(
    ready: Path, packages: Index, cli: Cli
) -> None:
    edit(ready, '"rich"', '"rich", "idna<4"')
    packages.add(wheel("idna", "4.0"))

    done = cli("run", "--with", "idna>=4", ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "idna>=4" in done.err
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("measured")
def test_an_extra_package_that_nobody_knows_has_no_line_in_the_script(
    ready: Path, packages: Index, cli: Cli
) -> None:
    done = cli("run", "--with", "nowhere-to-be-found", ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert done.err.startswith(f"scriptlock: {ready}: ")
    assert "nowhere-to-be-found" in done.err


@pytest.mark.usefixtures("measured")
def test_an_extra_package_that_is_no_requirement_is_a_wrong_option(ready: Path, cli: Cli) -> None:
    done = cli("run", "--with", "--index-url=x", ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "is an option, not a requirement" in done.err


def test_extra_packages_and_a_lock_as_it_stands_contradict_each_other(ready: Path, cli: Cli) -> None:
    done = cli("run", "--with", "click", "--frozen", ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "--with and --frozen contradict each other" in done.err


def test_a_lock_that_is_demanded_may_have_company(ready: Path, cli: Cli, packages: Index) -> None:
    done = cli("run", "--with", "click", "--locked", ready)
    edit(ready, '"rich"', '"idna"')
    stale = cli("run", "--with", "click", "--locked", ready)

    assert (done.code, done.out) == (0, CLICK_TOO)
    assert (stale.code, stale.out) == (NOT_STARTED, "")


@pytest.mark.usefixtures("measured")
def test_offline_says_what_is_not_resolved_yet(ready: Path, packages: Index, cli: Cli) -> None:
    packages.reset()

    done = cli("run", "--offline", "--with", "click>8", ready)

    assert (done.code, done.out, packages.requests) == (NOT_STARTED, "", [])
    assert "offline" in done.err
    assert "click>8" in done.err


def test_sync_builds_with_extra_packages_too(ready: Path, cli: Cli, tmp_path: Path) -> None:
    plain, more = cli("sync", ready), cli("sync", "--with", "click", ready)

    assert (plain.code, more.code) == (0, 0)
    assert plain.out != more.out
