"""Whether an environment still is what was built: its files against RECORD, and what came on top."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scriptlock.cache.disposal import discard
from scriptlock.cache.environments import RECEIPT, python_in
from scriptlock.cache.inventory import Entry
from scriptlock.cache.leases import Lease
from scriptlock.cache.removal import Kept
from scriptlock.cache.usage import processes
from scriptlock.errors import CacheError

VIRTUALENV = frozenset({"_virtualenv.py", "_virtualenv.pth"})
"""What virtualenv puts among the packages."""
MODULES = (".py", ".pyc", ".pyd", ".so", ".pth", ".dist-info/METADATA")
"""How the names of files end that can change what a script does only by lying there."""
PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What an environment looks like beside what its packages recorded."""

    entry: Entry
    damage: tuple[str, ...]
    """What is not as it was built, a sentence each."""
    extra: tuple[str, ...]
    """Files that no package brought and nobody can import, relative to the environment."""
    pth: tuple[str, ...]
    """The ``.pth`` files, which Python reads at every start, each with who brought it."""
    changed: tuple[Path, ...]
    """The files that are there, and not what they were."""


def examine(entry: Entry) -> Health:
    """Return what can be said about a finished environment by reading all of it.

    :raises CacheError: if it cannot be read.
    """
    look = _Look(entry.folder)
    try:
        for site in _sites(entry.folder):
            look.at(site)
    except OSError as error:
        raise CacheError(f"{entry.folder} cannot be read: {error.strerror}") from error
    pins = set(entry.pins)
    damage = [f"{path.relative_to(entry.folder).as_posix()} is missing" for path in _lacking(entry.folder)]
    damage += [f"{pin} is not there" for pin in sorted(pins - look.found)]
    damage += [f"{pin} was not to be there" for pin in sorted(look.found - pins)]
    return Health(
        entry=entry,
        damage=(*damage, *look.damage),
        extra=tuple(look.extra),
        pth=tuple(look.pth),
        changed=tuple(look.changed),
    )


def condemn(health: Health) -> Kept | None:
    """Let the next run build a damaged environment anew; return why that has to wait, if it has to.

    A wheel of the store that shares a damaged file with it goes, too.

    :raises CacheError: if the file system has no locks, or refuses.
    """
    entry = health.entry
    with Lease(entry.lease) as lease:
        is_free = lease.attempt(exclusive=True)
        pids = entry.users(processes(), with_lease=not is_free)
        if pids or not is_free:
            return Kept(entry=entry, why="it is in use", users=pids)
        try:
            # Without its receipt it is like one that was never finished.
            (entry.folder / RECEIPT).unlink(missing_ok=True)
            for folder in {shelf for path in health.changed if (shelf := _shelf(entry, path))}:
                discard(entry.cache, folder)
        except OSError as error:
            raise CacheError(f"{entry.folder} cannot be marked: {error.strerror}") from error
    return None


def _shelf(entry: Entry, path: Path) -> Path | None:
    """Return the folder of the store's wheel of which a file in the environment is a hard link."""
    for digest in entry.hashes or ():
        folder = entry.cache.wheels / digest.removeprefix("sha256:")
        for twin in folder.glob(f"*/**/{path.name}"):
            with suppress(OSError):
                if twin.samefile(path):
                    return folder
    return None


def _lacking(folder: Path) -> Iterator[Path]:
    """Yield what makes a folder a virtual environment, where that is not there."""
    for path in (python_in(folder), folder / "pyvenv.cfg"):
        if not os.path.lexists(path):  # one whose interpreter is gone is as it was built
            yield path


def _sites(folder: Path) -> list[Path]:
    found = [*folder.glob("lib*/*/site-packages"), *folder.glob("Lib/site-packages")]
    # lib64 is a link to lib in most environments.
    return sorted({site.resolve() for site in found if site.is_dir()})


class _Look:
    """What was seen of an environment so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.found: set[str] = set()
        self.damage: list[str] = []
        self.extra: list[str] = []
        self.pth: list[str] = []
        self.changed: list[Path] = []

    def at(self, site: Path) -> None:
        owners = dict.fromkeys((site / name for name in VIRTUALENV), "virtualenv")
        for metadata in sorted(site.glob("*.dist-info")):
            name = self._name(metadata)
            for path, digest in _recorded(metadata):
                owners[path] = name
                self._compare(path, digest)
        for path in _files(site):
            shown = path.relative_to(self.folder).as_posix()
            owner = owners.get(path)
            if path.suffix == ".pth" and path.parent == site:
                self.pth.append(f"{shown} of {owner or 'nobody'}")
            if owner or _source(path) in owners:
                continue
            if shown.endswith(MODULES):
                self.damage.append(f"{shown} belongs to no package")
            else:
                self.extra.append(shown)

    def _name(self, metadata: Path) -> str:
        name, version = (*metadata.stem.split("-", 1), "")[:2]
        with suppress(InvalidVersion):
            name = f"{canonicalize_name(name)}=={Version(version)}"
        self.found.add(name)
        return name

    def _compare(self, path: Path, digest: str) -> None:
        shown = os.path.relpath(path, self.folder)
        if shown.startswith(os.pardir):
            self.damage.append(f"{shown} is recorded, and outside of the environment")
        elif not path.is_file():
            self.damage.append(f"{shown} is missing")
        elif digest and _sha256(path) != digest:
            self.damage.append(f"{shown} was changed")
            self.changed.append(path)


def _recorded(metadata: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a distribution (PEP 376), each with its sha256 as RECORD writes it, or nothing.

    Of a RECORD that cannot be read there are none, and then its files belong to nobody.
    """
    try:
        text = (metadata / "RECORD").read_text("utf-8")
        rows = [row for row in csv.reader(text.splitlines()) if row and "\0" not in row[0]]
    except (FileNotFoundError, UnicodeDecodeError, csv.Error):
        rows = []
    for row in rows:
        path = Path(os.path.normpath(metadata.parent / row[0]))
        algorithm, _, digest = (row[1] if len(row) > 1 else "").partition("=")
        yield path, digest if algorithm == "sha256" else ""


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in sorted(names))


def _source(path: Path) -> Path | None:
    """Return the module that a file is the bytecode of (PEP 3147), None if it is none."""
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return None
    return path.parent.parent / f"{path.name.partition('.')[0]}.py"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
