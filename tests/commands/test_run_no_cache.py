from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, SECONDS, Cli, Done, command
from support.index import Index
from support.scripts import RICH_SHOWN, script

LISTEN = """
import os, signal, sys
def say(number, frame):
    os.write(1, b"%s\\n" % signal.Signals(number).name.encode())
    if number == signal.SIGTERM:
        sys.exit(7)
for name in sys.argv[1:]:
    signal.signal(signal.Signals[name], say)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""
"""A body that says which of some signals it gets, and ends at SIGTERM."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary files are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def listener(tmp_path: Path) -> Path:
    """A script that needs no packages, and says which signals it gets."""
    path = tmp_path / "listen.py"
    path.write_text(script(body=LISTEN))
    return path


@contextmanager
def started(*args: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Give the command while it runs a script that has said "ready"; in a process group of its own."""
    with subprocess.Popen(command(*args), stdout=subprocess.PIPE, text=True, process_group=0) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield running
        finally:
            running.kill()


def test_a_run_without_cache_has_exactly_the_pins_and_leaves_nothing(
    locked: Path, cli: Cli, temporary: Path, tmp_path: Path
) -> None:
    before = locked.read_bytes()

    done = cli("run", "--no-cache", locked, env={"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")})

    assert done == Done(code=0, out=RICH_SHOWN, err="")
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "cache").exists()
    assert locked.read_bytes() == before


def test_a_run_without_cache_needs_no_lock_and_keeps_none(report: Path, cli: Cli, temporary: Path) -> None:
    done = cli("run", "--no-cache", report)

    assert (done.code, done.out, list(temporary.iterdir())) == (0, RICH_SHOWN, [])
    assert not Path(os.environ["SCRIPTLOCK_CACHE_DIR"]).exists()


def test_a_run_without_cache_passes_arguments_input_and_status_through(
    tmp_path: Path, cli: Cli, temporary: Path
) -> None:
    path = tmp_path / "echo.py"
    path.write_text(script(body="import sys\nprint(sys.argv[1:], sys.stdin.read())\nsys.exit(3)\n"))

    done = cli("run", "--no-cache", path, "-x", "a b", stdin="text")

    assert done == Done(code=3, out="['-x', 'a b'] text\n", err="")


def test_a_run_without_cache_that_cannot_be_prepared_leaves_nothing(
    report: Path, packages: Index, cli: Cli, temporary: Path
) -> None:
    packages.remove("idna")

    done = cli("run", "--no-cache", report)

    assert (done.code, done.out, list(temporary.iterdir())) == (NOT_STARTED, "", [])
    assert "idna" in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_script_first_and_then_its_environment(
    listener: Path, temporary: Path, number: signal.Signals
) -> None:
    listener.write_text(script(body=f"import signal\nsignal.signal({int(number)}, signal.SIG_DFL)\n{LISTEN}"))
    with started("run", "--no-cache", listener) as running:
        running.send_signal(number)
        status = running.wait(SECONDS)

    assert (status, list(temporary.iterdir())) == (-number, [])


@pytest.mark.parametrize("number", [signal.SIGKILL])
def test_the_death_of_the_script_looks_like_our_own(
    tmp_path: Path, temporary: Path, number: signal.Signals, cli: Cli
) -> None:
    path = tmp_path / "dies.py"
    path.write_text(script(body=f"import os\nos.kill(os.getpid(), {int(number)})\n"))

    done = cli("run", "--no-cache", path)

    assert (done.code, list(temporary.iterdir())) == (-number, [])


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_script_that_a_signal_ends_needs_no_stream_of_ours(tmp_path: Path, closed: str) -> None:
    path = tmp_path / "dies.py"
    path.write_text(script(body=f"import os\nos.kill(os.getpid(), {int(signal.SIGTERM)})\n"))
    argv = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command("run", "--no-cache", path)]

    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")


def test_every_signal_is_passed_on_once_and_the_script_may_choose_its_status(
    listener: Path, temporary: Path
) -> None:
    names = ["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGQUIT", "SIGWINCH", "SIGALRM", "SIGTERM"]

    with started("run", "--no-cache", listener, *names) as running:
        heard = []
        assert running.stdout is not None
        for name in names:
            running.send_signal(signal.Signals[name])
            heard.append(running.stdout.readline().strip())
        rest = running.stdout.read()
        status = running.wait(SECONDS)

    assert (heard, rest, status) == (names, "", 7)
    assert list(temporary.iterdir()) == []


def test_what_stops_the_script_stops_us_and_what_continues_us_continues_it(
    listener: Path, temporary: Path
) -> None:
    with started("run", "--no-cache", listener, "SIGUSR1", "SIGTERM") as running:
        running.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(running.pid, os.WUNTRACED)
        running.send_signal(signal.SIGCONT)
        running.send_signal(signal.SIGUSR1)
        assert running.stdout is not None
        heard = running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        running.wait(SECONDS)

    assert os.WIFSTOPPED(status)
    assert (os.WSTOPSIG(status), heard, running.returncode) == (signal.SIGTSTP, "SIGUSR1\n", 7)


def test_a_ctrl_c_at_the_terminal_reaches_the_script_once(listener: Path, temporary: Path) -> None:
    ours, theirs = pty.openpty()
    # The first terminal that the leader of a session opens becomes that session's.
    lead = "import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR)); os.execv(sys.argv[2], sys.argv[2:])"
    argv = [sys.executable, "-c", lead, os.ttyname(theirs)]
    argv += command("run", "--no-cache", listener, "SIGINT", "SIGUSR1", "SIGTERM")

    with subprocess.Popen(
        argv, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        heard = [running.stdout.readline()]
        os.write(ours, b"\x03")
        heard.append(running.stdout.readline())
        running.send_signal(signal.SIGUSR1)
        heard.append(running.stdout.readline())
        running.send_signal(signal.SIGTERM)
        heard.append(running.stdout.read())
        status = running.wait(SECONDS)
    os.close(ours)
    os.close(theirs)

    assert (heard, status) == (["ready\n", "SIGINT\n", "SIGUSR1\n", "SIGTERM\n"], 7)


def test_a_termination_before_the_script_starts_leaves_nothing_either(
    report: Path, packages: Index, temporary: Path
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        asked.set()
        go_on.wait(SECONDS)

    packages.on_request = hold
    with subprocess.Popen(command("run", "--no-cache", report), stdout=subprocess.PIPE) as running:
        assert asked.wait(SECONDS)
        running.terminate()
        try:
            status = running.wait(SECONDS)
        finally:
            go_on.set()

    assert (status, list(temporary.iterdir())) == (-signal.SIGTERM, [])


def test_a_temporary_environment_needs_a_temporary_folder(report: Path, tmp_path: Path, cli: Cli) -> None:
    nowhere = {name: str(tmp_path / "a:b") for name in ("TMPDIR", "TEMP", "TMP")}
    (tmp_path / "a:b").mkdir()

    done = cli("run", "--no-cache", report, env=nowhere)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "has a ':' in its path" in done.err
    assert list((tmp_path / "a:b").iterdir()) == []
