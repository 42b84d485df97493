from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, Cli, Done
from support.index import Index
from support.scripts import RICH_SHOWN, edit

pytestmark = pytest.mark.usefixtures("unmeasured")

DAY = 24 * 60 * 60


@pytest.fixture
def ready(ready: Path, shared_cache: Path) -> Path:
    """The same, of whose age nothing is known; other tests have the same lock."""
    for path in (shared_cache / "v1" / "locks").glob("*.known"):
        path.unlink()
    return ready


def aged(path: Path, *, days: float) -> None:
    """Let a file be as old as that."""
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def test_an_old_cached_lock_is_warned_of_and_used_all_the_same(
    report: Path, packages: Index, cli: Cli
) -> None:
    cli("run", report)
    (kept,) = Path(os.environ["SCRIPTLOCK_CACHE_DIR"], "v1", "locks").glob("*.py")
    aged(kept, days=31.5)
    packages.reset()

    old, young = cli("run", "--max-age", "30d", report), cli("run", "--max-age", "5w", report)

    assert old == Done(
        code=0,
        out=RICH_SHOWN,
        err=f"scriptlock: {report}: its lock is 31 days old; --upgrade resolves it anew\n",
    )
    assert (young, packages.requests) == (Done(code=0, out=RICH_SHOWN, err=""), [])


@pytest.mark.usefixtures("measured")
def test_a_lock_in_a_script_is_as_old_as_the_last_change_of_the_script(ready: Path, cli: Cli) -> None:
    aged(ready, days=1.9)

    old, young = cli("run", "--max-age", "24h", ready), cli("run", "--max-age", "2d", ready)

    assert (old.code, young) == (0, Done(code=0, out=RICH_SHOWN, err=""))
    assert old.err == f"scriptlock: {ready}: its lock is 45 hours old; --upgrade resolves it anew\n"


def test_editing_a_script_makes_a_lock_that_was_seen_before_no_younger(ready: Path, cli: Cli) -> None:
    aged(ready, days=40)
    cli("run", "--max-age", "30d", ready)
    edit(ready, "import importlib", "# edited\nimport importlib")

    done = cli("run", "--max-age", "30d", ready)

    assert "its lock is 40 days old" in done.err


@pytest.mark.parametrize("verb", ["run", "lock"])
def test_a_lock_that_was_resolved_anew_is_young_even_if_nothing_changed(
    ready: Path, cli: Cli, verb: str
) -> None:
    aged(ready, days=40)
    before = cli("run", "--max-age", "30d", ready)

    cli(verb, "--upgrade", ready)
    after = cli("run", "--max-age", "30d", ready)

    assert "40 days" in before.err
    assert after == Done(code=0, out=RICH_SHOWN, err="")


@pytest.mark.parametrize("age", ["30", "1y"])
def test_what_is_no_age_is_a_wrong_option(ready: Path, cli: Cli, age: str) -> None:
    done = cli("run", "--max-age", age, ready)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "is no age; write 30d, 12h or 2w, say" in done.err
