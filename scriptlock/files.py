"""Reading a script's bytes, and rewriting them so that no interruption loses one that the user wrote.

The usual way is a new file beside the old one, renamed over it: whoever looks sees the old text or the new.
A process that is killed may leave it behind as ``.scriptlock-<16 hex digits>.tmp``: nothing reads that, and
anybody may delete it.

But what is renamed is another file. Where that would show (hard links, an owner or an ACL that a new file
cannot get) or is refused (bind mounts, folders that are not ours), the old file is cut at the end of the body
and the rest appended: an interruption then leaves the body and a part of the rest.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scriptlock.disk import SAFELY, SYSTEM, System, append, copy_attributes, lock, read
from scriptlock.errors import FileTrouble, ScriptChanged

CANNOT_REPLACE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV, errno.EOPNOTSUPP}
)
"""How the system says that a new file cannot take the old one's place, or not as its equal."""
MOVED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})
"""How it says that at a real path there is no longer a file."""
_ROOM = "make room on the disk, then run the command again"
_OWN = "change its permissions, or copy it to a folder of your own"
HINTS = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EACCES: _OWN, errno.EPERM: _OWN, errno.EROFS: _OWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptFile:
    """A script as it was read, and what shows whether it is still the same."""

    path: Path
    """The file itself: absolute, symlinks resolved."""
    text: bytes = field(repr=False)
    stamp: tuple[int, int, int, int]
    """Device, inode, size in bytes, modification time in ns."""


def read_script(path: str | os.PathLike[str], *, system: System = SYSTEM) -> ScriptFile:
    """Return the bytes of a regular file, following symlinks.

    :raises FileTrouble: if there is none, or it cannot be read.
    """
    try:
        # Before opening, which alone can rewind a tape, and by this path: a pipe in /dev/fd has no real one.
        _refuse_irregular(Path(path).stat())
        real = Path(os.path.realpath(path))
        fd = system.open(real, os.O_RDONLY | SAFELY, 0)
        try:
            status = os.fstat(fd)  # before reading, so that a change in between shows when writing
            _refuse_irregular(status)
            return ScriptFile(path=real, text=read(fd), stamp=_stamp(status))
        finally:
            os.close(fd)
    except FileNotFoundError as error:
        raise FileTrouble("there is no such file") from error
    except OSError as error:
        raise _trouble("read", error) from error
    except ValueError as error:  # a NUL, or what the file system's encoding lacks
        raise FileTrouble("no file can have this name") from error


def write_script(file: ScriptFile, text: bytes, *, body_end: int | None, system: System = SYSTEM) -> bool:
    """Give the file another text; return False, with nothing opened for writing, if it is the one it had.

    Mode, owner and (on Linux) ACL and extended attributes stay. Of several rewrites at once the first wins.

    :param body_end: how many bytes the old and the new text share that may never be lost. Of what follows, an
        interruption may lose any part if the file can only be written in place. None if that must not be lost
        either; then such a file is refused.
    :raises ScriptChanged: if the file is no longer the one that was read, byte for byte; nothing was written.
    :raises FileTrouble: if it cannot be written; if it may not be as it was, the sentence says how it is.
    """
    if text == file.text:
        return False
    if body_end is not None and text[:body_end] != file.text[:body_end]:
        raise ValueError("the texts differ before body_end")
    try:
        # Through a descriptor that appends, the kernel overwrites nothing.
        fd = system.open(file.path, os.O_RDWR | os.O_APPEND | SAFELY, 0)
        try:
            lock(system, fd)
            _rewrite(system, fd, file, text, body_end)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in MOVED:
            raise ScriptChanged from error
        raise _trouble("written", error) from error
    return True


def _rewrite(system: System, fd: int, file: ScriptFile, text: bytes, body_end: int | None) -> None:
    _refuse_change(fd, file)
    status = os.fstat(fd)
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        # Root can open it all the same, but somebody set that mode on purpose.
        raise PermissionError(errno.EACCES, "it is read-only")
    obstacle = "it has hard links"
    if status.st_nlink == 1:
        try:
            _replace(system, fd, file, text)
        except OSError as error:
            if error.errno not in CANNOT_REPLACE:
                raise
            obstacle = f"replacing it: {_reason(error)}"
        else:
            return
    if body_end is None:
        raise FileTrouble(
            f"the file can only be written in place ({obstacle}), which would risk the text after the lock",
            "move that text above the lock",
        )
    _write_in_place(system, fd, file, text, body_end)


def _replace(system: System, fd: int, file: ScriptFile, text: bytes) -> None:
    # The script's name is not in it: that may be as long as a name can be.
    temporary = file.path.with_name(f".scriptlock-{os.urandom(8).hex()}.tmp")
    new = system.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o600)
    try:
        try:
            append(system, new, text)
            copy_attributes(system, fd, new)
            system.fsync(new)
        finally:
            os.close(new)
        _refuse_change(fd, file)
        system.replace(temporary, file.path)
    except BaseException:
        with suppress(OSError):
            system.unlink(temporary)
        raise
    # Only decides which of the two texts a power cut leaves, and not every folder can be asked for it.
    with suppress(OSError):
        folder = system.open(file.path.parent, os.O_RDONLY | SAFELY, 0)
        try:
            system.fsync(folder)
        finally:
            os.close(folder)


def _write_in_place(system: System, fd: int, file: ScriptFile, text: bytes, body_end: int) -> None:
    _refuse_change(fd, file)
    try:
        _put(system, fd, body_end, text[body_end:])
    except BaseException as error:
        state = _restore(system, fd, file.text, body_end)
        if isinstance(error, OSError):
            raise _trouble("written", error, state) from error
        raise


def _put(system: System, fd: int, body_end: int, rest: bytes) -> None:
    system.ftruncate(fd, body_end)
    system.fsync(fd)
    append(system, fd, rest)
    system.fsync(fd)


def _restore(system: System, fd: int, old: bytes, body_end: int) -> str:
    """Put back what was after the body, or at least end the file there; return how the file is now."""
    for rest in (old[body_end:], b""):
        if read(fd) != old:
            with suppress(OSError):
                _put(system, fd, body_end, rest)
                break
    left = read(fd)
    if left == old:
        return "it is as it was"
    return f"its lock is {'gone' if len(left) == body_end else 'incomplete'}, everything above that is whole"


def _refuse_change(fd: int, file: ScriptFile) -> None:
    stamps = {_stamp(file.path.lstat()), _stamp(os.fstat(fd))}
    # The bytes too (their sha256 would say less): two edits in one tick of the clock have one time.
    if stamps != {file.stamp} or read(fd) != file.text:
        raise ScriptChanged


def _refuse_irregular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise FileTrouble("it is a folder, not a script")
    if not stat.S_ISREG(status.st_mode):
        raise FileTrouble("it is not a regular file", "save it as a file first")


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _trouble(done: str, error: OSError, state: str | None = None) -> FileTrouble:
    sentence = f"the file cannot be {done}: {_reason(error)}"
    return FileTrouble(f"{sentence}; {state}" if state else sentence, HINTS.get(error.errno or 0))


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return reason[:1].lower() + reason[1:]
