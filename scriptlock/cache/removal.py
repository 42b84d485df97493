"""Taking one environment away, if nobody uses it: never waiting, never by halves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from scriptlock.cache.disposal import delete, move_aside
from scriptlock.cache.inventory import Entry
from scriptlock.cache.leases import Lease
from scriptlock.cache.registry import Fate, forget, memos
from scriptlock.cache.usage import processes
from scriptlock.errors import CacheError


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Something that is no longer in the cache, or would not be."""

    kind: str
    """environment, wheel, lock, script, warm start, download, note or leftover."""
    name: str
    """The key of an environment; otherwise the name of a file or folder."""
    why: str
    size: int = 0
    """Bytes that are free now."""
    hurt: tuple[int, ...] = ()
    """The processes that were using it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An environment that was to go, and had to stay."""

    entry: Entry
    why: str
    users: tuple[int, ...] = ()
    """The processes that use it, as far as they can be told."""


def remove(
    entry: Entry,
    why: str,
    *,
    is_still_so: Callable[[], bool] = lambda: True,
    force: bool = False,
    dry_run: bool = False,
) -> Removed | Kept | None:
    """Take an environment away, at once and for everybody, then delete it; or keep it if it is in use.

    Returns None if somebody else was faster.

    :param why: what is to be said of it.
    :param is_still_so: asked when nobody can begin to use it any more; False keeps it.
    :param force: take it away from those who use it.
    :param dry_run: only say what would be done.
    :raises CacheError: if the file system has no locks, or refuses.
    """
    size, aside = entry.own_size, None
    with Lease(entry.lease) as lease:
        is_free = lease.attempt(exclusive=True)
        # Who only has the lease's file open is waiting, now that we hold it.
        seen = processes()
        pids = entry.users(seen, with_lease=not is_free)
        if not entry.folder.is_dir():
            return None
        if not force:
            if pids or not is_free:
                return Kept(entry=entry, why="it is in use", users=pids)
            if not is_still_so():
                return Kept(entry=entry, why="a script began to use it")
        removed = Removed(kind="environment", name=entry.key, why=why, size=size, hurt=pids)
        if dry_run:
            return removed
        try:
            aside = move_aside(entry.cache, entry.folder)
        except OSError as error:
            raise CacheError(f"{entry.folder} cannot be removed: {error.strerror}") from error
        _forget_users(entry)
    with suppress(OSError):  # another environment has the same interpreter
        entry.folder.parent.rmdir()
    if aside is not None:
        delete(aside)
    return removed


def _forget_users(entry: Entry) -> None:
    with suppress(OSError):  # a script that exists will be registered again with the environment that it gets
        for memo, key in memos(entry.cache):
            if key == entry.key:
                memo.unlink(missing_ok=True)
        for use in entry.uses:
            # The cached lock of a script that exists is used again when its environment is built again.
            if use.fate is Fate.GONE:
                forget(entry.cache, use)
