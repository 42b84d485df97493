"""Locks of the operating system on an open file, shared or exclusive, without waiting."""

from __future__ import annotations

import sys

if sys.platform == "win32":  # pragma: no cover - measured on Linux only
    import ctypes
    import msvcrt
    from ctypes import wintypes

    IMMEDIATELY, EXCLUSIVE, VIOLATION = 1, 2, 33
    _KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)

    class _Overlapped(ctypes.Structure):
        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            # Far behind the end: nobody can read a byte that is locked, and the holder's pid is to be read.
            ("offset", wintypes.DWORD),
            ("offset_high", wintypes.DWORD),
            ("event", wintypes.HANDLE),
        )

    def _place() -> _Overlapped:
        return _Overlapped(None, None, 0, 1, None)

    def try_lock(descriptor: int, *, exclusive: bool) -> bool:
        """Lock and return True, or return False at once if somebody else's lock forbids it."""
        flags = IMMEDIATELY | (EXCLUSIVE if exclusive else 0)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        if _KERNEL.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(_place())):
            return True
        if ctypes.get_last_error() == VIOLATION:
            return False
        raise ctypes.WinError(ctypes.get_last_error())

    def unlock(descriptor: int) -> None:
        """Give the lock back; it must be held."""
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        if not _KERNEL.UnlockFileEx(handle, 0, 1, 0, ctypes.byref(_place())):
            raise ctypes.WinError(ctypes.get_last_error())

else:
    import fcntl

    def try_lock(descriptor: int, *, exclusive: bool) -> bool:
        """Lock and return True, or return False at once if somebody else's lock forbids it.

        The lock belongs to the open file: whoever inherits the descriptor holds it too.
        """
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(descriptor: int) -> None:
        """Give the lock back, for everybody who holds it by the same open file."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)
