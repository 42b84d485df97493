"""Locks of scripts that carry none, or whose file cannot be written, kept by what they answer."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import EVERY, SILENCE, patience
from scriptlock.cache.records import write_durably
from scriptlock.errors import CacheError, EnvironmentBusy, InvalidScript
from scriptlock.model import Lock
from scriptlock.script import embed, parse
from scriptlock.targets import Target

WORK = "resolving"
"""What somebody else has to finish."""


def lock_key(inputs: str, target: Target, base: Lock | None, *, here: bool = False) -> str:
    """Return the name of the lock that answers these inputs on that target.

    :param base: the lock whose pins were preferred, if the script carries a stale one: the same
        header then has another answer.
    :param here: it is for nowhere else, and so never to be written into the script.
    """
    parts = [inputs, str(target), embed("", base), *(["here"] if here else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def kept_lock(cache: Cache, key: str) -> Lock | None:
    """Return the lock kept under a key, or None."""
    # What is damaged, or written by a newer scriptlock, is as good as not there.
    with suppress(OSError, InvalidScript):
        return parse(lock_path(cache, key).read_bytes()).lock
    return None


def cached_lock(
    cache: Cache,
    key: str,
    make: Callable[[], Lock],
    *,
    anew: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Lock:
    """Return the lock kept under a key; if there is none, make it, once for everybody who asks.

    :param anew: make it even if there is one, and keep it in its place.
    :param notify: is told of waiting for somebody else who makes it.
    :raises EnvironmentBusy: if somebody else takes too long to make it.
    :raises CacheError: if it cannot be kept.
    """
    if not anew and (found := kept_lock(cache, key)):
        return found
    with _alone(cache, key, notify):
        if not anew and (found := kept_lock(cache, key)):
            return found
        made = make()
        _store(lock_path(cache, key), made)
        return made


@contextmanager
def _alone(cache: Cache, key: str, notify: Callable[[str], None] | None) -> Iterator[None]:
    """Keep everybody else from making the same lock; no lease, since nobody shares or inherits it."""
    from filelock import FileLock, Timeout

    seconds = patience()
    mutex = FileLock(cache.leases / f"lock-{key}", fallback_to_soft=False)
    started = time.monotonic()
    try:
        for told in count():
            until = min(seconds, SILENCE + told * EVERY)
            try:
                mutex.acquire(timeout=max(0, started + until - time.monotonic()))
                break
            except Timeout:
                if until == seconds:
                    raise EnvironmentBusy(seconds, None, WORK) from None
                if notify is not None:
                    notify(f"waiting for another process to finish {WORK}")
    except (NotImplementedError, OSError) as error:
        why = "its file system cannot lock files"
        if isinstance(error, OSError) and error.errno in {
            errno.EROFS,
            errno.EACCES,
            errno.EPERM,
            errno.ENOSPC,
        }:
            why = str(error.strerror)
        hint = "set SCRIPTLOCK_CACHE_DIR to a folder on a local disk"
        raise CacheError(f"no lock can be kept in {cache.leases}: {why}", hint) from error
    try:
        yield
    finally:
        mutex.release()


def lock_path(cache: Cache, key: str) -> Path:
    """Return where the lock of that key is kept; the file's modification is when it was resolved."""
    # A footer with no script above it: the same reader, the same checks.
    return cache.locks / f"{key}.py"


def _store(path: Path, lock: Lock) -> None:
    try:
        write_durably(path, embed(b"", lock))
    except OSError as error:
        raise CacheError(f"the lock cannot be kept in the cache: {error.strerror or error}") from error
