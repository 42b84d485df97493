"""Threads for what is better begun than waited for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

THREADS = 9
"""With whoever goes on meanwhile, as many connections to one host as pip's session keeps open."""


class Crew:
    """Does what it is given, in threads for which nobody waits; whatever fails, nobody is told."""

    def __init__(self, threads: int = THREADS) -> None:
        self._steps = SimpleQueue[Callable[[], object] | None]()
        self._is_closed = False
        self._threads = [Thread(target=self.work, daemon=True) for _ in range(threads)]

    def begin(self) -> None:
        """Start the threads: once there is something to do, the first keeps the others waiting."""
        for thread in self._threads:
            if thread.ident is None:
                thread.start()

    def put(self, step: Callable[[], object]) -> None:
        """Have something done, if there is time."""
        self._steps.put(step)

    def work(self) -> None:
        """Do what there is to do, until :meth:`close`."""
        while (step := self._steps.get()) and not self._is_closed:
            with suppress(Exception):  # who needs it meets the same trouble, and can tell it
                step()

    def close(self) -> None:
        """Begin nothing more."""
        self._is_closed = True
        for _ in self._threads:
            self._steps.put(None)
