"""Holds on environments: many may use one at a time, or one may build it.

A lease is a lock on a file. It lasts until the last process that inherited its descriptor is gone,
however that ends; so a script keeps its environment, and an installer whose parent was killed keeps
everybody else from building beside it.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from scriptlock.cache.flock import try_lock, unlock
from scriptlock.errors import CacheError, EnvironmentBusy

STORE = "wheels"
"""Of the wheel store: who reads or writes there shares it, who takes something away has it alone."""
VARIABLE = "SCRIPTLOCK_LOCK_TIMEOUT"
PATIENCE = 300.0
SILENCE = 0.8
"""Seconds of waiting before anybody is told."""
EVERY = 10.0
"""Seconds until they are told again."""
PAUSE = 0.02
"""Seconds between two tries."""


def patience(environ: Mapping[str, str] = os.environ) -> float:
    """Return for how many seconds to wait for somebody else's build.

    :raises CacheError: if ``SCRIPTLOCK_LOCK_TIMEOUT`` is no number of seconds.
    """
    text = environ.get(VARIABLE) or str(PATIENCE)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:  # nan is no number either
        raise CacheError(
            f"{VARIABLE} is {text!r}, which is no number of seconds", f"set it to {PATIENCE:.0f}, say"
        )
    return seconds


class Lease:
    """A hold on an environment, none at first; a context manager that gives it back.

    :param path: the file to lock; made if need be, never removed: some would hold the removed one, others
        the next one of its name.
    :param patience: seconds to wait for somebody else.
    :param work: what it is that somebody else would have to finish.
    :param notify: is told of waiting, and for which process, if known.
    :param silence: seconds of waiting before that.
    :param every: seconds until it is told again, and again.
    :param try_lock: the call of the operating system.
    :raises CacheError: if the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience: float = PATIENCE,
        work: str = "building the environment",
        notify: Callable[[str], None] | None = None,
        silence: float = SILENCE,
        every: float = EVERY,
        try_lock: Callable[..., bool] = try_lock,
    ) -> None:
        self.path, self.patience, self.silence, self.every = path, patience, silence, every
        self._work, self._notify, self._try_lock = work, notify, try_lock
        self._is_held = self._is_signed = False
        try:
            self.descriptor = _open(path)
        except OSError as error:
            raise CacheError(f"the lease {path} cannot be opened: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        # A double would have the number of the descriptor: closing it closes what is not its own.
        raise TypeError("a lease belongs to the process that holds it, and cannot be pickled or copied")

    def acquire(self, *, exclusive: bool, unless: Callable[[], bool] | None = None) -> bool:
        """Hold it this way from now on; between the former way and this one, somebody else may have had it.

        :param unless: asked while somebody else is in the way, and only while nobody can be building: if it
            says yes, sharing is all that is wanted.
        :return: whether it is held the way that was asked for, False if ``unless`` said yes.
        :raises EnvironmentBusy: if somebody else did not let go of it in time.
        :raises CacheError: if the file system knows no locks.
        """
        started, told = time.monotonic(), 0
        while not self.attempt(exclusive=exclusive):
            if unless is not None and self.attempt(exclusive=False):
                if unless():
                    return False
                self.release()
            waited = time.monotonic() - started
            if waited >= self.patience:
                raise EnvironmentBusy(self.patience, self.holder(), self._work)
            if self._notify is not None and waited >= self.silence + told * self.every:
                told += 1
                holder = self.holder()
                who = "another process" if holder is None else f"process {holder}"
                self._notify(f"waiting for {who} to finish {self._work}")
            time.sleep(PAUSE)
        if exclusive:
            self._sign()
        return True

    def attempt(self, *, exclusive: bool) -> bool:
        """Hold it this way from now on and return True, or return False at once if somebody is in the way.

        Whoever waits for it is not told by whom it is held.

        :raises CacheError: if the file system knows no locks.
        """
        self.release()
        try:
            self._is_held = self._try_lock(self.descriptor, exclusive=exclusive)
        except OSError as error:
            # ENOLCK, ENOSYS, EOPNOTSUPP: no use in trying again, and going on without is no choice.
            reason = f"the file system of {self.path.parent} cannot lock files: {error.strerror}"
            raise CacheError(reason, "set SCRIPTLOCK_CACHE_DIR to a folder on a local disk") from error
        return self._is_held

    def touch(self) -> None:
        """Note that the environment was used now, where that can be written."""
        with suppress(OSError):
            os.utime(self.descriptor if os.utime in os.supports_fd else self.path)

    def release(self) -> None:
        """Hold it no longer, nor let anybody who inherited it."""
        if self._is_signed:
            self._sign_off()
        if self._is_held:
            unlock(self.descriptor)
        self._is_held = False

    def close(self) -> None:
        """Let go of it; those who inherited it keep it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor, self._is_held, self._is_signed = -1, False, False

    def _sign(self) -> None:
        self._is_signed = True
        with suppress(OSError):  # the disk is full; nobody will know for whom they wait
            os.ftruncate(self.descriptor, 0)
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            os.write(self.descriptor, b"%d\n" % os.getpid())

    def _sign_off(self) -> None:
        self._is_signed = False
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)

    def holder(self) -> int | None:
        """Return the process that holds it exclusively, or None if there is none or it cannot be told."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        text = os.read(self.descriptor, 20)
        # Left behind by one that was killed; what it had started may still hold the lease.
        return int(text) if text.strip().isdigit() and _is_alive(int(text)) else None


def _open(path: Path) -> int:
    careful = getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | careful, 0o600)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        # A cache that cannot be written to can still be used: sharing needs no right to write.
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDONLY | careful)
        raise


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # pragma: no cover - measured on Linux only
        return True  # to ask would be to send it a Ctrl-C
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True
