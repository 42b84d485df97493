"""The few calls that change a file on disk, as a value, and what is made of them without any policy."""

# ruff: noqa: PLW0108 - Windows and macOS lack what the lambdas look up, and never call them

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path

SAFELY = reduce(or_, (getattr(os, f"O_{flag}", 0) for flag in "NOFOLLOW NONBLOCK NOCTTY BINARY".split()))
"""To open with: follow no symlink, wait for no FIFO, take over no terminal, and keep newlines on Windows."""
TIED_TO_THE_BYTES = frozenset({"security.capability", "security.evm", "security.ima"})
"""Extended attributes that the kernel takes away, or makes anew, when a file's bytes change."""
TRIES, PAUSE = 500, 0.01  # 5 seconds in all


def _flock(fd: int) -> None:
    import fcntl  # Windows has none

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The calls of the operating system, each a field so that a test can let it fail, or die there."""

    open: Callable[[Path, int, int], int] = os.open
    flock: Callable[[int], None] = _flock
    sleep: Callable[[float], None] = time.sleep
    write: Callable[[int, memoryview], int] = os.write
    ftruncate: Callable[[int, int], None] = os.ftruncate
    fchown: Callable[[int, int, int], None] = lambda fd, user, group: os.fchown(fd, user, group)
    setxattr: Callable[[int, str, bytes], None] = lambda fd, name, value: os.setxattr(fd, name, value)
    removexattr: Callable[[int, str], None] = lambda fd, name: os.removexattr(fd, name)
    fchmod: Callable[[int, int], None] = lambda fd, mode: os.fchmod(fd, mode)
    fsync: Callable[[int], None] = os.fsync
    replace: Callable[[Path, Path], None] = os.replace
    unlink: Callable[[Path], None] = os.unlink


SYSTEM = System()


def read(fd: int) -> bytes:
    """Return everything in an open file."""
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, "rb", closefd=False) as stream:
        return stream.read()


def append(system: System, fd: int, text: bytes) -> None:
    """Write all of the text, in as many pieces as the system takes it."""
    left = memoryview(text)
    while left:
        left = left[system.write(fd, left) :]


def lock(system: System, fd: int) -> None:
    """Keep everybody else who calls this for the same file waiting until the descriptor is closed.

    Two cases end without a lock and without an error: there are no locks here, or somebody holds the file's
    for longer than any rewrite takes (a script that locks itself while it runs).
    """
    for _ in range(TRIES):
        try:
            system.flock(fd)
        except BlockingIOError:
            system.sleep(PAUSE)
        except (OSError, ImportError):
            return
        else:
            return


def copy_attributes(system: System, old: int, new: int) -> None:
    """Give one open file the owner, mode, and on Linux ACL and extended attributes of another.

    :raises OSError: if one of them cannot be given.
    """
    wanted, made = os.fstat(old), os.fstat(new)
    if (wanted.st_uid, wanted.st_gid) != (made.st_uid, made.st_gid):
        system.fchown(new, wanted.st_uid, wanted.st_gid)
    attributes, inherited = _attributes(old), _attributes(new)
    for name in inherited.keys() - attributes.keys():
        system.removexattr(new, name)  # an ACL that the folder gives to every new file
    for name, value in attributes.items():
        if inherited.get(name) != value:
            system.setxattr(new, name, value)
    # Last: without their ACL beside them, the group's bits would let more people in.
    if wanted.st_mode != os.fstat(new).st_mode:
        system.fchmod(new, stat.S_IMODE(wanted.st_mode))


def _attributes(fd: int) -> dict[str, bytes]:
    with suppress(OSError, AttributeError):  # none on this file system; no such call on this platform
        return {name: os.getxattr(fd, name) for name in os.listxattr(fd) if name not in TIED_TO_THE_BYTES}
    return {}
