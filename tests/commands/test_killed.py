"""Nothing is left of a command that is killed: no process, and no temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cli import SECONDS, Cli, command
from support.index import Index
from support.scripts import script
from support.wheels import wheel


@contextmanager
def waiting_for_an_answer(
    index: Index, verb: str, path: Path, temporary: Path
) -> Iterator[tuple[subprocess.Popen[bytes], threading.Event]]:
    """Start a command, and give it when it waits for the index, with what lets that answer."""
    asked, answer = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        asked.set()
        answer.wait(SECONDS)

    index.on_request = hold
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with (
        Path(os.devnull).open("wb") as nowhere,
        subprocess.Popen(
            command(*verb.split(), path), env=environ, stdout=nowhere, stderr=nowhere, start_new_session=True
        ) as running,
    ):
        try:
            while not asked.wait(0.1):
                assert running.poll() is None, "it ended before it asked anybody"
            yield running, answer
        finally:
            answer.set()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def locked(index: Index, cli: Cli, tmp_path: Path) -> Path:
    """A script with a lock, whose package is not in the cache."""
    index.add(wheel("tool", "1.0"))
    path = tmp_path / "a.py"
    path.write_text(script("tool"))
    assert cli("lock", path).code == 0
    return path


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="nobody says where processes are")
@pytest.mark.parametrize("verb", ["lock -U", "sync"])
@pytest.mark.parametrize("how", ["alone SIGTERM", "alone SIGKILL", "all SIGTERM", "all SIGHUP"])
def test_a_command_that_is_killed_leaves_nothing_behind(
    locked: Path, index: Index, temporary: Path, verb: str, how: str
) -> None:
    whom, name = how.split()
    with waiting_for_an_answer(index, verb, locked, temporary) as (running, answer):
        assert list(temporary.iterdir())
        (os.kill if whom == "alone" else os.killpg)(running.pid, signal.Signals[name])
        assert running.wait(SECONDS) == -signal.Signals[name]
        if verb == "sync":  # others may wait for what is being fetched already
            answer.set()
        end = time.monotonic() + SECONDS
        while left := [*temporary.iterdir(), *processes_in(temporary)]:
            assert time.monotonic() < end, left
            time.sleep(0.05)


def processes_in(folder: Path) -> list[str]:
    """Return the processes whose working folder is in a folder, or was before it was removed."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(link.readlink()).startswith(str(folder)):
                found.append(link.parts[2])
        except OSError:  # it ended, or is somebody else's
            continue
    return found
