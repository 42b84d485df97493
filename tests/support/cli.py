"""The command as its users start it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SECONDS = 120
"""How long a command may take before the test fails."""
NOT_STARTED = 125
"""The status of ``run`` when it could not start the script."""
IN_A_GONE_FOLDER = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh"]
"""What starts a program after removing its working folder, which must be empty."""

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # from linux/prctl.h and linux/capability.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Cli(Protocol):
    """Runs the command to its end."""

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        under: Sequence[str] = (),
    ) -> Done:
        """Run ``scriptlock`` with these arguments.

        :param cwd: its working folder; a test's own tmp_path without one.
        :param env: variables on top of those of the test.
        :param stdin: its standard input; empty without one.
        :param under: a program that starts it, and that program's arguments.
        """
        ...


def command(*args: str | Path) -> list[str]:
    """Return what starts ``scriptlock`` with these arguments."""
    return [sys.executable, "-m", "scriptlock", *map(str, args)]


def run_cli(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    under: Sequence[str] = (),
) -> Done:
    """Run ``scriptlock`` with these arguments; see :class:`Cli`."""
    done = subprocess.run(
        [*under, *command(*args)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin or "",
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


def powerless() -> list[str]:
    """Return what starts a program for which file permissions count, even where the tests are run by root."""
    if os.geteuid() != 0:
        return []
    rights = (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)
    drop = "; ".join(f"ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {right}, 0, 0, 0)" for right in rights)
    return [
        sys.executable,
        "-c",
        f"import ctypes; {drop}; import os, sys; os.execv(sys.argv[1], sys.argv[1:])",
    ]
