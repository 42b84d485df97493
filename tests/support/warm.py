"""Environments that look ready without being built, and a start that tells where it would have gone."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from unittest import mock

from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock import launch, memo
from scriptlock.cache.environments import FORMAT, RECEIPT, environment_key
from scriptlock.cache.layout import Cache
from scriptlock.interpreters import find_interpreter
from scriptlock.model import Lock, Pin
from scriptlock.script import embed, parse
from support.scripts import script

HOST = find_interpreter(None, None)
HERE = Marker(f"sys_platform == '{sys.platform}'")
PINS = {
    name: (Pin(name=canonicalize_name(name), version=Version("1"), hashes=(f"sha256:{'0' * 64}",)),)
    for name in ("rich", "idna")
}


def locked(name: str, shebang: str | None = None) -> str:
    """Return a script that wants one of these packages, with a lock for it."""
    text = script(name, shebang=shebang)
    header = parse(text).header
    assert header is not None
    lock = Lock(pins=PINS[name], environments=(HERE,), inputs=header.inputs, requires_python=None)
    return embed(text, lock)


TEXT = locked("rich")
FOOTER = TEXT[TEXT.index("# >>> scriptlock >>>") :]


def look_ready(cache: Cache, pins: Sequence[Pin], *, interpreter: Path | None = None) -> Path:
    """Return the folder of an environment that is ready, though nothing is installed in it.

    :param interpreter: what its receipt says it was made with; the Python that runs this by default.
    """
    key = environment_key(HOST, pins)
    folder = cache.environments / key
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    if not (folder / "bin" / "python").is_symlink():
        (folder / "bin" / "python").symlink_to(sys.executable)
    identity = {**HOST.identity, **({"path": str(interpreter)} if interpreter else {})}
    (folder / RECEIPT).write_text(json.dumps({"format": FORMAT, "key": key, "interpreter": identity}))
    (cache.leases / key.replace("/", "-")).touch()
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What would have taken this process's place."""

    python: str
    argv: list[str]
    environ: dict[str, str]

    @property
    def environment(self) -> Path:
        """The folder of the environment that the script would run in."""
        return Path(self.python).parent.parent


class _Gone(BaseException):
    """Ends the start where the real one would not return."""


def start(*words: str) -> Started | None:
    """Return what the warm start does with a command line, None if it leaves it to the slow way."""
    seen: list[Started] = []

    def execute(python: str, argv: list[str], environ: dict[str, str]) -> NoReturn:
        seen.append(Started(python=python, argv=argv, environ=environ))
        raise _Gone

    before = descriptors()
    try:
        launch.start(words, execute)
    except _Gone:
        for lease in descriptors() - before:
            os.close(lease)  # the script would hold it
        return seen[0]
    assert descriptors() == before, "a lease that is still held would lock the slow way out"
    return None


def descriptors() -> set[int]:
    """Return the files that this process has open."""
    listed = {int(path.name) for path in Path("/dev/fd").iterdir()}
    return {descriptor for descriptor in listed if _is_open(descriptor)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:  # by which they were listed
        return False
    return True


def remember(path: Path, environment: Path) -> None:
    """Let the slow way write down which environment a script got."""
    name = launch.memo_name(str(path))
    assert name is not None
    memo.remember(name, str(path), str(environment))


def environment_of(path: Path) -> Path | None:
    """Return the environment that the warm start finds, None if it leaves that to the slow way."""
    started = start("run", str(path))
    return started.environment if started else None


def new_cache() -> Cache:
    """Return the cache of the user, with an environment for each of the packages."""
    cache = Cache.default()
    cache.prepare()
    for pins in PINS.values():
        look_ready(cache, pins)
    return cache


@contextmanager
def hermit() -> Iterator[Path]:
    """Give an example of a property a home and a cache of its own, and a script's path."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, HOME=folder, SCRIPTLOCK_CACHE_DIR=f"{folder}/cache"),
    ):
        new_cache()
        yield Path(folder, "script.py")
