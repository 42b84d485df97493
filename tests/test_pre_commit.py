"""The hooks, called by the real pre-commit, which installs this very commit as anybody's would."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Cli
from support.index import Index
from support.scripts import script
from support.wheels import wheel

ROOT = Path(__file__).parents[1]
CONFIG = """\
repos:
  - repo: {repository}
    rev: {commit}
    hooks:
      - id: scriptlock-lock
      - id: scriptlock-check
"""

pytestmark = [
    pytest.mark.network,  # pre-commit builds the hooks' environment
    pytest.mark.skipif(importlib.util.find_spec("pre_commit") is None, reason="pre-commit is not installed"),
    pytest.mark.skipif(
        not (ROOT / ".git").exists(), reason="pre-commit clones a repository, and this is none"
    ),
]


def git(*args: str, cwd: Path) -> str:
    """Run git to its end and return what it printed."""
    command = ["git", *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def pre_commit(repository: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run pre-commit in a repository, with these variables on top."""
    command = [sys.executable, "-m", "pre_commit", *args]
    environ = {**os.environ, "NO_COLOR": "1", **variables}
    return subprocess.run(
        command, cwd=repository, env=environ, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture
def packages() -> Iterator[Index]:
    with Index() as opened:
        opened.add(wheel("left", "1.0"), wheel("right", "2.0"))
        yield opened


@pytest.fixture
def repository(tmp_path: Path, packages: Index, cli: Cli) -> Path:
    """A repository with a locked script, one without a lock, and both hooks installed."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "locked.py").write_text(script("left"))
    (folder / "unlocked.py").write_text(script("right"))
    (folder / ".pre-commit-config.yaml").write_text(
        CONFIG.format(repository=ROOT, commit=git("rev-parse", "HEAD", cwd=ROOT))
    )
    assert cli("lock", "locked.py", cwd=folder, env={"PIP_INDEX_URL": packages.url}).code == 0
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    installed = pre_commit(folder, "install-hooks")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return folder


def test_the_hooks_refresh_stale_locks_and_let_fresh_ones_pass(repository: Path, packages: Index) -> None:
    locked = repository / "locked.py"
    untouched = (repository / "unlocked.py").read_bytes()
    packages.reset()

    fresh = pre_commit(repository, "run", "--all-files", PIP_INDEX_URL=packages.url)

    assert (fresh.returncode, packages.requests) == (0, []), fresh.stdout

    locked.write_text(locked.read_text().replace('"left"', '"right"'))
    git("add", ".", cwd=repository)
    checked = pre_commit(repository, "run", "--all-files", "scriptlock-check", PIP_INDEX_URL=packages.url)

    assert (checked.returncode, packages.requests) == (1, [])
    assert "locked.py: dependencies changed since locking: +right -left" in checked.stdout

    refreshed = pre_commit(repository, "run", "--all-files", "scriptlock-lock", PIP_INDEX_URL=packages.url)
    git("add", ".", cwd=repository)
    again = pre_commit(repository, "run", "--all-files", PIP_INDEX_URL=packages.url)

    assert refreshed.returncode == 1
    assert "files were modified by this hook" in refreshed.stdout
    assert '# | right = "2.0"\n' in locked.read_text()
    assert again.returncode == 0, again.stdout
    assert (repository / "unlocked.py").read_bytes() == untouched
