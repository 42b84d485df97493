"""Pythons of any version: each is the one that runs the tests, and says otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.version import Version

LEVELS = {"a": "alpha", "b": "beta", "rc": "candidate"}

LIAR = """\
#!{python} -S
import collections, os, platform, runpy, sys, sysconfig

if os.path.isdir(sys.argv[-1]) or ".whl" in sys.argv[-1]:
    # Where packaging is, which is written for the real version and has to be imported before the lie.
    sys.path.append(sys.argv[-1])
    import packaging.markers, packaging.tags
with open({log!r}, "a") as log:
    log.write(os.path.basename(sys.argv[-1]) + "\\n")
info = collections.namedtuple("version_info", "major minor micro releaselevel serial")
sys.version_info = info({major}, {minor}, {micro}, {level!r}, {serial})
platform.python_version = lambda: {version!r}
platform.python_version_tuple = lambda: ("{major}", "{minor}", "{micro}")
platform.python_implementation = lambda: {implementation!r}
sys.implementation.name = {implementation!r}.lower()
sys.pypy_version_info = (7, 3, 20)
sys.executable = sys._base_executable = {place!r}
sys.argv = [word for word in sys.argv[1:] if not word.startswith("-")]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def fake_python(
    folder: Path, version: str, *, name: str = "python3", implementation: str = "CPython"
) -> Path:
    """Return a Python of that version; ``<name>.log`` beside it has a line each time it was started."""
    folder.mkdir(parents=True, exist_ok=True)
    parsed = Version(version)
    level, serial = parsed.pre or ("final", 0)
    place = folder / name
    text = LIAR.format(
        python=Path(getattr(sys, "_base_executable", sys.executable)).resolve(),
        log=str(place.with_name(f"{name}.log")),
        major=parsed.major,
        minor=parsed.minor,
        micro=parsed.micro,
        level=LEVELS.get(level, level),
        serial=serial,
        version=version,
        implementation=implementation,
        place=str(place),
    )
    place.write_text(text, "utf-8")
    place.chmod(0o755)
    return place


def starts(python: Path) -> int:
    """Return how often a fake Python was started."""
    log = python.with_name(f"{python.name}.log")
    return len(log.read_text("utf-8").splitlines()) if log.exists() else 0
