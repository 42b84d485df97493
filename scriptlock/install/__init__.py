"""Who fills an environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from scriptlock.model import Pin


class Installer(Protocol):
    """Puts exactly the given pins into a virtual environment that holds nothing yet."""

    def install(self, pins: Sequence[Pin], python: Path, lease: int, /) -> None:
        """Install; every file is checked against its pin's hashes before it is trusted.

        :param pins: those that apply to the environment, one for each name.
        :param python: the environment's own interpreter.
        :param lease: a descriptor that every child process must inherit, so that an orphaned
            installer keeps the environment locked until it is gone.
        :raises InstallError: with the reason and what to do.
        """
        ...
