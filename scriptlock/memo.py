"""What the slow way of starting a script writes down for the next, the warm start.

Only :mod:`scriptlock.launch` reads it; it would have to import this if it were there.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from scriptlock.api import check
from scriptlock.errors import NoHeader, NotLocked, StaleLock
from scriptlock.launch import (
    FRESH,
    LAST,
    RECEIPT,
    cache_root,
    circumstances,
    digest,
    fresh_name,
    mark,
    memo_name,
    read,
    running,
    search,
)
from scriptlock.script import parse

MOST = 10_000


def remember(name: str, path: str, environment: str) -> None:
    """Write the memo that the next start of a script will find; without it, that is slower, no more.

    :param name: the memo's, from before anybody read the script to find out which environment it gets.
    """
    # <root>/v1/environments/<interpreter>/<resolution>
    folder, _, interpreter, resolution = environment.rsplit("/", 3)
    with suppress(OSError):
        if parse(read(path)).header is None:
            return  # what was perhaps meant as one is said at every start
        receipt = read(f"{environment}/{RECEIPT}")
        python = json.loads(receipt)["interpreter"]["path"]
        # If it is not the Python that runs this, it was the best that could be found.
        others = "" if python == os.path.realpath(running()) else search()
        # A lock that is kept in the cache may be replaced there, or thrown away.
        files = [python] if carries_its_lock(path) else [python, f"{folder}/locks"]
        lines = [f"{interpreter}/{resolution}", digest(receipt), others]
        lines += [line for file in files for line in (file, mark(file))]
        if memo_name(path) == name and "\n" not in "".join(lines):
            written = f"{folder}/memo/{name}.{os.getpid()}"
            with open(written, "wb") as file:
                file.write(os.fsencode("\n".join([*lines, LAST])))
            os.replace(written, f"{folder}/memo/{name}")


def carries_its_lock(path: str) -> bool:
    """Return whether a script that ran carries the lock that it ran with, and no other decides."""
    try:
        check(parse(read(path)))
    except (NoHeader, NotLocked, StaleLock):
        return False
    return True


class FreshLocks:
    """What was found to be fresh, for one of the verbs that ask; nothing where there is no cache.

    :param verb: as :func:`scriptlock.launch.circumstances` has it.
    :param most: how many are kept before all of them are forgotten.
    """

    def __init__(self, verb: str, *, most: int = MOST) -> None:
        self._most = most
        self._new: dict[bytes, None] = {}
        self._known: set[bytes] = set()
        self._root: str | None = None
        self._around = b""
        with suppress(OSError):
            # Once for all scripts, and before any is read: what changes later makes all names new.
            self._around = circumstances(verb)
            self._root = cache_root(os.environ)
        with suppress(OSError, ValueError):
            self._known = set(read(f"{self._root}/{FRESH}").split()) if self._root else set()

    def __contains__(self, text: bytes) -> bool:
        """Return whether the lock in a script is known to be fresh."""
        return bool(self._known) and fresh_name(text, self._around) in self._known

    def knows(self, path: str) -> bool:
        """Return whether the lock in a script's file is known to be fresh; not if it cannot be read."""
        with suppress(OSError, ValueError):
            return bool(self._known) and read(path) in self
        return False

    def add(self, text: bytes) -> None:
        """Note that the lock in a script is fresh."""
        if self._root:
            self._new[fresh_name(text, self._around)] = None

    def save(self) -> None:
        """Keep what was noted."""
        if not self._new:
            return
        file = f"{self._root}/{FRESH}"
        is_full = len(self._known) + len(self._new) > self._most
        with suppress(OSError):
            os.makedirs(os.path.dirname(file), exist_ok=True)
            flags = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | (os.O_TRUNC if is_full else os.O_APPEND)
            descriptor = os.open(file, flags, 0o600)
            try:
                # The first line break ends a line that somebody else could not write to its end.
                os.write(descriptor, b"\n".join([b"", *self._new, b""]))
            finally:
                os.close(descriptor)
