"""Environments: one for each interpreter and resolution, built once, never changed after that."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scriptlock.cache.build import build
from scriptlock.cache.disposal import discard
from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import Lease, patience
from scriptlock.cache.records import read_record, write_durably
from scriptlock.errors import CacheError, ToolError
from scriptlock.install.installer import Installer
from scriptlock.interpreters import Interpreter, is_unchanged
from scriptlock.model import Pin

FORMAT = 1
RECEIPT = "scriptlock.json"
DIGITS = 24
"""Hex digits of each half of a key: enough to be unique, few enough for the path lengths of Windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment with exactly the pins, held by a lease until it is closed."""

    path: Path
    lease: Lease

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_in(self.path)

    def keep_over_exec(self) -> None:
        """Let the program that takes this process's place, and its children, hold the lease."""
        os.set_inheritable(self.lease.descriptor, True)  # noqa: FBT003 - the only way to call it

    def close(self) -> None:
        """Let go of the lease."""
        self.lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def environment_key(interpreter: Interpreter, pins: Sequence[Pin]) -> str:
    """Return the environment's place below the environments: two digests, with a slash between them.

    What decides is the interpreter and the files that may be installed; not how a lock is written,
    nor under which markers it has the pins.
    """
    chosen = [
        {
            "name": pin.name,
            "version": str(pin.version),
            "hashes": list(pin.hashes),
            "url": pin.url,
            "git": pin.git,
            "commit": pin.commit,
        }
        for pin in sorted(pins, key=lambda pin: pin.name)
    ]
    return f"{_digest(dict(interpreter.identity))}/{_digest(chosen)}"


def lease_path(cache: Cache, key: str) -> Path:
    """Return the file that is locked by whoever builds or uses the environment of a key."""
    return cache.leases / key.replace("/", "-")


def _digest(value: object) -> str:
    text = json.dumps([FORMAT, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def open_environment(
    cache: Cache,
    interpreter: Interpreter,
    pins: Sequence[Pin],
    installer: Installer,
    *,
    offline: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Environment:
    """Return the environment that holds exactly the pins; build it if nobody has.

    :param pins: those that apply to the interpreter, one for each name.
    :param offline: raise instead of letting the installer fetch anything.
    :param notify: is told of waiting for somebody else's build.
    :raises EnvironmentBusy: if that takes too long.
    :raises Offline: if it is not built, and something would have to be fetched.
    :raises InstallError, ToolError, CacheError: as they say.
    """
    cache.prepare()
    key = environment_key(interpreter, pins)
    folder = cache.environments / key
    ready = partial(is_ready, folder, key, interpreter)
    lease = Lease(lease_path(cache, key), patience=patience(), notify=notify)
    try:
        lease.acquire(exclusive=False)
        while not ready():
            # Whoever builds it goes on to use it, for as long as a script runs: then we need not wait.
            if not lease.acquire(exclusive=True, unless=ready):
                break
            # Somebody else may have built it in between.
            if not ready():
                _build(cache, interpreter, pins, installer, lease=lease.descriptor, offline=offline)
            # From the one lease to the other there is a gap, in which it may be pruned: look again.
            lease.acquire(exclusive=False)
        lease.touch()
    except BaseException:
        lease.close()
        raise
    return Environment(path=folder, lease=lease)


def ready_python(cache: Cache, interpreter: Interpreter, pins: Sequence[Pin]) -> Path | None:
    """Return the python of the environment that holds exactly the pins, None if it is not built."""
    key = environment_key(interpreter, pins)
    folder = cache.environments / key
    return python_in(folder) if is_ready(folder, key, interpreter) else None


def python_in(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_ready(folder: Path, key: str, interpreter: Interpreter) -> bool:
    """Return whether a build of that key came to its end there, and its interpreter is the one there now."""
    receipt = read_receipt(folder)
    said = (receipt.get("format"), receipt.get("key"), receipt.get("interpreter"))
    return said == (FORMAT, key, dict(interpreter.identity)) and is_unchanged(interpreter.identity)


def read_receipt(folder: Path) -> dict[str, Any]:
    """Return what the last step of a build left in its folder, or {} if it never came to that.

    Its keys: ``format``, ``key``, ``interpreter`` (an identity), ``pins`` (``name==version``, sorted) and
    ``hashes`` (of all the files that were admitted, sorted).
    """
    try:
        receipt = json.loads(read_record(folder / RECEIPT))
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def _build(
    cache: Cache,
    interpreter: Interpreter,
    pins: Sequence[Pin],
    installer: Installer,
    *,
    lease: int,
    offline: bool,
) -> None:
    if not is_unchanged(interpreter.identity):
        raise ToolError(f"{interpreter.executable} was replaced meanwhile", "run the command again")
    key = environment_key(interpreter, pins)
    folder = cache.environments / key
    try:
        discard(cache, folder)  # what is left of a build that was killed, or of another interpreter
        folder.parent.mkdir(exist_ok=True)
        build(folder, interpreter, pins, installer, lease=lease, memory=cache.virtualenv, offline=offline)
        receipt = {
            "format": FORMAT,
            "key": key,
            "interpreter": dict(interpreter.identity),
            "pins": sorted(f"{pin.name}=={pin.version}" for pin in pins),
            "hashes": sorted({digest for pin in pins for digest in pin.hashes}),
        }
        write_durably(folder / RECEIPT, json.dumps(receipt, indent=1).encode() + b"\n")
    except BaseException as error:
        with suppress(OSError):  # without a receipt nobody takes it for ready
            discard(cache, folder)
        if isinstance(error, OSError):
            raise CacheError(f"the environment cannot be written: {error.strerror or error}") from error
        raise
