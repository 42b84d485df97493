"""Compiling the wheels of the store for one Python; run as a program by that Python, in the background.

``python -I -S bytecode.py STORE LEASE PYTHON SHA256...`` leaves ``STORE/SHA256/PYTHON`` for each wheel
that has none yet. It may be any Python since 3.9, and finds nothing but its standard library.

Tests, which are a third of some packages, are left to whoever imports them.

Bytecode names the modification time of its source, which is the same wherever the file is linked;
the path in it is put right by whoever imports it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, PyCompileError
from py_compile import compile as compile_module

LOWEST = 19
"""How nice a process can be."""


def main(store: str, lease: str, python: str, *digests: str) -> None:
    """Compile wheels, one after the other, and after whoever else is at it."""
    import fcntl  # Windows has none

    _step_back()
    with Path(lease).open("ab") as wheels, Path(f"{lease}-{python}").open("ab") as turn:
        fcntl.flock(wheels, fcntl.LOCK_SH)
        fcntl.flock(turn, fcntl.LOCK_EX)
        for digest in digests:
            folder = Path(store, digest)
            if folder.is_dir() and not (folder / python).exists():
                _compile(Path(store), folder, python)


def _step_back() -> None:
    """Let everybody else go first, the script that is about to start above all."""
    os.nice(LOWEST)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _compile(store: Path, wheel: Path, python: str) -> None:
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=store))
    try:
        files = []
        for path, _ in json.loads((wheel / "wheel.json").read_bytes())["files"]:
            if path.endswith(".py") and "tests" not in path.split("/"):
                compiled = cache_from_source(path)
                target = made / "content" / compiled
                if _compile_module(wheel / "content" / path, target, path):
                    files.append((compiled, target.stat().st_size))
        folders = {parent.as_posix() for path, _ in files for parent in Path(path).parents} - {"."}
        told = {"folders": sorted(folders), "files": files}
        (made / "bytecode.json").write_text(json.dumps(told, separators=(",", ":")), "utf-8")
        made.rename(wheel / python)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _compile_module(source: Path, target: Path, name: str) -> bool:
    """Return whether it could be compiled; some modules are templates, or for another Python."""
    mode = PycInvalidationMode.TIMESTAMP  # the default depends on SOURCE_DATE_EPOCH
    try:
        compile_module(str(source), str(target), name, doraise=True, invalidation_mode=mode)
        target.chmod(0o444)
    except (PyCompileError, SyntaxError, ValueError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    main(*sys.argv[1:])
