"""Commands at a terminal, which may be gone before they are done."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from scriptlock import parse
from support.cli import SECONDS, command
from support.index import Index

pty = pytest.importorskip("pty")
pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.mark.parametrize("verb", ["run", "run --no-cache", "sync", "lock"])
def test_a_terminal_that_is_gone_stops_nothing(report: Path, packages: Index, verb: str) -> None:
    is_gone = threading.Event()
    packages.on_request = lambda _: is_gone.wait(SECONDS)
    ours, theirs = pty.openpty()

    with subprocess.Popen(
        command(*verb.split(), report),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,  # else a signal would tell it
    ) as running:
        os.close(theirs)
        shown = os.read(ours, 1)  # it shows that it is at work
        os.close(ours)
        is_gone.set()
        out, _ = running.communicate(timeout=SECONDS)

    assert (running.returncode, shown, bool(out)) == (0, b"\r", True)
    assert (parse(report.read_bytes()).lock is not None) == (verb == "lock")
