"""Which scripts use which environments: what prune has to know before it removes one, and what people see.

One file for each script and interpreter, ``<digest of the script's path>-<interpreter hash>.json``, so that
nobody ever has to read one in order to write it; beside them ``<digest>.protected`` for what is to be kept
whatever happens, and ``<digest>.installed`` with the commands for whose sake it is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from scriptlock.cache.layout import Cache
from scriptlock.cache.records import read_record, write_durably
from scriptlock.errors import CacheError

FORMAT = 1
DIGITS = 32
PROTECTED = ".protected"
INSTALLED = ".installed"


class Fate(Enum):
    """What became of a script."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"
    """Its disk is not mounted, say, or its folder cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """That a script runs in an environment, with one interpreter."""

    script: Path
    """Its real path."""
    environment: str
    """The key: interpreter hash, slash, resolution hash."""
    lock: str | None
    """The key of the cached lock that it runs with, None if it carries its own."""
    device: int
    """Of the file system that the script was on."""

    @property
    def fate(self) -> Fate:
        """What became of the script since."""
        try:
            is_there = not self.script.is_dir() and bool(self.script.stat())
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        except OSError:
            return Fate.UNKNOWN
        if is_there:
            return Fate.THERE
        # Where a disk is not mounted, everything on it seems to be gone.
        return Fate.GONE if _device_of(self.script) == self.device else Fate.UNKNOWN


def _device_of(path: Path) -> int | None:
    for folder in path.parents:
        try:
            return folder.stat().st_dev
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            break
    return None


def register(cache: Cache, script: Path, environment: Path, *, lock: str | None) -> None:
    """Note that a script runs in an environment of which a lease is held.

    Nothing happens if that is noted already, or where it cannot be written: prune then leaves the
    environment alone for as long as one that no script uses.

    :param script: its real path.
    :param lock: the key of its cached lock, None if it carries one.
    """
    key = f"{environment.parent.name}/{environment.name}"
    with suppress(OSError):
        use = Use(script=script, environment=key, lock=lock, device=script.stat().st_dev)
        path = cache.scripts / f"{_digest(script)}-{environment.parent.name}.json"
        before = _read(path)
        if before == use:
            return
        if before is not None and before.environment != key:
            _forget_warm_starts(cache, before.environment)
        value = {
            "format": FORMAT,
            "path": os.fspath(script),
            "environment": key,
            "lock": lock,
            "device": use.device,
        }
        write_durably(path, json.dumps(value, indent=1).encode() + b"\n")


def _forget_warm_starts(cache: Cache, key: str) -> None:
    # A script that goes back to a former header would be run in a former environment without being
    # registered for it, if its memo were still there.
    for memo, environment in memos(cache):
        if environment == key:
            memo.unlink(missing_ok=True)


def memos(cache: Cache) -> Iterator[tuple[Path, str]]:
    """Yield what the warm start remembers: files, each with the key of the environment that it leads to."""
    for path in _files(cache.memo):
        with suppress(OSError):
            yield path, os.fsdecode(read_record(path).partition(b"\n")[0])


def uses(cache: Cache) -> tuple[Use, ...]:
    """Return every use that is noted, by script."""
    found = (_read(path) for path in _files(cache.scripts) if path.suffix == ".json")
    return tuple(sorted(filter(None, found), key=lambda use: (use.script, use.environment)))


def forget(cache: Cache, use: Use) -> None:
    """Note no longer that a script uses an environment, unless it uses another one by now."""
    interpreter = use.environment.partition("/")[0]
    path = cache.scripts / f"{_digest(use.script)}-{interpreter}.json"
    if _read(path) == use:
        path.unlink(missing_ok=True)


def protect(cache: Cache, script: Path) -> None:
    """Keep the environments of a script whatever its age, whatever the cache's size, and if it is gone.

    :param script: its real path.
    :raises CacheError: if that cannot be written.
    """
    try:
        write_durably(cache.scripts / f"{_digest(script)}{PROTECTED}", os.fsencode(script))
    except OSError as error:
        raise CacheError(f"{script} cannot be protected: {error.strerror}") from error


def unprotect(cache: Cache, script: Path) -> bool:
    """Keep them no longer than others, nor for a command; return whether they were protected.

    :raises CacheError: if that cannot be written.
    """
    was_protected = is_protected(cache, script)
    try:
        for kind in (PROTECTED, INSTALLED):
            (cache.scripts / f"{_digest(script)}{kind}").unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(f"{script} stays protected: {error.strerror}") from error
    return was_protected


def is_protected(cache: Cache, script: Path) -> bool:
    """Return whether somebody wants the environments of a script kept, or a command starts it."""
    return any((cache.scripts / f"{_digest(script)}{kind}").exists() for kind in (PROTECTED, INSTALLED))


def protect_for(cache: Cache, script: Path, launcher: Path) -> None:
    """Keep the environments of a script as long as a command starts it.

    :param script: its real path.
    :raises CacheError: if that cannot be written.
    """
    path = cache.scripts / f"{_digest(script)}{INSTALLED}"
    try:
        write_durably(path, b"\0".join({*_launchers(path), os.fsencode(launcher)}))
    except OSError as error:
        raise CacheError(f"{script} cannot be protected: {error.strerror}") from error


def release(cache: Cache, script: Path, launcher: Path) -> None:
    """Keep them no longer for the sake of a command, nor of others that somebody removed by hand.

    :raises CacheError: if that cannot be written.
    """
    path = cache.scripts / f"{_digest(script)}{INSTALLED}"
    left = {other for other in _launchers(path) if other != os.fsencode(launcher) and os.path.lexists(other)}
    try:
        if left:
            write_durably(path, b"\0".join(left))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(f"{script} stays protected: {error.strerror}") from error


def _launchers(path: Path) -> set[bytes]:
    with suppress(OSError):  # the first
        return set(read_record(path).split(b"\0"))
    return set()


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _digest(script: Path) -> str:
    return hashlib.sha256(os.fsencode(script)).hexdigest()[:DIGITS]


def _read(path: Path) -> Use | None:
    try:
        value = json.loads(read_record(path))
        if value["format"] != FORMAT:
            return None
        return Use(
            script=Path(value["path"]),
            environment=value["environment"],
            lock=value["lock"],
            device=value["device"],
        )
    except (OSError, ValueError, KeyError, TypeError):  # not there, damaged, or a newer scriptlock's
        return None
