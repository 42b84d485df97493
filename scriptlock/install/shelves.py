"""The wheel store: unpacked wheels, each in a folder named by its sha256, which nobody changes any more.

::

    wheels/<sha256>/wheel.json              what is known of it, and that it is complete
    wheels/<sha256>/content/...             its files, read-only
    wheels/<sha256>/<python>/bytecode.json  which bytecode there is for a Python
    wheels/<sha256>/<python>/content/...    the bytecode
    wheels/.new-...                         what is being made, or was when somebody was killed

Everything arrives by being renamed, so it is there completely or not at all. Whoever reads or
writes here shares the lease ``leases/wheels``; whoever takes something away holds it alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.cache.disposal import delete, discard
from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import STORE, Lease, patience
from scriptlock.install.commands import Command
from scriptlock.install.tags import Preference
from scriptlock.model import Pin

FORMAT = 2
NEW = ".new-"
CONTENT, WHEEL, BYTECODE = "content", "wheel.json", "bytecode.json"
FIRST_DATE = 315532800
"""1980, before which no zip archive can date a file, so that packing up an environment works."""


def timestamp(sha256: str) -> int:
    """Return the modification time, in seconds, of every file that comes from that wheel.

    The same for the same wheel, so that bytecode compiled once stays valid wherever its source is
    linked; another one for another, so that no cache takes a file for its successor of equal size.
    """
    return FIRST_DATE + int(sha256[:7], 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWheel:
    """An unpacked wheel; the paths of its files have slashes and are relative."""

    folder: Path
    sha256: str
    """64 hex digits."""
    filename: str
    name: NormalizedName
    version: Version
    dist_info: str
    """The name of its folder of metadata."""
    root: str
    """The scheme of what lies at its root: purelib or platlib."""
    folders: list[str]
    """Those of the files at its root, parents first."""
    files: list[tuple[str, int]]
    """Those at its root, with their sizes in bytes."""
    parts: list[tuple[str, str, str, int, str]]
    """The other files: scheme, path there, path here, size in bytes, digest as RECORD has it."""
    commands: list[Command]
    """Its entry points to run."""
    record: str
    """The lines that RECORD has for the files at its root (PEP 376)."""

    @property
    def content(self) -> Path:
        """The folder of its files."""
        return self.folder / CONTENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode:
    """What a wheel's modules at its root were compiled to for a Python."""

    content: Path
    """The folder of its files."""
    folders: list[str]
    files: list[tuple[str, int]]
    """With their sizes in bytes."""


class Shelves:
    """The store of a cache.

    :param notify: is told of waiting for somebody else.
    """

    def __init__(self, cache: Cache, *, notify: Callable[[str], None] | None = None) -> None:
        self.cache, self._notify = cache, notify

    def find(self, sha256: str) -> StoredWheel | None:
        """Return the wheel of that digest if it is there."""
        folder = self.cache.wheels / sha256
        try:
            told = json.loads((folder / WHEEL).read_bytes())
        except (OSError, ValueError):
            return None
        if told.pop("format") != FORMAT:
            return None
        told["name"], told["version"] = canonicalize_name(told["name"]), Version(told["version"])
        return StoredWheel(folder=folder, sha256=sha256, **told)

    def best(self, pin: Pin, preference: Preference) -> StoredWheel | None:
        """Return of the pin's wheels that are there the one to prefer, None if none fits."""
        ranked = [
            (rank, wheel)
            for digest in pin.hashes
            if (wheel := self.find(digest.removeprefix("sha256:"))) is not None
            and (rank := preference.rank(wheel.filename, pin.name, pin.version)) is not None
        ]
        return min(ranked, key=lambda pair: pair[0])[1] if ranked else None

    def bytecode(self, wheel: StoredWheel, python: str) -> Bytecode | None:
        """Return the wheel's bytecode for a Python if it is there."""
        folder = wheel.folder / python
        try:
            told = json.loads((folder / BYTECODE).read_bytes())
        except (OSError, ValueError):
            return None
        return Bytecode(content=folder / CONTENT, folders=told["folders"], files=told["files"])

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """Give a new folder beside the wheels; what is left in it in the end is deleted.

        :raises OSError: if it cannot be made.
        """
        folder = self.cache.wheels / f"{NEW}{os.urandom(8).hex()}"
        folder.mkdir()
        try:
            yield folder
        finally:
            delete(folder)

    def place(self, folder: Path, sha256: str) -> None:
        """Move a complete folder to where the wheel of that digest belongs, unless it is there already.

        :raises OSError: if that cannot be done.
        """
        if self.find(sha256) is not None:
            return
        target = self.cache.wheels / sha256
        discard(self.cache, target)  # of another format
        try:
            folder.rename(target)
        except OSError:
            if self.find(sha256) is None:  # nobody else was faster
                raise

    def drop(self, wheel: StoredWheel) -> None:
        """Take away a wheel whose files are not what they were.

        :raises OSError: if that cannot be done.
        """
        discard(self.cache, wheel.folder)

    @contextmanager
    def shared(self) -> Iterator[int]:
        """Keep everybody from taking anything away, and give the descriptor that does it.

        What was left behind by those who were killed is swept away before, if nobody is at work.
        """
        with self._lease(STORE, "cleaning up the wheel store") as lease:
            if self._leftovers() and lease.attempt(exclusive=True):
                for folder in self._leftovers():
                    delete(folder)
            lease.acquire(exclusive=False)
            yield lease.descriptor

    def _lease(self, name: str, work: str) -> Lease:
        return Lease(self.cache.leases / name, patience=patience(), work=work, notify=self._notify)

    def _leftovers(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self.cache.wheels.iterdir() if path.name.startswith(NEW)]
        return []

    @contextmanager
    def fetching(self, names: Iterable[str]) -> Iterator[tuple[int, ...]]:
        """Keep others from fetching the same packages meanwhile, and give the descriptors that do it.

        :raises EnvironmentBusy: if somebody else does not come to an end.
        """
        shards = {hashlib.sha256(name.encode()).hexdigest()[:2] for name in names}
        with ExitStack() as held:
            leases = []
            # In one order for everybody, so that no two wait for each other.
            for shard in sorted(shards):
                lease = held.enter_context(self._lease(f"fetch-{shard}", "fetching packages"))
                lease.acquire(exclusive=True)
                leases.append(lease.descriptor)
            yield tuple(leases)
