"""A script that leaves a child behind, in one of the ways in which children lose their parent's lease.

``residents.py KIND`` ends at once; the child prints its pid, and lives until nobody has the FIFO open that
the variable HOLD names.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

WAIT = "import os; print(os.getpid(), flush=True); open(os.environ['HOLD']).read()"
SHELL = 'echo $$; read line < "$HOLD"'


def stay() -> None:
    """Be the child."""
    os.write(1, b"%d\n" % os.getpid())
    Path(os.environ["HOLD"]).read_bytes()


def popen() -> None:
    """Start one in the usual way, which closes what it should not inherit."""
    subprocess.Popen([sys.executable, "-c", WAIT])


def bare() -> None:
    """Start a Python that is only looked for in PATH."""
    subprocess.Popen(["python", "-c", WAIT])  # noqa: S607 - the point


def tool() -> None:
    """Start another program that works on something in the environment."""
    subprocess.Popen(["/bin/sh", "-c", SHELL], cwd=Path(sys.prefix) / "lib")


def library() -> None:
    """Start another program that has a file of the environment open."""
    with Path(sys.prefix, "pyvenv.cfg").open() as file:
        subprocess.Popen(["/bin/sh", "-c", SHELL], pass_fds=[file.fileno()])


def daemon() -> None:
    """Fork twice, and close all files, as daemons do."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.closerange(3, 1024)
    stay()
    os._exit(0)


def closerange() -> None:
    """Fork, and close all files."""
    if os.fork() == 0:
        os.closerange(3, 1024)
        stay()
        os._exit(0)


def spawn() -> None:
    """Start one by multiprocessing, as on all platforms."""
    multiprocessing.get_context("spawn").Process(target=stay).start()


def forkserver() -> None:
    """Start one by multiprocessing's server."""
    multiprocessing.get_context("forkserver").Process(target=stay).start()


KINDS: dict[str, Callable[[], None]] = {
    kind.__name__: kind for kind in (popen, bare, tool, library, daemon, closerange, spawn, forkserver)
}


def main(kind: str) -> NoReturn:
    """Leave such a child behind."""
    KINDS[kind]()
    sys.stdout.flush()
    os._exit(0)  # without waiting for children, as one that is killed


if __name__ == "__main__":
    main(sys.argv[1])
