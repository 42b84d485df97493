"""One lock for all scripts that ask for the same, when many are locked at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock as Mutex
from typing import Any, TypeVar

from scriptlock import api
from scriptlock.document import to_table
from scriptlock.errors import InvalidScript, ScriptlockError
from scriptlock.files import read_script
from scriptlock.header import digest
from scriptlock.locking import Notify
from scriptlock.model import Lock
from scriptlock.script import Script, parse

Result = TypeVar("Result")
_Made = tuple[Lock, tuple[str, ...]]
"""A lock, and what a person should know of it."""


class SharedLocks:
    """Locks that were made since, by what they answer; threads may share it.

    Only scripts that are locked with the same options may share it.
    """

    def __init__(self) -> None:
        self._mutex = Mutex()
        self._made: dict[str, Future[_Made | None]] = {}
        self._is_stopped = False

    def stop(self) -> None:
        """Hand out no lock any more, that of threads included which are about to make one."""
        self._is_stopped = True

    def lock(self, script: Script, *, notify: Notify = api.nobody, **options: Any) -> Lock:
        """Return what :func:`scriptlock.lock` does, and wait for it if somebody is at it already.

        Whether a lock that somebody else made can be embedded in this script, who embeds it finds out.

        :raises CancelledError: after :meth:`stop`.
        """
        self._refuse_if_stopped()
        lock = self._lock(script, notify=notify, options=options)
        self._refuse_if_stopped()
        return lock

    def _refuse_if_stopped(self) -> None:
        if self._is_stopped:
            raise CancelledError

    def _lock(self, script: Script, *, notify: Notify, options: dict[str, Any]) -> Lock:
        key = what_is_asked(script)
        with self._mutex:
            known = self._made.get(key)
            made = self._made.setdefault(key, Future())
        if known is None:
            return self._make(script, made, notify=notify, options=options)
        found = known.result()
        if found is None:  # an error names the line where this very script has the reason
            self._refuse_if_stopped()
            return api.lock(script, notify=notify, **options)
        lock, notes = found
        if lock == script.lock:
            return script.lock
        for note in notes:
            notify(note)
        return lock

    def _make(
        self, script: Script, made: Future[_Made | None], *, notify: Notify, options: dict[str, Any]
    ) -> Lock:
        notes: list[str] = []
        try:
            lock = api.lock(script, notify=notes.append, **options)
        except BaseException:
            made.set_result(None)
            raise
        made.set_result((lock, tuple(notes)))
        for note in notes:
            notify(note)
        return lock


def what_is_asked(script: Script) -> str:
    """Return what decides on a script's lock: its header and footer, as far as they mean something."""
    try:
        inputs = script.header.inputs if script.header else ""
    except InvalidScript:
        inputs = ""  # for all of them the answer is an error, which is not shared
    return f"{inputs}\n{digest(to_table(script.lock)) if script.lock else ''}"


def distinct_first(paths: Iterable[Path]) -> tuple[list[int], list[int]]:
    """Return the places of those scripts of which none before asks for the same, and those of the others.

    The others are in the order in which their locks will be there.
    """
    several: dict[str, list[int]] = {}
    for number, path in enumerate(paths):
        try:
            key = what_is_asked(parse(read_script(path).text))
        except ScriptlockError:
            key = ""
        several.setdefault(key, []).append(number)
    return [same[0] for same in several.values()], [other for same in several.values() for other in same[1:]]


def map_in_threads(
    work: Callable[[Path], Result],
    paths: Sequence[Path],
    *,
    meanwhile: Callable[[], None],
    stop: Callable[[], None],
) -> Iterator[Result]:
    """Yield what a few threads make of each path; of a file that comes again, when the one before is done.

    :param meanwhile: is called when the threads have begun.
    :param stop: is called if nobody wants anything any more; what was begun is waited for.
    """
    # Two kinds, so that locks that are made are written while others are yet to be made.
    with ThreadPoolExecutor(max_workers=4) as makers, ThreadPoolExecutor(max_workers=4) as users:
        try:
            again = repeated(paths)
            results = {
                number: threads.submit(work, paths[number])
                for threads, numbers in zip((makers, users), distinct_first(paths), strict=True)
                for number in numbers
                if number not in again
            }
            meanwhile()
            for number in range(len(paths)):
                yield work(paths[number]) if number in again else results.pop(number).result()
        except BaseException:
            stop()
            for threads in (makers, users):
                threads.shutdown(wait=False, cancel_futures=True)
            raise


def map_in_turn(
    executor: Executor, work: Callable[[Path], Result], paths: Sequence[Path]
) -> Iterator[Result]:
    """Yield what an executor makes of each path; of a file that comes again, when the one before is done."""
    again = repeated(paths)
    # A list, for Dask's executor takes no iterators.
    others = executor.map(work, [path for number, path in enumerate(paths) if number not in again])
    for number, path in enumerate(paths):
        yield executor.submit(work, path).result() if number in again else next(others)


def repeated(paths: Iterable[Path]) -> set[int]:
    """Return the places of what is the same file as one before it: two must not be at it at once."""
    seen, repeated = set[str](), set[int]()
    for number, path in enumerate(paths):
        with suppress(OSError, ValueError):  # what leads nowhere cannot be read either
            real = os.path.realpath(path)
            if real in seen:
                repeated.add(number)
            seen.add(real)
    return repeated
