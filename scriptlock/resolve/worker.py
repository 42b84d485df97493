"""The process in which pip-tools resolves: an order on standard input, its answer on standard output.

A process of its own, because resolving for another platform changes what pip's markers see, and
because reading pip's configuration changes the logging of the whole process.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from signal import SIGTERM, signal
from threading import Event
from typing import IO, TYPE_CHECKING, Any

from scriptlock.errors import ScriptlockError
from scriptlock.orphan import cleaned_up_after, end_with_parent
from scriptlock.pip_configuration import take_configuration
from scriptlock.resolve.borrowed import NAMES, borrow, borrow_for_indexes, leave_out
from scriptlock.resolve.reach import Reach

if TYPE_CHECKING:  # to load what looks into pages takes as long as to ask for them
    from scriptlock.resolve.indexes import Indexes

MOST_ROWS = 60_000
"""Rows of index pages with which to go on to the next order; they take some 100 MB."""
MOST_BYTES = 64 << 20
"""Of pages in JSON: most of those that were kept take no rows."""
MOST_SETTINGS = 4
"""Of how many settings to remember at once what the indexes say: each has threads and connections.

A cooldown of some days, for one, means another moment for each script.
"""


def main() -> None:
    """Answer the orders on standard input; whatever pip prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    end_with_parent()
    logging.getLogger("pip").propagate = False
    logging.getLogger("pip").addHandler(logging.NullHandler())
    leave_out()
    with suppress(ScriptlockError):  # who sends an order is told
        borrow_for_indexes(NAMES)
    # Without its folder it ends, too, and maybe before the thread is done that was removing that.
    with cleaned_up_after():
        _answer_all(answers)


def _answer_all(answers: IO[str]) -> None:
    clerk = Clerk()  # nobody closes its connections: the process is about to end when they are not needed
    for number, line in enumerate(sys.stdin):
        if number:  # not before it is known that there is a next one: nobody could end this meanwhile
            gc.collect()
            gc.freeze()  # what is left now is for all that follow, and need not be looked at again
        answers.write(f"{json.dumps(clerk.respond(json.loads(line)))}\n")
        answers.flush()
        if not clerk.keep():
            break
        if clerk.rows > MOST_ROWS or clerk.weight > MOST_BYTES:
            break  # another process begins with an empty memory, and the pages are on the disk


class Clerk:
    """Answers orders. What it learns of the indexes for one of them it does not ask again for the next.

    The first order leaves this process no pip configuration but that of its folder.

    :param names: where to find what is borrowed from pip and pip-tools.
    """

    def __init__(self, names: Mapping[str, str] = NAMES) -> None:
        self._names = names
        self._configured: dict[str, Any] | None = None
        self._indexes: dict[str, Indexes] = {}

    @property
    def rows(self) -> int:
        """How many files the pages list that were read so far."""
        return sum(indexes.offers.rows for indexes in self._indexes.values())

    @property
    def weight(self) -> int:
        """How many bytes of pages are held."""
        return sum(indexes.offers.weight for indexes in self._indexes.values())

    def respond(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to an order: resolutions, or why there are none."""
        try:
            indexes = self._indexes_for(order)
            from scriptlock.resolve.access import Access
            from scriptlock.resolve.answers import answers
            from scriptlock.resolve.protocol import in_turn, questions
            from scriptlock.resolve.replaced import Pinned

            asked = list(questions(order))
            indexes.prefetch.start(asked[in_turn(asked)[0]])
            borrowed = borrow(self._names)
            access = Access(borrowed, indexes, order)
            return {"resolutions": answers(borrowed, access, asked, Pinned(order["pinned"]))}
        except ScriptlockError as error:
            from scriptlock.resolve.protocol import failure

            return failure(error)

    def keep(self) -> bool:
        """Keep for the next process what took long to find out; return whether there was time for all of it.

        Who waited for the answer has it already, and ends this process with SIGTERM as soon as nobody
        wants anything more: it finishes the file that it is writing then, and leaves no part of one.
        """
        is_ended = Event()
        before = signal(SIGTERM, lambda *_: is_ended.set())
        try:
            for indexes in self._indexes.values():
                for _ in indexes.keep_rows():
                    if is_ended.is_set():
                        return False
        finally:
            signal(SIGTERM, before)
        return not is_ended.is_set()

    def close(self) -> None:
        """Close all connections."""
        for indexes in self._indexes.values():
            indexes.close()

    def _indexes_for(self, order: Mapping[str, Any]) -> Indexes:
        borrowed = borrow_for_indexes(self._names)
        key = json.dumps({name: value for name, value in order.items() if name not in {"targets", "pinned"}})
        if key not in self._indexes:
            if len(self._indexes) >= MOST_SETTINGS:
                self._indexes.pop(next(iter(self._indexes))).close()
            if self._configured is None:
                self._configured = take_configuration(order["folder"])
            index_url, folder = order["index_url"], order["cache_dir"]
            reach = Reach(borrowed, self._configured, index_url=index_url, folder=folder, keeps_files=True)
            reach.ask_ahead(_requirements(order))
            # While the first pages are under way there is time to load what looks into them.
            from scriptlock.resolve.indexes import Indexes

            self._indexes[key] = Indexes(borrowed, reach, order)
        return self._indexes[key]


def _requirements(order: Mapping[str, Any]) -> Iterable[str]:
    """Return what the targets of an order ask for, each once."""
    asked = (entry["text"] for target in order["targets"] for entry in target["requirements"])
    return dict.fromkeys(asked)


def respond(order: Mapping[str, Any], names: Mapping[str, str] = NAMES) -> dict[str, Any]:
    """Return the answer to one order; see :class:`Clerk`."""
    with closing(Clerk(names)) as clerk:
        return clerk.respond(order)
