"""A Python that environments were made from does not stay what it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scriptlock
from faults.locks import Locked
from support.cli import SECONDS, Cli, Done

pytestmark = pytest.mark.usefixtures("unmeasured")

BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python of its own that nobody misses."""
    path = tmp_path / "python" / "bin" / BASE.name
    path.parent.mkdir(parents=True)
    shutil.copy2(BASE, path)
    done = subprocess.run([path, "-c", "import json"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a copy of this Python does not find its standard library")
    return path


@pytest.fixture
def ours(python: Path, tmp_path: Path) -> Path:
    """The python of an environment of that Python in which scriptlock can be imported."""
    folder = tmp_path / "ours"
    subprocess.run([python, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    (site,) = folder.glob("lib/*/site-packages")
    packages = [path for path in sys.path if path.endswith("-packages")]
    lines = [str(Path(scriptlock.__file__).parent.parent), *packages]
    (site / "ours.pth").write_text("\n".join(lines))
    return folder / "bin" / "python"


def run_by(ours: Path, script: Locked) -> Done:
    """Run the script with scriptlock under that Python, by the warm start if there is a memo."""
    done = subprocess.run(
        [ours, "-m", "scriptlock", "run", script.path],
        cwd=script.path.parent,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


def unchanged(path: Path) -> None:
    """Leave it as it is."""


def upgraded(path: Path) -> None:
    """Put the next patch release in its place."""
    shutil.copy(path, path.with_name("next"))
    path.with_name("next").replace(path)


def touched(path: Path) -> None:
    """Write to the file itself."""
    os.utime(path, (1, 1))


def upgraded_reproducibly(path: Path) -> None:
    """Put another file of the same size and time in its place."""
    shutil.copy2(path, path.with_name("next"))
    path.with_name("next").replace(path)


def test_a_python_that_was_changed_gets_an_environment_of_its_own(
    python: Path, ours: Path, demo: Locked
) -> None:
    builds = []
    for change in (unchanged, upgraded, touched, upgraded_reproducibly):
        change(python)
        first, second = run_by(ours, demo), run_by(ours, demo)
        assert (first.code, first.err, demo.is_right(first.out)) == (0, "", True)
        assert second == first
        builds.append(first.out)

    assert len(set(builds)) == 4


def test_the_environment_of_a_python_that_is_gone_is_never_used(python: Path, demo: Locked, cli: Cli) -> None:
    before = cli("run", "--python", python, demo.path)
    python.unlink()

    named = cli("run", "--python", python, demo.path)
    other = cli("run", demo.path)

    assert demo.is_right(before.out)
    assert (named.code, named.out, "Traceback" in named.err) == (125, "", False)
    assert named.err.startswith(f"scriptlock: {demo.path}: {python} ")
    assert (other.code, demo.is_right(other.out), other.out == before.out) == (0, True, False)


def test_another_minor_at_the_same_path_is_seen_as_what_it_is(python: Path, demo: Locked, cli: Cli) -> None:
    script = demo.path.with_name("version.py")
    body = demo.path.read_text().replace("import demo\n", "print(sys.version_info[1]); import demo\n")
    script.write_text(body)
    before = cli("run", "--python", python, script)
    status = python.stat()

    shutil.copy(another_minor(), python.with_name("next"))
    python.with_name("next").replace(python)
    # Distributions that can be built reproducibly give all their files the same time.
    os.utime(python, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = cli("run", "--python", python, script)

    assert (before.code, before.out.split()[0]) == (0, str(sys.version_info[1]))
    assert (after.code, after.err) == (0, "")
    assert after.out.split()[0] != str(sys.version_info[1])
    assert demo.is_right(after.out.split("\n", 1)[1])


def another_minor() -> Path:
    """Return a Python of this machine of another minor release."""
    names = [f"python3.{minor}" for minor in range(11, 15)]
    beside = [path for name in names for path in Path(sys.base_prefix).parent.glob(f"*/bin/{name}")]
    ask = "import os, sys; print(sys.version_info[1], os.path.realpath(sys.executable))"
    elsewhere = [Path(path) for name in names if (path := shutil.which(name))]
    for found in (*beside, *elsewhere):
        done = subprocess.run([found, "-c", ask], capture_output=True, text=True, check=False)
        minor, _, path = done.stdout.strip().partition(" ")
        if path and int(minor) != sys.version_info[1]:
            return Path(path)
    pytest.skip("there is only one Python here")
