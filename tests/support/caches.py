"""Caches with environments in them, each used by some scripts, at some time."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from packaging.version import Version

from scriptlock.cache.environments import Environment, open_environment
from scriptlock.cache.inventory import Entry, entries
from scriptlock.cache.layout import Cache
from scriptlock.cache.registry import register
from scriptlock.interpreters import find_interpreter
from support.installers import Unpacker, pin_of
from support.wheels import wheel

DAY = timedelta(days=1)
HOST = find_interpreter(None, None)


class Shelf:
    """A cache to fill, and the folder of the scripts that use it."""

    def __init__(self, folder: Path) -> None:
        self.cache = Cache(root=folder / "cache")
        self.cache.prepare()
        self.scripts = folder / "scripts"
        self.scripts.mkdir(parents=True)

    def open(self, version: str = "1.0") -> Environment:
        """Return the environment of ``demo`` at that version."""
        demo = wheel("demo", version)
        return open_environment(self.cache, HOST, [pin_of(demo)], Unpacker(demo))

    def script(self, name: str) -> Path:
        """Return a script that exists."""
        path = self.scripts / name
        path.write_text("import demo\n", "utf-8")
        return path

    def add(
        self, version: str = "1.0", *names: str, idle: timedelta = timedelta(), lock: str | None = None
    ) -> str:
        """Build the environment of ``demo`` at that version, used by these scripts; return its key."""
        with self.open(version) as environment:
            for name in names:
                register(self.cache, self.script(name), environment.path, lock=lock)
        key = f"{environment.path.parent.name}/{environment.path.name}"
        moment = time.time() - idle.total_seconds()
        os.utime(environment.lease.path, (moment, moment))
        return key

    def delete(self, *names: str) -> None:
        """Delete scripts."""
        for name in names:
            (self.scripts / name).unlink()

    @property
    def keys(self) -> set[str]:
        """Those of the environments that are there."""
        return {entry.key for entry in entries(self.cache)}

    def entry(self, key: str) -> Entry:
        """Return what is known of an environment."""
        (found,) = (entry for entry in entries(self.cache) if entry.key == key)
        return found

    def pins(self) -> list[str]:
        """Return what is installed, by version."""
        return sorted((pin for entry in entries(self.cache) for pin in entry.pins), key=_version)


def _version(pin: str) -> Version:
    return Version(pin.rpartition("==")[2])


def age(path: Path, days: float) -> Path:
    """Let a file look as if it was written that many days ago."""
    moment = time.time() - days * 86400
    os.utime(path, (moment, moment), follow_symlinks=False)
    return path


def tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return all that is below a folder: mode, size and time of each file, and of each folder the mode."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            status = path.lstat()
            is_file = not path.is_dir()
            changing = (status.st_size, status.st_mtime_ns) if is_file else (0, 0)
            found[path.relative_to(folder).as_posix()] = (status.st_mode, *changing)
    return found
