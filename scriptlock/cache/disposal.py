"""Deleting: out of the way at once, and then away for good, without a step outside of the cache."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from scriptlock.cache.layout import Cache

_OURS = stat.S_IRWXU


def discard(cache: Cache, path: Path) -> None:
    """Delete a file or folder of the cache; whoever looks for it sees the whole of it, or nothing.

    Nothing happens if it is not there.

    :raises OSError: if it cannot be moved out of the way; then it is as it was.
    """
    aside = move_aside(cache, path)
    if aside is not None:
        delete(aside)


def move_aside(cache: Cache, path: Path) -> Path | None:
    """Move a file or folder of the cache into its trash and return where it is now, None if it is not there.

    :raises OSError: if that cannot be done.
    """
    aside = cache.trash / f"{path.name}-{os.urandom(4).hex()}"
    try:
        # A folder has to be writable itself to get another parent.
        _make_writable(path)
        path.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def delete(path: Path) -> bool:
    """Delete a file or folder, with what is read-only inside, and return whether nothing of it is left.

    Symbolic links are deleted, never followed.
    """
    with suppress(OSError):
        if not _is_folder(path):
            path.unlink()
            return True
    import shutil

    _open_up(path)
    shutil.rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)


def _open_up(folder: Path) -> None:
    """Take away whatever keeps the owner from emptying the folder."""
    with suppress(OSError):
        _make_writable(folder)
    # Each folder must be made readable before os.walk() comes to it.
    for parent, names, _ in os.walk(folder):
        for name in names:
            with suppress(OSError):
                _make_writable(Path(parent, name))


def _make_writable(path: Path) -> None:
    if _is_folder(path) and path.lstat().st_mode & _OURS != _OURS:
        path.chmod(_OURS)


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
