"""Programs that are started aside, and that nobody is left with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scriptlock import process

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


def test_a_program_that_is_not_there_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.run([str(tmp_path / "nowhere")])
