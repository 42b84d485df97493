"""A script at each stage of its life, for the tests of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Cli
from support.index import Index
from support.scripts import script
from support.wheels import wheel


@pytest.fixture(scope="session")
def locked_texts() -> dict[str, str]:
    """Scripts that some test has locked, by name; the same index gives the same lock, so once is enough."""
    return {}


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for tests that are about scripts, not about how their environments are built."""
    return tmp_path_factory.mktemp("shared") / "scriptlock"


@pytest.fixture
def packages(index: Index) -> Index:
    """An index with one version each of rich and of idna, which rich wants."""
    index.add(wheel("rich", "15.0.0", requires=["idna>=3"]), wheel("idna", "3.19"))
    return index


@pytest.fixture
def report(packages: Index, tmp_path: Path) -> Path:
    """A script without a lock that wants rich, and shows what it sees."""
    path = tmp_path / "report.py"
    path.write_text(script("rich"))
    return path


@pytest.fixture
def locked(report: Path, packages: Index, cli: Cli, locked_texts: dict[str, str]) -> Path:
    """The same with its lock, made when there was nothing newer."""
    if "report" not in locked_texts:
        assert cli("lock", report).code == 0
        locked_texts["report"] = report.read_text()
        packages.reset()
    report.write_text(locked_texts["report"])
    return report


@pytest.fixture
def ready(locked: Path, cli: Cli, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with its environment built."""
    monkeypatch.setenv("SCRIPTLOCK_CACHE_DIR", str(shared_cache))
    assert cli("sync", locked).code == 0
    return locked
