from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Cli, Done
from support.index import Index
from support.scripts import RICH_SHOWN, edit, script


@pytest.fixture
def cached(
    report: Path, packages: Index, cli: Cli, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A script whose lock is in the cache; the index is out of order by now."""
    monkeypatch.setenv("SCRIPTLOCK_CACHE_DIR", str(shared_cache))
    assert cli("run", report).code == 0
    packages.break_down()
    packages.reset()
    return report


def test_the_lock_in_the_cache_becomes_the_script_s_own(cached: Path, packages: Index, cli: Cli) -> None:
    done = cli("lock", "--from-cache", cached)

    assert done == Done(code=0, out="+ idna 3.19\n+ rich 15.0.0\n", err="")
    assert cli("check", cached).code == 0
    assert cli("run", "--locked", cached) == Done(code=0, out=RICH_SHOWN, err="")
    assert packages.requests == []


def test_what_would_be_embedded_can_be_seen_before(cached: Path, cli: Cli) -> None:
    before = cached.read_bytes()

    dry, checked = (
        cli("lock", "--from-cache", "--dry-run", cached),
        cli("lock", "--from-cache", "--check", cached),
    )

    assert dry == Done(code=0, out="+ idna 3.19\n+ rich 15.0.0\n", err="")
    assert (checked.code, cached.read_bytes()) == (1, before)


def test_an_embedded_lock_is_as_old_as_it_was_in_the_cache(cached: Path, cli: Cli) -> None:
    cli("lock", "--from-cache", cached)

    done = cli("run", "--max-age", "0h", cached)

    assert done.err == f"scriptlock: {cached}: its lock is 0 hours old; --upgrade resolves it anew\n"


def test_a_lock_for_another_header_is_not_taken(cached: Path, packages: Index, cli: Cli) -> None:
    edit(cached, '"rich"', '"idna"')
    before = cached.read_bytes()

    done = cli("lock", "--from-cache", cached)

    assert done == Done(
        code=2,
        out="",
        err=f"scriptlock: {cached}: the cache keeps no lock for this header and Python\n"
        "hint: run the script once, or lock it without --from-cache\n",
    )
    assert (cached.read_bytes(), packages.requests) == (before, [])


def test_a_script_without_a_header_has_no_lock_to_take(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "bare.py"
    path.write_text("print()\n")

    done = cli("lock", "--from-cache", path)

    assert done.code == 2
    assert "there is no `# /// script` header" in done.err


def test_a_lock_out_of_the_cache_cannot_be_chosen_anew(cached: Path, cli: Cli) -> None:
    upgrade, one = (cli("lock", "--from-cache", *words, cached) for words in (["-U"], ["-P", "idna"]))

    assert (upgrade.code, one.code) == (2, 2)
    assert "--from-cache and --upgrade contradict each other" in upgrade.err
    assert "--from-cache and --upgrade-package contradict each other" in one.err


def test_one_script_without_a_cached_lock_does_not_stop_the_others(
    cached: Path, tmp_path: Path, cli: Cli
) -> None:
    other = tmp_path / "other.py"
    other.write_text(script("idna"))

    done = cli("lock", "--from-cache", other, cached)

    assert done.code == 2
    assert ("# >>>" in other.read_text(), "# >>>" in cached.read_text()) == (False, True)
