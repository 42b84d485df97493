"""When locks were resolved: a footer does not say, so what this machine has seen of it stands for that."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from scriptlock.cache.layout import Cache
from scriptlock.cache.locks import lock_path
from scriptlock.model import Lock
from scriptlock.script import embed


def kept_since(cache: Cache, key: str) -> float:
    """Return when the lock that the cache keeps under a key was resolved (seconds since 1970)."""
    with suppress(OSError):
        return lock_path(cache, key).stat().st_mtime
    return time.time()  # it was pruned a moment ago


def known_since(cache: Cache, lock: Lock, written_at: float | None) -> float:
    """Return since when a script's own lock is known: it was resolved then, or earlier (seconds since 1970).

    :param written_at: when the script was written last, if that is known; remembered, so that editing
        the script does not make the lock any younger.
    """
    with suppress(OSError):
        return _stamp(cache, lock).stat().st_mtime
    known = time.time() if written_at is None else written_at
    note(cache, lock, known)
    return known


def note(cache: Cache, lock: Lock, moment: float) -> None:
    """Remember when a script's own lock was resolved, unless the cache cannot be written to.

    :param moment: seconds since 1970.
    """
    stamp = _stamp(cache, lock)
    with suppress(OSError):
        stamp.touch()
        os.utime(stamp, (moment, moment))


def _stamp(cache: Cache, lock: Lock) -> Path:
    return cache.locks / f"{hashlib.sha256(embed(b'', lock)).hexdigest()[:32]}.known"
