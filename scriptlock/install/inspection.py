"""Whether what the store holds is still what was put there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from scriptlock.install.shelves import StoredWheel, timestamp


class Spoiled(Exception):
    """A file of the store is not what was put there."""

    def __init__(self, wheel: StoredWheel) -> None:
        super().__init__(wheel)
        self.wheel = wheel


def examine(wheel: StoredWheel) -> None:
    """Return if the files of a wheel in the store are what was unpacked, as far as a look at them can tell.

    Only root can have written to them, or a disk that lost power. Bytecode is left to Python, which
    compiles anew what it cannot read.

    :raises Spoiled: if one is not.
    """
    modified = timestamp(wheel.sha256)
    parts = ((inside, size) for _, _, inside, size, _ in wheel.parts)
    with opened(str(wheel.content)) as (here, descriptor):
        for path, size in chain(wheel.files, parts):
            try:
                found = os.stat(here + path, dir_fd=descriptor)
            except OSError as error:
                raise Spoiled(wheel) from error
            if found.st_size != size or found.st_mtime != modified:
                raise Spoiled(wheel)


@contextmanager
def opened(folder: str) -> Iterator[tuple[str, int | None]]:
    """Give what paths in a folder begin with, and the descriptor that they are relative to.

    Most of the time that a system takes to link a file is its way from the root of all folders.
    """
    if not {os.link, os.stat} <= os.supports_dir_fd:
        yield f"{folder}/", None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield "", descriptor
    finally:
        os.close(descriptor)
