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

MOST_FRESH = 2000
"""How many locks are kept to be fresh before all of that is forgotten."""


def remember(name: str, path: str, environment: str) -> None:
    """Write the memo that the next start of a script will find; without it, that is slower, no more.

    :param name: the memo's, from before anybody read the script to find out which environment it gets.
    """
    # <root>/v1/environments/<interpreter>/<resolution>
    folder, _, interpreter, resolution = environment.rsplit("/", 3)
    with suppress(OSError):
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


def fresh_now(verb: str, path: str) -> str | None:
    """Return what :func:`note_fresh` wants to know from before anybody reads the script."""
    with suppress(OSError, ValueError):
        return fresh_name(verb, path)
    return None


def note_fresh(name: str | None, verb: str, path: str) -> None:
    """Note that a script's lock is fresh, if the script is still what it was."""
    with suppress(OSError, ValueError):
        root = cache_root(os.environ)
        if name is None or root is None or fresh_name(verb, path) != name:
            return
        folder = f"{root}/{FRESH}"
        os.makedirs(folder, exist_ok=True)
        known = os.listdir(folder)
        for old in known if len(known) >= MOST_FRESH else ():
            os.unlink(f"{folder}/{old}")
        os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY, 0o600))
