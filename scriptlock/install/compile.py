"""Starting the process that compiles wheels, and letting go of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import STORE
from scriptlock.interpreters import Interpreter
from scriptlock.process import clean_environment

DETACHED = '"$@" </dev/null >/dev/null 2>&1 &'
"""For a shell, which ends at once: the script that takes our place has no child that it did not start."""


def python_name(interpreter: Interpreter) -> str:
    """Return what the store calls the bytecode of an interpreter.

    Bytecode of one minor version is the same for all its releases, and not yet for prereleases.
    """
    version = interpreter.version
    exact = str(version) if version.is_prerelease else f"{version.major}.{version.minor}"
    return f"{interpreter.implementation.lower()}-{exact}"


def compile_in_background(cache: Cache, interpreter: Interpreter, digests: Sequence[str]) -> None:
    """Start compiling those wheels for the interpreter; say nothing, wait for nothing.

    The process outlives this one, holds no environment, and its priority is the lowest there is.

    Nothing happens for a cache that will be gone soon.

    :param digests: of wheels in the store.
    """
    if os.name != "posix" or not digests or cache.is_temporary:
        return
    import subprocess

    from scriptlock.install import bytecode

    python = [str(interpreter.executable), "-I", "-S", bytecode.__file__]
    work = [str(cache.wheels), str(cache.leases / STORE), python_name(interpreter), *digests]
    with suppress(OSError):  # there is no shell: whoever imports a module will compile it
        subprocess.run(
            ["/bin/sh", "-c", DETACHED, "sh", *python, *work],
            cwd=Path(os.sep),
            env=clean_environment(os.environ),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
