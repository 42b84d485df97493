"""What is in the cache: its environments, with all that decides whether one may go, and how large it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from scriptlock.cache.environments import RECEIPT, lease_path, read_receipt
from scriptlock.cache.layout import Cache
from scriptlock.cache.registry import Fate, Use, is_protected, uses
from scriptlock.cache.usage import Process, users
from scriptlock.errors import CacheError
from scriptlock.interpreters import is_unchanged

SHORTEST = 4, 8
"""How many digits of each half of a key are shown at least."""


@dataclass(frozen=True, kw_only=True)  # without slots: what takes long to find out is remembered
class Entry:
    """An environment of the cache, ready or not."""

    cache: Cache
    key: str
    uses: tuple[Use, ...]
    """By which scripts, gone or not, sorted."""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.cache.environments / self.key

    @property
    def lease(self) -> Path:
        """The file that is locked by whoever uses it."""
        return lease_path(self.cache, self.key)

    @cached_property
    def receipt(self) -> dict[str, object]:
        """What its build said at the end; {} if it never came to that."""
        return read_receipt(self.folder)

    @property
    def is_ready(self) -> bool:
        """Whether its build came to an end."""
        return self.receipt.get("key") == self.key

    @property
    def identity(self) -> dict[str, object]:
        """Of the interpreter that it was made from, or {} if that is not known."""
        found = self.receipt.get("interpreter")
        return found if isinstance(found, dict) else {}

    @property
    def has_interpreter(self) -> bool:
        """Whether the interpreter that it was made from is still there, and the same."""
        return is_unchanged(self.identity)

    @property
    def python(self) -> str:
        """Implementation and version, as the interpreter calls them, or a question mark."""
        identity = self.identity
        return f"{identity.get('implementation', '?')} {identity.get('version', '')}".strip()

    @property
    def pins(self) -> tuple[str, ...]:
        """``name==version`` of all that was installed, sorted."""
        return _texts(self.receipt.get("pins")) or ()

    @property
    def hashes(self) -> frozenset[str] | None:
        """Of the files that it may have been built from; None if that is not known."""
        found = _texts(self.receipt.get("hashes"))
        return None if found is None else frozenset(found)

    def protects(self, use: Use) -> bool:
        """Return whether one of its scripts is protected."""
        return is_protected(self.cache, use.script)

    @property
    def is_protected(self) -> bool:
        """Whether any of them is."""
        return any(map(self.protects, self.uses))

    @property
    def is_orphaned(self) -> bool:
        """Whether there were scripts that used it, and all of them are gone."""
        return bool(self.uses) and all(use.fate is Fate.GONE for use in self.uses)

    @property
    def is_wanted(self) -> bool:
        """Whether a script that exists uses it, other than one that was only fetched."""
        mine = [use for use in self.uses if not use.script.is_relative_to(self.cache.root)]
        return any(use.fate is Fate.THERE for use in mine)

    @cached_property
    def size(self) -> int:
        """In bytes, those included that it shares with other environments."""
        return sum(found.st_size for found in _contents(self.folder))

    @cached_property
    def own_size(self) -> int:
        """How many bytes there will be less when it is gone."""
        return sum(found.st_size for found in _contents(self.folder) if found.st_nlink == 1)

    @cached_property
    def last_used(self) -> datetime:
        """When a script last started in it, or it was built."""
        for path in (self.lease, self.folder / RECEIPT, self.folder):
            with suppress(OSError):
                return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return datetime.fromtimestamp(0, UTC)

    def users(self, seen: tuple[Process, ...], *, with_lease: bool = True) -> tuple[int, ...]:
        """Return which of these processes use it, by their pids.

        :param with_lease: count those who have its lease open, too.
        """
        interpreter = str(self.identity.get("path", ""))
        return users(seen, self.folder, lease=self.lease if with_lease else None, interpreter=interpreter)

    def again(self) -> Entry:
        """Return what is known of it now."""
        return Entry(cache=self.cache, key=self.key, uses=_uses_of(self.key, uses(self.cache)))


def _uses_of(key: str, known: Iterable[Use]) -> tuple[Use, ...]:
    return tuple(use for use in known if use.environment == key)


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None


def entries(cache: Cache) -> tuple[Entry, ...]:
    """Return the environments of the cache, finished and unfinished, by their keys."""
    known = uses(cache)
    return tuple(Entry(cache=cache, key=key, uses=_uses_of(key, known)) for key in sorted(_keys(cache)))


def _keys(cache: Cache) -> Iterator[str]:
    for interpreter in _folders(cache.environments):
        for resolution in _folders(interpreter):
            yield f"{interpreter.name}/{resolution.name}"


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except (FileNotFoundError, NotADirectoryError):  # never used, or removed just now
        return []


def short_keys(found: Iterable[Entry]) -> dict[str, str]:
    """Return for each key a shorter one that means no other of them."""
    keys = [entry.key for entry in found]
    first, second = SHORTEST
    while True:
        short = {key: _shortened(key, first, second) for key in keys}
        if len(set(short.values())) == len(keys):
            return short
        first, second = first + 2, second + 2


def _shortened(key: str, first: int, second: int) -> str:
    interpreter, _, resolution = key.partition("/")
    return f"{interpreter[:first]}/{resolution[:second]}"


def find(found: Iterable[Entry], wanted: str) -> tuple[Entry, ...]:
    """Return the environments of a script, by its path, or the one that a key means.

    :param wanted: the path of a script, there or not, or of something in an environment; or a key, whole or
        the beginnings of both halves or of the second one.
    :raises CacheError: if it means none, or several.
    """
    found = tuple(found)
    place = real_path(wanted)
    if of_script := tuple(entry for entry in found if any(use.script == place for use in entry.uses)):
        return of_script
    unresolved = Path(wanted).absolute()  # the python of an environment is a link out of it
    for entry in found:
        if unresolved.is_relative_to(entry.folder) or place.is_relative_to(os.path.realpath(entry.folder)):
            return (entry,)
    meant = tuple(entry for entry in found if _means(wanted, entry.key))
    if not meant:
        raise CacheError(f"no script and no environment of the cache is called {wanted}", LIST)
    if len(meant) > 1:
        names = ", ".join(short_keys(found)[entry.key] for entry in meant)
        raise CacheError(f"{wanted} may be any of {names}", "write more of the key")
    return meant


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return where a path leads, whether there is something or not.

    :raises CacheError: if it begins in a working folder that is gone.
    """
    try:
        return Path(os.path.realpath(path))
    except FileNotFoundError as error:
        raise CacheError("the working folder is gone", "change to another one") from error


LIST = "`scriptlock cache list` shows what there is"


def _means(wanted: str, key: str) -> bool:
    interpreter, slash, resolution = wanted.partition("/")
    first, _, second = key.partition("/")
    if not slash:
        return bool(wanted) and second.startswith(wanted)
    return bool(resolution) and first.startswith(interpreter) and second.startswith(resolution)


def sizes(cache: Cache) -> dict[str, int]:
    """Return the bytes in each folder of the cache; a file with several names counts where it comes first."""
    known: set[tuple[int, int]] = set()
    found = {}
    for folder in sorted(_folders(cache.root / "v1"), key=lambda path: (path.name != "wheels", path.name)):
        found[folder.name] = 0
        for status in _contents(folder):
            if (status.st_dev, status.st_ino) not in known:
                known.add((status.st_dev, status.st_ino))
                found[folder.name] += status.st_size
    return found


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    try:
        return sum(status.st_size for status in _contents(path)) if path.is_dir() else path.lstat().st_size
    except OSError:  # removed meanwhile
        return 0


def _contents(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield Path(parent, name).lstat()
