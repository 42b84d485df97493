"""What `check` and `lock` need not look at again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock import launch, memo
from scriptlock.cache.layout import Cache
from support.cli import Cli, Done, command
from support.index import Index
from support.scripts import script
from support.warm import FOOTER, TEXT, hermit, locked, new_cache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A script whose lock is known to be fresh."""
    new_cache()
    path = tmp_path / "report.py"
    path.write_text(TEXT)
    for verb in ("check", "lock"):
        note(verb, path)
    return path


def note(verb: str, *paths: Path) -> None:
    """Let the slow way find that the locks are fresh."""
    fresh = memo.FreshLocks(verb)
    for path in paths:
        assert not fresh.knows(str(path))
        if path.exists():
            fresh.add(path.read_bytes())
    fresh.save()


def is_known(verb: str, *paths: Path) -> bool:
    """Return whether the command ends without looking."""
    try:
        launch.start([verb, *map(str, paths)])
    except SystemExit as end:
        return end.code == 0
    return False


@pytest.mark.parametrize("verb", ["check", "lock"])
def test_a_lock_that_was_found_fresh_is_known_to_be(path: Path, verb: str) -> None:
    assert is_known(verb, path)
    assert not is_known("strip", path)


def test_of_many_scripts_all_must_be_known(path: Path) -> None:
    other = path.with_name("other.py")
    other.write_text(locked("idna"))

    before = is_known("check", path, other)
    note("check", other)

    assert (before, is_known("check", path, other)) == (False, True)
    assert not is_known("check", path, path.with_name("missing.py"))


def test_of_very_many_scripts_all_must_be_known(path: Path) -> None:
    others = [path.with_name(f"{number}.py") for number in range(launch.FEW)]
    for other in others:
        other.write_text(locked("idna", shebang=f"/{other.name}"))
    note("check", *others[:-1])

    before = is_known("check", path, *others)
    note("check", others[-1])

    assert (before, is_known("check", path, *others)) == (False, True)


def test_an_option_may_want_another_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    Path("-U").write_text(TEXT)

    assert is_known("lock", path)
    assert not is_known("lock", path, Path("-U"))


@given(at=st.integers(0, len(TEXT)), instead=st.sampled_from(["", "\n", "x", "\0", "\r", "'''", "# ///\n"]))
def test_any_other_text_is_looked_at(at: int, instead: str) -> None:
    with hermit() as path:
        path.write_text(TEXT)
        note("check", path)
        other = TEXT[:at] + instead + TEXT[at + 1 :]

        path.write_text(other)

        assert is_known("check", path) is (other == TEXT)


def test_other_variables_may_have_another_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTLOCK_ANYTHING", "1")

    assert not is_known("check", path)


def test_other_pythons_may_want_another_lock(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert (is_known("lock", path), is_known("check", path)) == (False, True)


def test_only_the_text_that_was_looked_at_is_known(path: Path) -> None:
    fresh = memo.FreshLocks("check")
    looked_at = locked("rich", shebang="/x")
    fresh.add(looked_at.encode())
    path.write_text(locked("idna"))

    fresh.save()

    other = is_known("check", path)
    path.write_text(looked_at)
    assert (other, is_known("check", path)) == (False, True)


def test_circumstances_that_change_while_it_is_looked_at_make_it_new(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(locked("idna"))
    fresh = memo.FreshLocks("lock")
    fresh.add(path.read_bytes())
    monkeypatch.setenv("PATH", str(tmp_path))

    fresh.save()

    assert not is_known("lock", path)


def test_only_so_much_is_remembered(path: Path) -> None:
    file = Cache.default().root / launch.FRESH
    before = set(file.read_bytes().split())
    path.write_text(locked("idna"))
    few = memo.FreshLocks("check", most=len(before))
    assert not few.knows(str(path))
    few.add(path.read_bytes())

    few.save()

    assert len(before) == 2
    assert file.read_bytes().split() == [launch.fresh_name(path.read_bytes(), launch.circumstances("check"))]


def test_what_several_note_at_once_is_all_known(path: Path) -> None:
    others = [path.with_name(f"{number}.py") for number in range(2)]
    at_once = [memo.FreshLocks("check"), memo.FreshLocks("check")]
    for fresh, other in zip(at_once, others, strict=True):
        other.write_text(locked("idna", shebang=f"/{other.name}"))
        fresh.add(other.read_bytes())

    for fresh in at_once:
        fresh.save()

    assert is_known("check", path, *others)


def test_a_line_that_was_not_written_to_its_end_is_no_loss_but_its_own(path: Path) -> None:
    file = Cache.default().root / launch.FRESH
    file.write_bytes(file.read_bytes() + b"0123")
    other = path.with_name("other.py")
    other.write_text(locked("idna"))

    note("check", other)

    assert is_known("check", path, other)


def test_without_a_cache_nothing_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(TEXT)

    note("check", path, tmp_path / "missing.py")

    assert not Cache.default().root.exists()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        pytest.param(script("rich"), [], id="not locked"),
        pytest.param(script("idna") + FOOTER, [], id="stale"),
        pytest.param("print()\n", [], id="no header"),
        pytest.param(f"{TEXT}# the end\n", [], id="odd"),
        pytest.param(script("rich"), ["--locked-only"], id="passed over"),
        pytest.param(TEXT.replace("# <<<", "# <<"), [], id="broken"),
    ],
)
def test_what_is_not_simply_fresh_is_said_every_time(
    tmp_path: Path, cli: Cli, text: str, arguments: list[str]
) -> None:
    new_cache()
    path = tmp_path / "a.py"
    path.write_text(text)

    first, second = cli("check", *arguments, path), cli("check", *arguments, path)

    assert first == second
    assert not (Cache.default().root / launch.FRESH).exists()


@pytest.mark.parametrize("verb", ["check", "lock"])
def test_the_second_time_nothing_is_loaded_to_say_yes(
    tmp_path: Path, index: Index, cli: Cli, verb: str
) -> None:
    new_cache()
    path = tmp_path / "a.py"
    path.write_text(script())
    cli("lock", path)
    first = cli(verb, path)
    index.break_down()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    argv = [sys.executable, "-X", "importtime", *command(verb, path)[1:]]

    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=True)

    assert first == Done(code=0, out="", err="")
    assert "click" not in done.stderr
    assert done.stdout == ""
