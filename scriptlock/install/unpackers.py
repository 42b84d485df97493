"""Several wheels at once into the store: by copies of this process, since its threads run one at a time."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Self

from scriptlock.errors import ToolError

if TYPE_CHECKING:
    from scriptlock.model import Pin

Shelve = Callable[[Path, str, str, "Pin"], None]
"""Does what :func:`scriptlock.install.shelving.shelve` does, for one store."""


@contextmanager
def copied(make: Callable[[], Shelve], number: int) -> Iterator[list[Shelve]]:
    """Give what does it in a process of its own, several times; fewer where the system has no more of them.

    Each does one thing at a time. This process may have only one thread yet.

    :param make: is called in each of them.
    """
    with ExitStack() as held:
        copies: list[Shelve] = []
        with suppress(OSError):
            while len(copies) < number:
                copies.append(held.enter_context(_Copy(make)))
        yield copies


def in_turn(unpackers: Sequence[Shelve]) -> Shelve:
    """Return what gives each wheel to one of those that has nothing to do; several threads may call it."""
    turns = Turns(unpackers)

    def shelve(archive: Path, filename: str, sha256: str, pin: Pin) -> None:
        one = turns.ask(archive.stat().st_size).get()
        try:
            one(archive, filename, sha256, pin)
        finally:
            turns.give_back(one)

    return shelve


class Turns:
    """Who unpacks what: the largest of what waits is next.

    If that came last, all but one would have nothing to do in the end.
    """

    def __init__(self, unpackers: Iterable[Shelve]) -> None:
        self._mutex, self._idle = Lock(), [*unpackers]
        self._waiting: list[tuple[int, int, SimpleQueue[Shelve]]] = []
        self._numbers = count()

    def ask(self, size: int) -> SimpleQueue[Shelve]:
        """Return the queue in which there will be one of them.

        :param size: in bytes.
        """
        turn: SimpleQueue[Shelve] = SimpleQueue()
        with self._mutex:
            heappush(self._waiting, (-size, next(self._numbers), turn))
            self._hand_out()
        return turn

    def give_back(self, one: Shelve) -> None:
        """Let the next one have it."""
        with self._mutex:
            self._idle.append(one)
            self._hand_out()

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            heappop(self._waiting)[-1].put(self._idle.pop())


class _Copy:
    """A copy of this process, which ends with it, be it killed."""

    def __init__(self, make: Callable[[], Shelve]) -> None:
        here, there = socket.socketpair()
        with here, there:
            self._process = os.fork()
            if not self._process:
                try:
                    here.close()
                    _serve(make, there)
                finally:
                    os._exit(0)  # what this process does in the end is not for a copy to do
            self._channel = here.makefile("rwb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._channel.close()
        os.waitpid(self._process, 0)

    def __call__(self, archive: Path, filename: str, sha256: str, pin: Pin) -> None:
        try:
            pickle.dump((archive, filename, sha256, pin), self._channel)
            self._channel.flush()
            failure = pickle.load(self._channel)  # noqa: S301 - from ourselves
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise ToolError("a process that unpacks wheels was ended", "try again") from error
        if failure is not None:
            raise failure


def _serve(make: Callable[[], Shelve], channel: socket.socket) -> None:
    """Answer each wheel with what went wrong, until nobody asks any more."""
    shelve = make()
    with channel.makefile("rwb") as stream:
        while True:
            wheel = pickle.load(stream)  # noqa: S301 - from ourselves
            failure = None
            try:
                shelve(*wheel)
            except Exception as error:  # noqa: BLE001 - for whoever asked
                failure = error
            pickle.dump(failure, stream)
            stream.flush()
