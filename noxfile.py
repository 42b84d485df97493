"""The project's chores: ``nox`` runs the quick ones, ``nox -s NAME`` any of them."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = False

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
SHIPPED = {"scriptlock", "tests", "docs", "examples", "benchmarks"}
"""The folders that a source distribution may hold."""


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on every Python that is there."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests, and say which lines they leave out; takes half as long again."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "2", "--cov", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill, interrupt and starve what builds and runs for many minutes; figures are printed at the end."""
    session.install("-e", ".[test]")
    minutes = session.posargs[0] if session.posargs else "10"
    session.run("pytest", "tests/faults", "-rP", env={"FAULTS": minutes})


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes, and for code that is not formatted."""
    session.install(".[lint]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of package, tests and this file."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def examples(session: nox.Session) -> None:
    """Lock a copy of every example against the real index, and run it twice, the second time offline."""
    session.install(".")
    folder = Path(session.create_tmp())
    environ = {"SCRIPTLOCK_CACHE_DIR": str(folder / "cache")}
    for example in sorted(Path("examples").glob("*.py")):
        copy = shutil.copy(example, folder)
        session.run("scriptlock", "check", str(example), env=environ)
        session.run("scriptlock", "strip", copy, env=environ)
        session.run("scriptlock", "lock", copy, env=environ)
        session.run("scriptlock", "run", copy, env=environ)
        session.run("scriptlock", "run", "--offline", "--locked", copy, env=environ)


@nox.session
def dist(session: nox.Session) -> None:
    """Build what is published, look inside, and start it from a fresh environment."""
    session.install("build")
    built = Path(session.create_tmp(), "dist")
    shutil.rmtree(built, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(built))
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    _look_inside(session, wheel, sdist)
    fresh = built / "fresh"
    session.run("python", "-m", "venv", str(fresh))
    session.run(str(fresh / "bin" / "python"), "-m", "pip", "install", "-q", str(wheel), external=True)
    told = session.run(str(fresh / "bin" / "scriptlock"), "--version", external=True, silent=True)
    if wheel.name.split("-")[1] not in str(told):
        session.error(f"{wheel.name} calls itself {told}")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside uv, pipx, pip and pip-tools; arguments go to benchmarks/__main__.py."""
    session.install(".[bench]")
    session.run("python", "benchmarks", *session.posargs)


def _look_inside(session: nox.Session, wheel: Path, sdist: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = opened.read(metadata).decode()
    folders = {name.split("/")[0] for name in names}
    if folders != {"scriptlock", metadata.split("/")[0]} or "scriptlock/py.typed" not in names:
        session.error(f"{wheel.name} holds {sorted(folders)}, or no py.typed")
    for line in ("License-Expression: MIT", "Requires-Python: >=3.11", "License-File: LICENSE"):
        if f"\n{line}\n" not in told:
            session.error(f"{wheel.name} does not say `{line}`")
    with tarfile.open(sdist) as opened_sdist:
        inside = [name.split("/")[1:] for name in opened_sdist.getnames()]
    unwanted = {parts[0] for parts in inside if len(parts) > 1} - SHIPPED
    if unwanted or ["LICENSE"] not in inside or ["PKG-INFO"] not in inside:
        session.error(f"{sdist.name} holds {sorted(unwanted)}, or no LICENSE")
