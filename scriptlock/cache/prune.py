"""Removing what nobody will miss. Nothing here waits for anybody, and several may do it at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from scriptlock.cache.inventory import Entry, entries, size_of, sizes
from scriptlock.cache.layout import Cache
from scriptlock.cache.registry import Fate
from scriptlock.cache.removal import Kept, Removed
from scriptlock.cache.sweep import Sweep

GRACE = timedelta(days=30)
"""How long an environment stays that no script is registered for, as those of the library are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What became of the cache."""

    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]
    """What was to go too, but had to stay."""

    @property
    def freed(self) -> int:
        """In bytes."""
        return sum(one.size for one in self.removed)


def prune(
    cache: Cache, *, older_than: timedelta | None = None, max_size: int | None = None, dry_run: bool = False
) -> Pruned:
    """Remove environments that no script will miss, and what only they needed.

    An environment goes if all scripts that used it are gone; if it was never finished; and if it was idle
    for 30 days, and either no script is known to use it or its interpreter is not there any more. One that
    is in use or protected stays, whatever is asked for.

    :param older_than: remove those, too, that were idle for so long, whoever uses them.
    :param max_size: bytes; as long as the cache is larger, remove the one that was idle for longest.
    :param dry_run: only say what would be removed.
    :raises CacheError: if the file system has no locks; nothing is removed then.
    """
    with Sweep(cache, dry_run=dry_run) as sweep:
        for entry in entries(cache):
            if why := _reason(entry, older_than):
                sweep.environment(entry, why, partial(_is_still_unwanted, entry, older_than))
        if max_size is not None:
            _shrink(sweep, max_size)
        sweep.warm_starts()
        sweep.uses({Fate.GONE})
        sweep.locks(min_age=GRACE)
        sweep.fetched(min_age=GRACE)
        sweep.wheels()
    return _result(sweep)


def clean(cache: Cache, *, force: bool = False) -> Pruned:
    """Remove everything that is idle and not protected.

    :param force: remove the rest, too.
    :raises CacheError: if the file system has no locks; nothing is removed then.
    """
    with Sweep(cache) as sweep:
        for entry in entries(cache):
            if entry.is_protected and not force:
                sweep.kept.append(Kept(entry=entry, why="it is protected"))
            else:
                sweep.environment(entry, "it was idle", force=force)
        sweep.warm_starts()
        sweep.uses(set(Fate))
        sweep.locks(min_age=timedelta())
        sweep.fetched(min_age=timedelta())
        sweep.wheels()
        sweep.downloads()
        sweep.memories()
    return _result(sweep)


def _result(sweep: Sweep) -> Pruned:
    return Pruned(removed=tuple(sweep.removed), kept=tuple(sweep.kept))


def _reason(entry: Entry, older_than: timedelta | None) -> str | None:
    """Return why an environment is to go, or None if it is not."""
    if entry.is_protected:
        return None
    idle = datetime.now(UTC) - entry.last_used
    reasons = {
        "its build never came to an end": not entry.is_ready,
        "the scripts that used it are gone": entry.is_orphaned,
        "it was idle for too long": older_than is not None and idle >= older_than,
        "its Python is gone": idle >= GRACE and not entry.has_interpreter,
        "no script uses it": idle >= GRACE and not entry.is_wanted,
    }
    return next((reason for reason, is_so in reasons.items() if is_so), None)


def _is_still_unwanted(entry: Entry, older_than: timedelta | None) -> bool:
    # What is noted of it may have changed between our look at it and our hold on it.
    return _reason(entry.again(), older_than) is not None


def _shrink(sweep: Sweep, max_size: int) -> None:
    """Remove what takes nothing from a script, then environments, until what is left is small enough."""
    total = sum(sizes(sweep.cache).values())
    total -= sum(one.size for one in sweep.removed if sweep.dry_run or one.kind != "environment")
    if total > max_size:
        total -= sweep.downloads()
    gone = {one.name for one in sweep.removed}
    left = [entry for entry in entries(sweep.cache) if entry.key not in gone]
    needed = Counter(digest for entry in left for digest in entry.hashes or ())
    for entry in sorted(left, key=lambda entry: entry.last_used):
        if total <= max_size:
            break
        if entry.is_protected:
            continue
        if sweep.environment(entry, "the cache is too large"):
            total -= entry.own_size
            needed.subtract(entry.hashes or ())
            lonely = (digest for digest in entry.hashes or () if not needed[digest])
            total -= sum(size_of(sweep.cache.wheels / digest.removeprefix("sha256:")) for digest in lonely)
