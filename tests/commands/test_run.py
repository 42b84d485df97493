from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, SECONDS, Cli, Done, command, powerless
from support.index import Index
from support.scripts import RICH_SHOWN, SHOW, edit, script
from support.wheels import wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

ECHO = """
import os, sys
print(sys.argv, flush=True)
print(sys.path[0] == os.path.dirname(os.path.realpath(__file__)))
print(os.path.basename(__file__), __name__)
print(repr(sys.stdin.read()))
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""
WAIT = """
import os, signal, sys
def stop(number, frame):
    os.write(1, b"caught %d\\n" % number)  # print() may be what was interrupted
    sys.exit(7)
if "catch" in sys.argv:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
else:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
print("ready", flush=True)
while True:
    signal.pause()
"""


def with_body(path: Path, body: str) -> None:
    """Put other code between the header and the footer, or the end."""
    head, rest = path.read_text().split("# ///\n", 1)
    footer = rest.partition("\n\n# >>> scriptlock >>>\n")
    path.write_text(head + "# ///\n" + body + "".join(footer[1:]))


def test_a_locked_script_runs_with_exactly_its_pins(locked: Path, packages: Index, cli: Cli) -> None:
    packages.add(wheel("idna", "3.20"), wheel("rich", "15.1.0"))
    before = locked.read_bytes()

    done = cli("run", locked)

    assert (done.code, done.out) == (0, RICH_SHOWN)
    assert locked.read_bytes() == before
    assert not [path for path in packages.requests if "3.20" in path or "15.1.0" in path]


def test_the_second_run_asks_the_network_for_nothing(locked: Path, packages: Index, cli: Cli) -> None:
    cli("run", locked)
    packages.reset()

    done = cli("run", locked)

    assert (done, packages.requests) == (Done(code=0, out=RICH_SHOWN, err=""), [])


def test_copies_and_links_share_the_environment(
    locked: Path, tmp_path: Path, packages: Index, cli: Cli
) -> None:
    cli("run", locked)
    packages.break_down()
    copy, link = tmp_path / "copy.py", tmp_path / "link.py"
    shutil.copy(locked, copy)
    link.symlink_to(locked)

    assert cli("run", copy) == cli("run", link) == Done(code=0, out=RICH_SHOWN, err="")


def test_a_stale_lock_is_refreshed_with_the_least_change_and_said_so(
    locked: Path, packages: Index, cli: Cli
) -> None:
    packages.add(wheel("idna", "3.20"), wheel("rich", "15.1.0"), wheel("click", "9.0"))
    edit(locked, '"rich"', '"rich", "click"')

    done = cli("run", locked)

    assert (done.code, done.out) == (0, f"click 9.0\n{RICH_SHOWN}")
    assert done.err.startswith(f"scriptlock: {locked}: ")
    assert '# | click = "9.0"\n' in locked.read_text()
    assert cli("check", locked).code == 0
    assert cli("run", locked) == Done(code=0, out=f"click 9.0\n{RICH_SHOWN}", err="")


def test_locked_refuses_a_stale_lock_before_anything_starts(locked: Path, packages: Index, cli: Cli) -> None:
    edit(locked, '"rich"', '"idna"')
    before = locked.read_bytes()

    option = cli("run", "--locked", locked)
    variable = cli("run", locked, env={"SCRIPTLOCK_LOCKED": "1"})

    assert option == variable
    assert (option.code, option.out) == (NOT_STARTED, "")
    assert "dependencies changed since locking: +idna -rich" in option.err
    assert (locked.read_bytes(), packages.requests) == (before, [])


@pytest.mark.usefixtures("measured")
def test_a_script_that_is_saved_while_its_lock_is_refreshed_runs_as_it_is_then(
    locked: Path, packages: Index, cli: Cli
) -> None:
    edit(locked, '"rich"', '"rich", "idna"')
    saved = locked.read_bytes() + b"\n# saved meanwhile\n"

    def save(_: str) -> None:
        packages.on_request = None
        locked.write_bytes(saved)

    packages.on_request = save
    done = cli("run", locked)

    assert (done.code, done.out) == (0, RICH_SHOWN)
    assert done.err.count("its lock was refreshed") == 1
    assert locked.read_bytes().endswith(b"\n# saved meanwhile\n")
    assert cli("check", locked).code == 0


def test_locked_refuses_a_script_without_a_lock(report: Path, packages: Index, cli: Cli) -> None:
    done = cli("run", "--locked", report)

    assert (done.code, done.out, packages.requests) == (NOT_STARTED, "", [])
    assert "carries no lock" in done.err


def test_locked_accepts_a_fresh_lock(locked: Path, cli: Cli) -> None:
    done = cli("run", "--locked", locked)

    assert (done.code, done.out) == (0, RICH_SHOWN)


@pytest.mark.usefixtures("measured")
def test_frozen_uses_a_stale_lock_as_it_stands(locked: Path, packages: Index, cli: Cli) -> None:
    edit(locked, '"rich"', '"click"')
    before = locked.read_bytes()

    done = cli("run", "--frozen", locked)

    assert (done.code, done.out, locked.read_bytes()) == (0, RICH_SHOWN, before)
    assert "/simple/click/" not in packages.requests


def test_frozen_needs_a_lock(report: Path, packages: Index, cli: Cli) -> None:
    done = cli("run", "--frozen", report)

    assert (done.code, done.out, packages.requests) == (NOT_STARTED, "", [])


@pytest.mark.usefixtures("measured")
def test_a_stale_script_that_cannot_be_written_uses_a_cached_lock_and_says_so(
    locked: Path, packages: Index, cli: Cli
) -> None:
    edit(locked, '"rich"', '"idna"')
    before = locked.read_bytes()
    locked.chmod(0o444)
    locked.parent.chmod(0o555)

    try:
        first = cli("run", locked, under=powerless())
        packages.reset()
        second = cli("run", locked, under=powerless())
    finally:
        locked.parent.chmod(0o755)

    assert (first.code, first.out, locked.read_bytes()) == (0, "idna 3.19\n", before)
    assert (second.code, second.out, packages.requests) == (0, "idna 3.19\n", [])
    assert first.err.startswith(f"scriptlock: {locked}: ")
    assert "Traceback" not in first.err + second.err


def test_a_script_without_a_footer_gets_none_and_is_locked_in_the_cache(
    report: Path, packages: Index, cli: Cli
) -> None:
    before = (report.read_bytes(), report.stat().st_mtime_ns)

    first = cli("run", report)
    packages.reset()
    packages.add(wheel("idna", "3.20"))
    second = cli("run", report)

    assert (first.code, first.out) == (0, RICH_SHOWN)
    assert (second, packages.requests) == (Done(code=0, out=RICH_SHOWN, err=""), [])
    assert (report.read_bytes(), report.stat().st_mtime_ns) == before


def test_the_cached_lock_follows_the_header(report: Path, packages: Index, cli: Cli) -> None:
    cli("run", report)
    edit(report, '"rich"', '"idna"')

    done = cli("run", report)

    assert (done.code, done.out) == (0, "idna 3.19\n")


def test_a_header_may_require_a_footer(packages: Index, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("rich", settings=["required = true"]))

    done = cli("run", path)
    cli("lock", path)
    after = cli("run", path)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "carries no lock" in done.err
    assert (after.code, after.out) == (0, RICH_SHOWN)


def test_a_script_without_a_header_runs_with_nothing_but_the_standard_library(
    tmp_path: Path, packages: Index, cli: Cli
) -> None:
    (tmp_path / "a.py").write_text(SHOW)

    done = cli("run", "a.py")

    assert (done.code, done.out, packages.requests) == (0, "", [])


def test_offline_runs_what_is_there_and_refuses_what_is_not(locked: Path, packages: Index, cli: Cli) -> None:
    missing = cli("run", "--offline", locked)
    asked = list(packages.requests)
    cli("run", locked)
    packages.reset()
    there = cli("run", "--offline", locked)

    assert (missing.code, missing.out, asked) == (NOT_STARTED, "", [])
    assert "offline" in missing.err
    assert (there, packages.requests) == (Done(code=0, out=RICH_SHOWN, err=""), [])


def test_the_script_gets_its_own_arguments_status_and_standard_input(ready: Path, cli: Cli) -> None:
    with_body(ready, ECHO)

    done = cli("run", ready, "3", "--python", "-x", "--", "a b", stdin="text\n")

    assert done.code == 3
    argv, folder, name, text = done.out.splitlines()
    assert argv == str([str(ready), "3", "--python", "-x", "--", "a b"])
    assert (folder, name, text) == ("True", "report.py __main__", repr("text\n"))


@pytest.mark.parametrize("status", [1, 2, 125, 255])
def test_the_script_s_exit_status_is_passed_through(ready: Path, cli: Cli, status: int) -> None:
    with_body(ready, f"raise SystemExit({status})\n")

    assert cli("run", ready) == Done(code=status, out="", err="")


def test_a_script_that_fails_shows_its_own_traceback_and_none_of_ours(ready: Path, cli: Cli) -> None:
    with_body(ready, "import rich\nraise ValueError(rich.__version__)\n")

    done = cli("run", ready)

    assert done.code == 1
    assert done.err.endswith("ValueError: 15.0.0\n")
    assert done.err.count("File ") == 1


def test_without_a_folder_in_its_path_the_script_finds_its_neighbours(
    ready: Path, tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "neighbour.py").write_text("NAME = 'neighbour'\n")
    with_body(ready, "import neighbour\nprint(neighbour.NAME)\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "neighbour.py").write_text("NAME = 'somebody else'\n")

    assert cli("run", ready.name).out == "neighbour\n"
    assert cli("run", ready, cwd=elsewhere).out == "neighbour\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP])
def test_a_signal_reaches_the_script_and_its_death_is_seen(
    ready: Path, cli: Cli, number: signal.Signals
) -> None:
    with_body(ready, WAIT)

    with subprocess.Popen(command("run", ready), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        status = running.wait(SECONDS)

    assert status == -number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_script_may_catch_its_signals(ready: Path, cli: Cli, number: signal.Signals) -> None:
    with_body(ready, WAIT)

    with subprocess.Popen(command("run", ready, "catch"), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        said = running.stdout.read()
        status = running.wait(SECONDS)

    assert (said, status) == (f"caught {int(number)}\n", 7)


def test_a_script_can_be_started_by_its_first_line(packages: Index, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "tool"
    path.write_text(script("rich", shebang="/usr/bin/env -S scriptlock run", body=ECHO))
    path.chmod(0o755)
    cli("lock", path)
    found = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        [path, "0", "--help"], env=found, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, str([str(path), "0", "--help"]))
    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["with space.py", "naïve-日本.py", "no_extension", "a\nb.py", "-dash.py"])
def test_any_file_name_will_do(ready: Path, tmp_path: Path, cli: Cli, name: str) -> None:
    folder = tmp_path / "ein Ordner ü"
    folder.mkdir()
    shutil.copy(ready, folder / name)

    inside = cli("run", "--", name, cwd=folder)
    outside = cli("run", folder / name)

    assert (inside.code, inside.out) == (0, RICH_SHOWN)
    assert outside == Done(code=0, out=RICH_SHOWN, err="")


def test_what_lies_in_the_working_folder_cannot_come_between(ready: Path, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("click", "packaging", "pip", "json", "virtualenv", "sitecustomize", "rich"):
        (folder / f"{name}.py").write_text("raise SystemExit('hijacked')\n")

    done = cli("run", ready, cwd=folder)

    assert (done.code, done.out) == (0, RICH_SHOWN)


def test_the_environment_of_another_python_has_no_say(locked: Path, tmp_path: Path, cli: Cli) -> None:
    steering = {"PIP_TARGET": str(tmp_path / "target"), "PIP_REQUIRE_VIRTUALENV": "1", "PIP_DRY_RUN": "1"}

    done = cli("run", locked, env=steering)

    assert (done.code, done.out) == (0, RICH_SHOWN)
    assert not (tmp_path / "target").exists()


def test_sync_prints_the_python_of_the_environment(locked: Path, cli: Cli) -> None:
    done = cli("sync", locked)

    assert (done.code, done.err) == (0, "")
    python = Path(done.out.removesuffix("\n"))
    told = subprocess.run([python, locked], capture_output=True, text=True, check=True)
    assert told.stdout == RICH_SHOWN


def test_sync_of_many_scripts_prints_a_python_for_each(locked: Path, tmp_path: Path, cli: Cli) -> None:
    other = tmp_path / "other.py"
    other.write_text(script("idna"))
    cli("lock", other)

    done = cli("sync", locked, other, locked)

    first, second, third = done.out.splitlines()
    assert (done.code, first) == (0, third)
    assert first != second


@pytest.mark.usefixtures("measured")
def test_which_names_the_python_that_run_would_use_and_builds_nothing(
    locked: Path, packages: Index, cli: Cli
) -> None:
    before = cli("which", locked)
    asked = list(packages.requests)
    synced = cli("sync", locked)
    after = cli("which", locked)

    assert (before.code, asked) == (1, [])
    assert (after.code, after.out) == (0, synced.out)


def test_pip_check_and_the_pins_agree_with_the_environment(ready: Path, cli: Cli) -> None:
    python = cli("sync", ready).out.strip()

    done = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "--python", python, "check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "No broken requirements found.\n")


@pytest.mark.usefixtures("measured")
def test_a_file_that_is_not_the_one_that_was_locked_is_never_installed(
    locked: Path, packages: Index, cli: Cli
) -> None:
    packages.add(wheel("idna", "3.19", files={"idna/__init__.py": "print('other code')\n"}))

    done = cli("run", locked)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "idna" in done.err
    assert "Traceback" not in done.err


def test_a_version_that_is_gone_is_said_to_be_gone(locked: Path, packages: Index, cli: Cli) -> None:
    packages.remove("idna")

    done = cli("run", locked)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "idna" in done.err
    assert "Traceback" not in done.err


def test_a_lock_for_another_platform_is_refused(locked: Path, cli: Cli) -> None:
    text = locked.read_text()
    elsewhere = text.replace(f"sys_platform == '{sys.platform}'", "sys_platform == 'plan9'")
    locked.write_text(elsewhere)

    done = cli("run", locked)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "Traceback" not in done.err


def test_a_yanked_version_that_is_pinned_still_runs(locked: Path, packages: Index, cli: Cli) -> None:
    for name in ("idna", "rich"):
        (entry,) = packages.entries[name]
        packages.add(entry.distribution, yanked="a mistake")

    done = cli("run", locked)

    assert (done.code, done.out) == (0, RICH_SHOWN)
