from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import scriptlock
from support.cli import SECONDS, Cli, Done, command
from support.index import Index
from support.scripts import script
from support.wheels import wheel

VERBS = ("lock", "check", "run", "sync", "which", "install", "uninstall", "strip", "cache")


def test_the_version_is_told(cli: Cli) -> None:
    done = cli("--version")

    assert (done.code, done.err) == (0, "")
    assert scriptlock.__version__ in done.out


ENDING = """
import atexit, sys, threading
class Loaded:
    def __del__(self):
        print("taken down")
loaded = Loaded()
atexit.register(print, "left")
if "thread" in sys.argv:
    threading.Thread(target=lambda: (threading.main_thread().join(), print("finished"))).start()
sys.argv = ["scriptlock", *sys.argv[2:]]
from scriptlock.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("how", "verb", "code", "last"),
    [
        ("plain", "--version", 0, ["left"]),
        ("plain", "--nonsense", 2, ["left"]),
        # What else is under way is finished, as Python does it.
        ("thread", "--version", 0, ["finished", "left", "taken down"]),
    ],
)
def test_a_command_ends_with_what_is_to_be_done_at_the_end_and_no_more(
    how: str, verb: str, code: int, last: list[str]
) -> None:
    argv = [sys.executable, "-c", ENDING, how, verb]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert (done.returncode, done.stdout.splitlines()[-len(last) :]) == (code, last)


def test_help_lists_the_verbs_in_the_order_in_which_they_are_wanted(cli: Cli) -> None:
    done = cli("--help")

    assert (done.code, done.err) == (0, "")
    _, listed = done.out.split("Commands:\n")
    assert tuple(line.split()[0] for line in listed.splitlines() if line[2:3].strip()) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_has_an_example(cli: Cli, verb: str) -> None:
    done = cli(verb, "--help")

    assert (done.code, done.err) == (0, "")
    assert f"scriptlock {verb} " in done.out.split("Options:")[-1] + done.out.split("Options:")[0]
    assert "Example" in done.out


@pytest.mark.parametrize(
    "args", [["lock"], ["nonsense"], ["lock", "--nonsense", "a.py"], ["which", "a", "b"]]
)
def test_a_command_line_that_makes_no_sense_exits_2(cli: Cli, args: list[str]) -> None:
    done = cli(*args)

    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verb", ["lock", "run", "sync"])
def test_an_interrupt_ends_the_command_with_130_and_leaves_the_script(
    verb: str, index: Index, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("a"))
    before = path.read_bytes()
    index.add(wheel("a", "1"))
    asked, answer = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        asked.set()
        answer.wait(SECONDS)

    index.on_request = hold
    with subprocess.Popen(
        command(verb, path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            while not asked.wait(0.1):
                assert running.poll() is None, "it ended before it asked anybody"
            os.killpg(running.pid, signal.SIGINT)
            out, err = running.communicate(timeout=SECONDS)
        finally:
            answer.set()

    assert (running.returncode, out, path.read_bytes()) == (130, "", before)
    assert "Traceback" not in err


def test_long_work_shows_a_sign_of_life_on_a_terminal(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("a"))
    index.add(wheel("a", "1"))
    seen = threading.Event()
    index.on_request = lambda _: seen.wait(SECONDS)
    ours, theirs = pty.openpty()

    with subprocess.Popen(command("lock", path), stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        shown = os.read(ours, 1000)
        seen.set()
        assert running.stdout is not None
        out = running.stdout.read()
        while chunk := read_terminal(ours):
            shown += chunk
    os.close(ours)

    assert (running.returncode, out) == (0, b"+ a 1\n")
    assert shown.startswith(b"\r")
    assert shown.endswith(b"\r\x1b[K")


def read_terminal(descriptor: int) -> bytes:
    """Return what a terminal shows next, or nothing when nobody writes to it any more."""
    try:
        return os.read(descriptor, 1000)
    except OSError:
        return b""


def test_nobody_sees_progress_in_a_pipe(index: Index, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("a"))
    index.add(wheel("a", "1"))
    index.delay = 0.8

    assert cli("lock", path) == Done(code=0, out="+ a 1\n", err="")


def test_whoever_stops_reading_the_result_gets_no_answer_and_no_traceback(locked: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        command("check", "--json", locked), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (2, b"")


def test_colours_are_for_terminals_that_want_them(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("a"))
    index.add(wheel("a", "1"))

    def shown(**variables: str) -> bytes:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            command("lock", "--dry-run", path), stdout=theirs, env={**os.environ, **variables}
        ):
            os.close(theirs)
            text = b""
            while chunk := read_terminal(ours):
                text += chunk
        os.close(ours)
        return text

    assert b"\x1b[" in shown(TERM="xterm")
    assert shown(TERM="xterm", NO_COLOR="1") == b"+ a 1\r\n"


def test_the_console_script_is_the_same_command(cli: Cli) -> None:
    told = subprocess.run(
        [Path(sys.executable).parent / "scriptlock", "--version"], capture_output=True, text=True, check=True
    )

    assert told.stdout == cli("--version").out


@pytest.mark.parametrize(("words", "code"), [(["--help"], 2), (["--version"], 2), (["run", "--help"], 125)])
def test_help_that_cannot_be_written_is_one_sentence(words: list[str], code: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(*words), stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    told = "scriptlock: the result cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (code, told)


WRONG = [(["nonsense"], 2), (["check", "--nonsense", "x"], 2), (["run", "--nonsense", "x"], 125)]


@pytest.mark.parametrize(("words", "code"), WRONG)
def test_a_command_line_that_makes_no_sense_ends_alike_where_nobody_can_be_told(
    words: list[str], code: int, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        to_a_full_disk = subprocess.run(command(*words), stderr=full, check=False)
    with (tmp_path / "out").open("w") as out:
        closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command(*words)]
        to_nobody = subprocess.run(closed, stdout=out, check=False)

    assert (to_a_full_disk.returncode, to_nobody.returncode) == (code, code)
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.parametrize(("words", "code"), [(["--help"], 2), (["--version"], 2), (["run", "--help"], 125)])
def test_help_that_nobody_reads_ends_as_other_results_do(words: list[str], code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(command(*words), stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)

    assert (done.returncode, done.stderr) == (code, b"")
