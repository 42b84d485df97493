"""One pass through the cache: each kind of thing in it, removed where nothing speaks against that."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from scriptlock.cache.disposal import delete, move_aside
from scriptlock.cache.inventory import Entry, entries, size_of
from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import STORE, Lease
from scriptlock.cache.records import UNFINISHED
from scriptlock.cache.registry import Fate, forget, memos, uses
from scriptlock.cache.removal import Kept, Removed, remove

ABANDONED = timedelta(days=1)
"""When a file that somebody began to write is taken for left behind."""
SHA256 = re.compile("[0-9a-f]{64}")
BEGUN = ".new-"
"""How the names of wheels begin that were not unpacked to the end."""


class Sweep:
    """Removes things one kind at a time, and notes what became of each; a context manager.

    Entering it removes what is left of former sweeps and of processes that were killed; at the end it
    deletes what it moved out of the way, which may take long and needs no lease.

    :param dry_run: only note what would be done.
    :raises CacheError: on entering, if the file system has no locks; nothing is removed then.
    """

    def __init__(self, cache: Cache, *, dry_run: bool = False) -> None:
        self.cache, self.dry_run = cache, dry_run
        self.removed: list[Removed] = []
        self.kept: list[Kept] = []
        self._aside: list[Path] = []

    def __enter__(self) -> Self:
        with Lease(self.cache.leases / STORE) as lease:
            lease.attempt(exclusive=False)
        self._leftovers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self._aside:
            delete(path)

    def environment(
        self, entry: Entry, why: str, is_still_so: Callable[[], bool] = lambda: True, *, force: bool = False
    ) -> bool:
        """Remove an environment, or keep it if it is in use; return whether it is gone."""
        done = remove(entry, why, is_still_so=is_still_so, force=force, dry_run=self.dry_run)
        if isinstance(done, Kept):
            self.kept.append(done)
            return False
        if done is not None:
            self.removed.append(done)
        return True

    def warm_starts(self) -> None:
        """Remove what the warm start remembers of environments that are not there any more."""
        for path, key in memos(self.cache):
            if not (self.cache.environments / key).is_dir():
                self._file("warm start", path, "its environment is gone")

    def uses(self, fates: Collection[Fate]) -> None:
        """Forget that scripts of these fates used environments that are not there any more."""
        for use in uses(self.cache):
            is_gone = not (self.cache.environments / use.environment).is_dir()
            if is_gone and use.fate in fates and not self.dry_run:
                with suppress(OSError):
                    forget(self.cache, use)

    def locks(self, *, min_age: timedelta) -> None:
        """Remove cached locks that no script is known to use."""
        used = {use.lock for use in uses(self.cache)}
        for path in _files(self.cache.locks):
            if path.suffix == ".py" and path.stem not in used and _age(path) >= min_age:
                self._file("lock", path, "no script uses it")

    def fetched(self, *, min_age: timedelta) -> None:
        """Remove scripts that were fetched from a URL, and have no environment."""
        used = {use.script for entry in self._left() for use in entry.uses}
        for path in _files(self.cache.fetched):
            folder = path.with_suffix("")  # beside it lies what is known of its script
            if not any(script.is_relative_to(folder) for script in used) and _age(path) >= min_age:
                self._file("script", path, "it was fetched, and has no environment")

    def wheels(self) -> None:
        """Remove wheels that no environment can have been made from, unless somebody builds one now."""
        with self._alone_in_the_store() as is_alone:
            needed = [entry.hashes for entry in self._left()]
            if not is_alone or None in needed:
                return
            names = {digest.removeprefix("sha256:") for hashes in needed for digest in hashes or ()}
            for path in _files(self.cache.wheels):
                if path.name.startswith(BEGUN):
                    self._file("leftover", path, "it was never unpacked to the end")
                elif SHA256.fullmatch(path.name) and path.name not in names:
                    self._file("wheel", path, "no environment needs it")

    def downloads(self) -> int:
        """Remove what was fetched from indexes; return its size in bytes."""
        with self._alone_in_the_store() as is_alone:
            if not is_alone:
                return 0
            return sum(
                self._file("download", path, "it can be fetched again") for path in _files(self.cache.http)
            )

    def memories(self) -> None:
        """Remove what is remembered of interpreters, and of how old or fresh locks are."""
        with self._alone_in_the_store() as is_alone:
            if not is_alone:
                return
            for folder in (
                self.cache.interpreters,
                self.cache.virtualenv,
                self.cache.fresh,
                self.cache.locks,
            ):
                for path in _files(folder):
                    if folder != self.cache.locks or path.suffix != ".py":
                        self._file("note", path, "it can be found out again")

    def _left(self) -> tuple[Entry, ...]:
        gone = {one.name for one in self.removed if one.kind == "environment"}
        return tuple(entry for entry in entries(self.cache) if entry.key not in gone)

    def _leftovers(self) -> None:
        for path in _files(self.cache.trash):
            self.removed.append(_removed("leftover", path, "it was to be deleted already"))
            if not self.dry_run:
                self._aside.append(path)
        for folder in (self.cache.memo, self.cache.scripts, self.cache.locks, self.cache.interpreters):
            for path in _files(folder):
                # Ours end so, or with the pid of whoever writes.
                is_unfinished = path.name.endswith(UNFINISHED) or path.suffix[1:].isdigit()
                if is_unfinished and _age(path) >= ABANDONED:
                    self._file("leftover", path, "it was never written to the end")

    def _file(self, kind: str, path: Path, why: str) -> int:
        removed = _removed(kind, path, why)
        if not self.dry_run:
            try:
                aside = move_aside(self.cache, path)
            except OSError:  # the next sweep will come
                return 0
            if aside is None:
                return 0
            self._aside.append(aside)
        self.removed.append(removed)
        return removed.size

    @contextmanager
    def _alone_in_the_store(self) -> Iterator[bool]:
        with Lease(self.cache.leases / STORE) as lease:
            yield lease.attempt(exclusive=True)


def _removed(kind: str, path: Path, why: str) -> Removed:
    return Removed(kind=kind, name=path.name, why=why, size=size_of(path))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _age(path: Path) -> timedelta:
    try:
        return timedelta(seconds=time.time() - path.lstat().st_mtime)
    except OSError:  # somebody else was faster
        return timedelta()
