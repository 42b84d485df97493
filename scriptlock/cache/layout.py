"""Where everything lies in the cache, and whether the folder can be trusted."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scriptlock.errors import CacheError

VARIABLE = "SCRIPTLOCK_CACHE_DIR"
TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache of scriptlock; backups may leave it out. See https://bford.info/cachedir/\n"
)
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""How the system says that nothing can be written."""
FOLDERS = "environments leases memo scripts locks wheels trash interpreters http virtualenv fetched".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A folder of ours; nothing in it is touched before :meth:`prepare` has looked at it."""

    root: Path
    is_temporary: bool = False
    """It is for one run, and nobody else may still be busy in it after that."""

    @classmethod
    def default(cls, environ: Mapping[str, str] = os.environ) -> Cache:
        """Return the one that ``SCRIPTLOCK_CACHE_DIR`` names, else the user's.

        :raises CacheError: if it is not known where that should be.
        """
        if named := environ.get(VARIABLE):
            return cls(root=Path(named))
        from platformdirs import user_cache_path

        try:
            return cls(root=user_cache_path("scriptlock", appauthor=False))
        except RuntimeError as error:
            raise CacheError(_HOMELESS, _ELSEWHERE) from error

    @property
    def environments(self) -> Path:
        """``<interpreter hash>/<resolution hash>/``: virtual environments, ready when their receipt is."""
        return self._folder("environments")

    @property
    def leases(self) -> Path:
        """One file for each environment, to be locked; never inside it, never removed."""
        return self._folder("leases")

    @property
    def memo(self) -> Path:
        """What the warm start needs to know instead of parsing."""
        return self._folder("memo")

    @property
    def fresh(self) -> Path:
        """Which locks were found to be fresh; made when there is one."""
        return self._folder("fresh")

    @property
    def scripts(self) -> Path:
        """Which script uses which environment."""
        return self._folder("scripts")

    @property
    def locks(self) -> Path:
        """Locks of scripts that carry none."""
        return self._folder("locks")

    @property
    def wheels(self) -> Path:
        """Unpacked wheels, by their sha256."""
        return self._folder("wheels")

    @property
    def trash(self) -> Path:
        """What only waits to be deleted."""
        return self._folder("trash")

    @property
    def interpreters(self) -> Path:
        """What Pythons said of themselves."""
        return self._folder("interpreters")

    @property
    def http(self) -> Path:
        """Pages and files that pip fetched."""
        return self._folder("http")

    @property
    def virtualenv(self) -> Path:
        """What virtualenv remembers."""
        return self._folder("virtualenv")

    @property
    def fetched(self) -> Path:
        """Scripts that were given by URL, each in a folder of its own."""
        return self._folder("fetched")

    def _folder(self, name: str) -> Path:
        return self.root / "v1" / name

    def prepare(self) -> None:
        """Make the folders that are missing, after making sure that nobody else can write to them.

        Where nothing can be written, nothing is: what is ready can be used all the same.

        :raises CacheError: if somebody could, or the folders cannot be made; nothing is written then.
        """
        self._check_path()
        try:
            if not self.root.exists():
                self._check_place()
                self.root.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):  # somebody else was faster; what they made is looked at below
                    self.root.mkdir(mode=0o700)
            self._check_folder(self.root.lstat())
            for name in FOLDERS:
                self._folder(name).mkdir(parents=True, exist_ok=True)
            for name, text in {"CACHEDIR.TAG": TAG, ".gitignore": "*\n"}.items():
                with suppress(FileExistsError), (self.root / name).open("x", encoding="ascii") as file:
                    file.write(text)
        except OSError as error:
            if error.errno in READ_ONLY and os.access(self.environments, os.X_OK):
                return
            reason = error.strerror or str(error)
            raise CacheError(f"the cache {self.root} cannot be used: {reason}", _ELSEWHERE) from error

    def check_readable(self) -> None:
        """Return if what is there can be read, or nothing is there; nothing is made.

        :raises CacheError: if it is somebody else's alone, or no folder.
        """
        try:
            list((self.root / "v1").iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise CacheError(f"the cache {self.root} cannot be read: {error.strerror}", _ELSEWHERE) from error

    def _check_path(self) -> None:
        if self.root.parts[:1] == ("~",):
            raise CacheError(_HOMELESS, _ELSEWHERE)  # older versions of platformdirs leave it at that
        if not self.root.is_absolute():
            raise CacheError(
                f"the cache folder must be an absolute path, not {self.root}", f"correct {VARIABLE}"
            )
        if os.pathsep in str(self.root).removeprefix(self.root.anchor):
            raise CacheError(f"the cache {self.root} has a {os.pathsep!r} in its path", _ELSEWHERE)
        try:
            str(self.root).encode()
        except UnicodeEncodeError as error:  # virtualenv takes no such path
            raise CacheError(f"the path of the cache {self.root} is not UTF-8", _ELSEWHERE) from error

    def _check_place(self) -> None:
        if sys.platform == "win32" or os.geteuid() != 0:
            return
        place = next(folder for folder in self.root.parents if folder.exists())
        if place.stat().st_uid != 0:
            # As with sudo, which may keep HOME: the user could never again write to what root makes there.
            reason = f"root would make the cache {self.root} in the folder of another user"
            raise CacheError(reason, f"use `sudo -H`, or {_ELSEWHERE}")

    def _check_folder(self, found: os.stat_result) -> None:
        if stat.S_ISLNK(found.st_mode):
            raise CacheError(f"the cache {self.root} is a symbolic link", f"set {VARIABLE} to where it leads")
        if not stat.S_ISDIR(found.st_mode):
            raise CacheError(f"the cache {self.root} is not a folder", _ELSEWHERE)
        if sys.platform == "win32":  # pragma: no cover - measured on Linux only
            return  # owners and modes mean nothing there; the user's own folder has an access list
        if found.st_uid != os.geteuid():
            raise CacheError(f"the cache {self.root} belongs to another user", _ELSEWHERE)
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            hint = f"take the right away with `chmod go-w {self.root}`"
            raise CacheError(f"other users may write to the cache {self.root}", hint)


_HOMELESS = "the home folder of this user is not known"
_ELSEWHERE = f"set {VARIABLE} to a folder of your own"
