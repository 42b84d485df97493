"""Locks of scripts that carry none, or whose file cannot be written, kept by what they answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import Lease, patience
from scriptlock.cache.records import write_durably
from scriptlock.errors import CacheError, InvalidScript
from scriptlock.model import Lock
from scriptlock.script import embed, parse
from scriptlock.targets import Target


def lock_key(inputs: str, target: Target, base: Lock | None) -> str:
    """Return the name of the lock that answers these inputs on that target.

    :param base: the lock whose pins were preferred, if the script carries a stale one: the same
        header then has another answer.
    """
    parts = [inputs, str(target), embed("", base)]
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
    with Lease(cache.leases / f"lock-{key}", patience=patience(), work="resolving", notify=notify) as lease:
        lease.acquire(exclusive=True)
        if not anew and (found := kept_lock(cache, key)):
            return found
        made = make()
        _store(lock_path(cache, key), made)
        return made


def lock_path(cache: Cache, key: str) -> Path:
    """Return where the lock of that key is kept; the file's modification is when it was resolved."""
    # A footer with no script above it: the same reader, the same checks.
    return cache.locks / f"{key}.py"


def _store(path: Path, lock: Lock) -> None:
    try:
        write_durably(path, embed(b"", lock))
    except OSError as error:
        raise CacheError(f"the lock cannot be kept in the cache: {error.strerror or error}") from error
