"""Where a script comes from: a file, standard input, an open pipe, or a URL."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scriptlock import by_path, by_text
from scriptlock.addresses import is_url
from scriptlock.disk import SYSTEM, append
from scriptlock.errors import FileTrouble

if TYPE_CHECKING:
    from scriptlock.cache.environments import Environment
    from scriptlock.cache.layout import Cache

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A script that can be read once, and how to hand it to a Python."""

    name: str
    """How to speak of it; no secret is in it."""
    file: Path | None = None
    """Where it lies; None if nobody but us has its text."""
    text: bytes = b""
    """What it says, if it lies nowhere."""
    is_ours: bool = False
    """It is a copy in the cache, which nobody wants to see changed."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of the user's."""
        return self.file is not None and not self.is_ours

    def prepare(self, **wishes: Any) -> Environment:
        """Return the environment that the script runs in, as :func:`scriptlock.by_text.prepare` does."""
        if self.file is None:
            return by_text.prepare(self.text, **wishes).environment
        return by_path.sync_file(self.file, write=not self.is_ours, **wishes)

    def words(self, arguments: Sequence[str]) -> list[str]:
        """Return what a Python is to be started with; a text that lies nowhere is put where it looks then."""
        if self.file is not None:
            # By the name that it was given: a script may start itself by what it is called.
            return [name_for_python(os.fspath(self.file) if self.is_ours else self.name), *arguments]
        # Not an argument of -c: that has a limit, and everybody could read it in the list of processes.
        descriptor = _anonymous_file(self.text)
        if self.name == STANDARD_INPUT:
            os.dup2(descriptor, 0)
            return [STANDARD_INPUT, *arguments]
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the only way to call it
        return [f"/dev/fd/{descriptor}", *arguments]


def name_for_python(path: str) -> str:
    """Return the path so that Python does not take it for an option."""
    return f"./{path}" if path.startswith("-") else path


def find_source(word: str, cache: Cache, *, refresh: bool = False, offline: bool = False) -> Source:
    """Return the script that PATH names on the command line, after reading it if that can be done only once.

    :param refresh: look again at a URL that was fetched before.
    :raises FileTrouble: if standard input or a pipe cannot be read.
    :raises ScriptlockError: as :func:`scriptlock.cache.fetched.fetched_script`.
    """
    if is_url(word):
        from scriptlock.cache.fetched import fetched_script

        copy = fetched_script(cache, word, refresh=refresh, offline=offline)
        return Source(name=shown(word), file=copy, is_ours=True)
    if word == STANDARD_INPUT:
        return Source(name=word, text=_read_standard_input())
    if _is_open_pipe(word):
        return Source(name=word, text=_read_pipe(word))
    return Source(name=word, file=Path(word))


def shown(word: str) -> str:
    """Return how to speak of what PATH names."""
    if not is_url(word):
        return word
    from scriptlock.pip_configuration import redact

    return redact(word)


def _is_open_pipe(path: str) -> bool:
    """Return whether the path is that of a descriptor, as a shell's ``<(command)`` is, and a pipe."""
    # Somebody may have to be waited for behind a pipe that has a name; those are refused later on.
    if not path.startswith(("/dev/", "/proc/")):
        return False
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except OSError:
        return False


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise FileTrouble("standard input cannot be read: it is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise FileTrouble(f"standard input cannot be read: {error.strerror or error}") from error


def _read_pipe(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileTrouble(f"the pipe cannot be read: {error.strerror or error}") from error


def _anonymous_file(text: bytes) -> int:
    """Return a descriptor of a file that has no name, at its beginning."""
    if sys.platform == "linux":
        # Python puts the folder of a script on its path. Behind this descriptor, that is the root folder,
        # not that of temporary files, where everybody may put modules.
        descriptor = os.memfd_create("script")
    else:  # pragma: no cover - measured on Linux only
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    append(SYSTEM, descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
