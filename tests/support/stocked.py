"""A wheel store that was filled without any index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import STORE
from scriptlock.install import bytecode
from scriptlock.install.compile import python_name
from scriptlock.install.shelves import Shelves
from scriptlock.install.shelving import shelve
from scriptlock.interpreters import Interpreter
from support.installers import pin_of
from support.wheels import Wheel


def stock(cache: Cache, *wheels: Wheel) -> Shelves:
    """Put wheels into the store of a cache."""
    cache.prepare()
    shelves = Shelves(cache)
    with TemporaryDirectory() as folder:
        for wheel in wheels:
            archive = Path(folder, wheel.filename)
            archive.write_bytes(wheel.content)
            shelve(shelves, archive, wheel.filename, wheel.sha256, pin_of(wheel))
    return shelves


def compile_now(cache: Cache, interpreter: Interpreter, digests: list[str]) -> None:
    """Compile wheels of the store, and wait for it."""
    work = [str(cache.wheels), str(cache.leases / STORE), python_name(interpreter), *digests]
    subprocess.run([sys.executable, "-I", bytecode.__file__, *work], check=True)
