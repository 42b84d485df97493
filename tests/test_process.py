"""Programs that are started aside, and that nobody is left with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scriptlock import process
from scriptlock.process import Begun

ECHO = "import os, sys; print(sys.stdin.read() + '|' + str(os.listdir())); print('said', file=sys.stderr)"
AT_WORK = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w', 1)); time.sleep(600)"


def test_a_program_gets_its_text_and_an_empty_folder_and_its_output_is_told() -> None:
    done = process.run([sys.executable, "-c", ECHO], text="t\u00e9xt")

    assert (done.returncode, done.stdout, done.stderr) == (0, "t\u00e9xt|[]\n", "said\n")


def test_what_goes_on_meanwhile_has_not_to_wait_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    script = "import sys; open(sys.argv[1]).read(); print(len(sys.stdin.read()))"
    long = "x" * (1 << 20)

    with process.start([sys.executable, "-c", script, str(tmp_path / "pipe")], text=long) as finish:
        (tmp_path / "pipe").write_text("go on")
        done = finish()

    assert done.stdout == f"{len(long)}\n"


def test_a_program_is_killed_by_what_goes_wrong_meanwhile(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")

    def interrupted() -> None:
        with process.start([sys.executable, "-c", AT_WORK, str(tmp_path / "pid")]):
            started.append(int((tmp_path / "pid").read_text()))
            raise KeyboardInterrupt

    started: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()

    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_a_program_answers_line_by_line_and_nothing_once_it_has_ended() -> None:
    program = "print(input() + '!', flush=True); print(input() + '?')"

    begun = Begun([sys.executable, "-c", program])
    answers = [begun.ask("one"), begun.ask("two"), begun.ask("three")]
    begun.close()
    begun.close()

    assert answers == ["one!\n", "two?\n", ""]


WRITING = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(PATH).write_text("whole"), exit()))
print(os.getpid(), flush=True)
time.sleep(600)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(600)
"""


def test_a_program_that_is_dismissed_finishes_what_it_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "written"

    begun = Begun([sys.executable, "-c", WRITING.replace("PATH", repr(str(path)))])
    number = int(begun.ask(""))
    begun.dismiss()

    assert path.read_text() == "whole"
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_program_that_is_dismissed_may_say_something_before(tmp_path: Path) -> None:
    path = tmp_path / "written"
    talking = WRITING.replace("(pathlib", "(print('one'), time.sleep(0.1), print('two', flush=True), pathlib")

    begun = Begun([sys.executable, "-u", "-c", talking.replace("PATH", repr(str(path)))])
    begun.ask("")
    begun.dismiss()

    assert path.read_text() == "whole"


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """Have every descriptor in use that `select.select()` takes, as a server may."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("a process may not have so many files open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    while opened[-1] < 1024:
        opened.append(os.dup(opened[0]))
    try:
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_open_files")
def test_a_program_is_dismissed_however_many_files_are_open(tmp_path: Path) -> None:
    path = tmp_path / "written"

    begun = Begun([sys.executable, "-c", WRITING.replace("PATH", repr(str(path)))])
    begun.ask("")
    begun.dismiss()

    assert path.read_text() == "whole"


def test_a_program_that_will_not_go_is_ended() -> None:
    begun = Begun([sys.executable, "-c", STUBBORN])
    number = int(begun.ask(""))
    begun.dismiss()

    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_program_that_does_not_read_is_asked_nothing(tmp_path: Path) -> None:
    with (tmp_path / "given").open("w+b") as given:
        begun = Begun([sys.executable, "-c", "print('said')"], given)
        answer, done = begun.ask("one"), begun.finish()
        begun.close()

    assert (answer, done.stdout) == ("", "said\n")


def test_a_user_without_a_home_gets_one_for_the_time_being(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 987_654_321)
    program = "import os; print(os.environ['HOME'] == os.environ['TMPDIR'] == os.getcwd())"

    assert process.run([sys.executable, "-c", program]).stdout == "True\n"


def test_a_program_that_is_not_there_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.run([str(tmp_path / "nowhere")])
