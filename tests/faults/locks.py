"""Scripts with a lock that nobody had to resolve, and that say themselves whether they ran right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

import scriptlock
from scriptlock.model import Lock
from support.index import Index
from support.installers import pin_of
from support.scripts import script
from support.wheels import wheel

BODY = """
import os, sys, time
import demo
receipt = os.stat(os.path.join(sys.prefix, "scriptlock.json"))
time.sleep(float(os.environ.get("DAWDLE", "0")))
import demo.late
print(demo.__version__, demo.late.VERSION, f"{receipt.st_ino}-{receipt.st_mtime_ns}", flush=True)
"""
"""Prints the version twice, the second time out of a module that is imported late, and which build it was."""
FILES = 20
"""How many modules there are: enough that a kill falls between two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A script with its lock, and the version that it wants of its one package."""

    path: Path
    text: bytes
    version: str

    def is_right(self, out: str) -> bool:
        """Return whether that is what it prints when it runs with exactly its pins."""
        return out.split()[:2] == [self.version, self.version]


def lock_by_hand(index: Index, folder: Path, version: str) -> Locked:
    """Return a script of its own for that version, which the index offers from now on."""
    files = {f"demo/module_{number}.py": f"NUMBER = {number}\n" * 100 for number in range(FILES)}
    files |= {"demo/__init__.py": f'__version__ = "{version}"\n', "demo/late.py": f'VERSION = "{version}"\n'}
    demo = wheel("demo", version, files=files)
    index.add(demo)
    text = script(f"demo=={version}", body=BODY).encode()
    header = scriptlock.parse(text).header
    assert header is not None
    lock = Lock(pins=(pin_of(demo),), environments=(Marker("os_name != 'plan9'"),), inputs=header.inputs)
    folder.mkdir(exist_ok=True)
    path = folder / f"wants-{version}.py"
    path.write_bytes(scriptlock.embed(text, lock))
    return Locked(path=path, text=path.read_bytes(), version=version)
