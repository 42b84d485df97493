"""Small files of ours that are whole or not there, whatever happens to the process or the machine."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from scriptlock.disk import SAFELY, read

UNFINISHED = ".new"
"""How the names of files end that are still being written, or were when somebody was killed."""


def read_record(path: Path) -> bytes:
    """Return what is in one of them, without waiting for what only has its name, such as a pipe.

    :raises OSError: if it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | SAFELY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return read(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, text: bytes) -> None:
    """Give a file its text at once, and survive a crash of the machine with the old one or the new one.

    :raises OSError: if that cannot be done; the old text is then still there.
    """
    written = path.with_name(f"{path.name}-{os.urandom(4).hex()}{UNFINISHED}")
    try:
        with written.open("xb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except BaseException:
        with suppress(OSError):
            written.unlink()
        raise
    if os.name != "nt":  # pragma: no branch - Windows opens no folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
