"""What fills an environment is asked for, and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeGuard

from scriptlock.interpreters import Interpreter
from scriptlock.model import Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyEnvironment:
    """A virtual environment that nothing was installed into yet."""

    python: Path
    """Its own interpreter."""
    interpreter: Interpreter
    """What it was made from."""
    schemes: Mapping[str, Path]
    """Its folders for the parts of a wheel (PEP 427): data, headers, platlib, purelib, scripts."""
    lease: int
    """A descriptor that every child process which writes into it must inherit, so that an orphaned
    installer keeps the environment locked until it is gone."""


class Installer(Protocol):
    """Puts exactly the given pins into a virtual environment that holds nothing yet."""

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        """Install; every file is checked against its pin's hashes before it is trusted.

        :param pins: those that apply to the environment, one for each name.
        :param offline: raise instead of fetching anything.
        :raises InstallError: with the reason and what to do.
        :raises Offline: naming what would have to be fetched.
        """
        ...


Fill = Callable[[EmptyEnvironment], None]
"""Installs what an installer was told before; raises what it does."""


class Hasty(Protocol):
    """An installer that has work to do for which there need be no environment yet."""

    def begin_install(
        self, pins: Sequence[Pin], interpreter: Interpreter, /, *, offline: bool
    ) -> AbstractContextManager[Fill]:
        """Begin with it, and give what does the rest of :meth:`Installer.install`, in the same block."""
        ...


def is_hasty(installer: Installer) -> TypeGuard[Hasty]:
    """Return whether an installer can begin with what it would do when asked to install.

    One that is inherited, or somebody else's, would pass over an ``install`` of the installer's own.
    """
    spaces = (getattr(installer, "__dict__", {}), *map(vars, type(installer).__mro__))
    return next(("begin_install" in space for space in spaces if "install" in space), False)
