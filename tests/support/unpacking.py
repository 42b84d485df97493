"""A process that puts wheels into a store, alone or by copies of itself.

``python unpacking.py ROOT COPIES DEED``, with pickled arguments of ``shelve`` on standard input, answers with
what went wrong with each of them, pickled. What it does in between is one of :data:`DEEDS`.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from scriptlock.cache.layout import Cache
from scriptlock.install.shelves import Shelves
from scriptlock.install.shelving import shelve
from scriptlock.install.unpackers import copied, in_turn
from scriptlock.model import Pin

Order = tuple[Path, str, str, Pin]


def unpacked(
    cache: Cache, orders: Sequence[Order], *, copies: int, deed: str = "nothing"
) -> list[Exception | None]:
    """Return what went wrong with each order, of one such process; nothing if it was killed."""
    cache.prepare()
    argv = [sys.executable, __file__, str(cache.root), str(copies), deed]
    done = subprocess.run(argv, input=pickle.dumps(orders), stdout=subprocess.PIPE, check=False, timeout=60)
    answers: list[Exception | None] = pickle.loads(done.stdout) if done.stdout else []  # noqa: S301 - our own
    return answers


def _children() -> list[int]:
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf-8").split()
    return [int(pid) for pid in pids]


def _kill_copies() -> None:
    for pid in _children():
        os.kill(pid, signal.SIGKILL)


def _be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


DEEDS = {"nothing": lambda: None, "kill copies": _kill_copies, "be killed": _be_killed}


def _main(root: str, copies: str, deed: str) -> None:
    orders: list[Order] = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own
    alone = partial(shelve, Shelves(Cache(root=Path(root))))
    answers: list[Exception | None] = []
    with copied(lambda: alone, int(copies)) as several:
        DEEDS[deed]()
        put = in_turn(several or [alone])
        for order in orders:
            try:
                put(*order)
            except Exception as error:  # noqa: BLE001 - it is the answer
                answers.append(error)
            else:
                answers.append(None)
    pickle.dump(answers, sys.stdout.buffer)


if __name__ == "__main__":
    _main(*sys.argv[1:])
