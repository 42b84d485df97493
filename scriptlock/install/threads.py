"""Doing one thing to many items at once, in as many threads as there are processors to use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

MOST = 4
"""More would only be in each other's way, since they all write to one disk."""

Item = TypeVar("Item")


def usable_processors() -> int:
    """Return how many threads may be at work at once."""
    if hasattr(os, "sched_getaffinity"):
        return min(MOST, len(os.sched_getaffinity(0)))
    return min(MOST, os.cpu_count() or 1)


def for_each(items: Iterable[Item], work: Callable[[Item], object], *, threads: int) -> None:
    """Do the work on every item, this thread included; they are begun in their order, and end in any.

    :param threads: how many to use.
    :raises BaseException: what the work ran into, with the first of the items if with several; no more
        are begun then, and none goes on.
    """
    pending = list(enumerate(items))[::-1]
    failures: dict[int, BaseException] = {}

    def take() -> None:
        while pending and not failures:
            try:
                number, item = pending.pop()
            except IndexError:  # another thread took it
                return
            try:
                work(item)
            except BaseException as error:  # noqa: BLE001 - to be raised by whoever waits for all
                failures[number] = error

    # No executor: to import that takes as long as to fill a small environment.
    helpers: list[threading.Thread] = []
    try:
        with suppress(RuntimeError):  # the system gives no more of them, and fewer will do
            for _ in range(min(threads, len(pending)) - 1):
                helper = threading.Thread(target=take)
                helper.start()
                helpers.append(helper)
        take()
    finally:
        pending.clear()
        for helper in helpers:
            helper.join()
    if failures:
        raise failures[min(failures)]
