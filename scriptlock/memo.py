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

    :param verb: as :func:`scriptlock.launch.fresh_name` has it.
    :param most: how many are kept before all of them are forgotten.
    """

    def __init__(self, verb: str, *, most: int = MOST) -> None:
        self._verb, self._most = verb, most
        self._new: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._folder: str | None = None
        with suppress(OSError):
            root = cache_root(os.environ)
            self._folder = root and f"{root}/{FRESH}"

    def __contains__(self, path: str) -> bool:
        """Return whether the lock of a script is known to be fresh; if not, it may be found to be."""
        with suppress(OSError, ValueError):
            if self._folder is not None:
                self._names[path] = fresh_name(self._verb, path)
                return os.path.exists(f"{self._folder}/{self._names[path]}")
        return False

    def add(self, path: str) -> None:
        """Note that the lock of a script, which was asked for before it was read, is fresh."""
        if path in self._names:
            self._new[path] = self._names[path]

    def save(self) -> None:
        """Keep what was noted, but of scripts that have changed since."""
        if self._folder is None or not self._new:
            return
        with suppress(OSError, ValueError):
            os.makedirs(self._folder, exist_ok=True)
            known = os.listdir(self._folder)
            for old in known if len(known) + len(self._new) > self._most else ():
                os.unlink(f"{self._folder}/{old}")
            for path, name in self._new.items():
                if fresh_name(self._verb, path) == name:
                    os.close(os.open(f"{self._folder}/{name}", os.O_CREAT | os.O_WRONLY, 0o600))
