from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptlock import launch, memo
from scriptlock.api import check
from scriptlock.by_path import which_file
from scriptlock.cache.layout import Cache
from scriptlock.errors import NotLocked, ScriptlockError, StaleLock
from scriptlock.script import parse
from support.scripts import script
from support.warm import (
    FOOTER,
    PINS,
    TEXT,
    environment_of,
    hermit,
    locked,
    look_ready,
    new_cache,
    remember,
)


@pytest.fixture
def cache() -> Cache:
    return new_cache()


@pytest.fixture
def path(tmp_path: Path, cache: Cache) -> Path:
    """A locked script that ran before."""
    path = tmp_path / "report.py"
    path.write_text(TEXT)
    remember(path, look_ready(cache, PINS["rich"]))
    return path


LINES = (
    "x = 1",
    "",
    "#",
    "# ///",
    "# /// script",
    "# /// other",
    '"""',
    "# coding: latin-1",
    "# | six = '1'",
    "# >>> scriptlock >>>",
    "# <<< scriptlock <<<",
    '# dependencies = ["six"]',
    "\ufeff",
    "\f",
    "é",
)
TEXTS = (
    TEXT,
    locked("idna"),
    script("rich"),
    script("idna"),
    script("idna") + FOOTER,
    script() + FOOTER,
    locked("rich", shebang="/bin/scriptlock run"),
    TEXT.replace("\n", "\r\n"),
    FOOTER + TEXT,
)
places = st.integers(0, 30)
edits = st.lists(
    st.tuples(st.just("insert"), places, st.sampled_from(LINES))
    | st.tuples(st.just("delete"), places, st.just(""))
    | st.tuples(st.just("put"), st.just(0), st.sampled_from(TEXTS)),
    min_size=1,
    max_size=6,
)


def edited(text: str, edit: tuple[str, int, str]) -> str:
    """Return the text as it is after an edit."""
    kind, line, new = edit
    if kind == "put":
        return new
    lines = text.split("\n")
    lines[line : line + (kind == "delete")] = [new] if kind == "insert" else []
    return "\n".join(lines)


def the_plain_way(path: Path) -> Path | None:
    """Return the environment that the script gets from those who parse it, None if it is not built."""
    python = which_file(path)
    return python and python.parent.parent


@given(edits)
@example([("put", 0, TEXT), ("insert", 12, '"""'), ("insert", 40, '"""')])
@example([("put", 0, script("rich")), ("put", 0, script("idna"))])
def test_whatever_is_edited_the_warm_start_never_takes_another_environment_than_the_slow_way(
    edits: list[tuple[str, int, str]],
) -> None:
    text = TEXT
    with hermit() as path:
        for edit in [("put", 0, TEXT), *edits]:
            text = edited(text, edit)
            path.write_text(text, "utf-8")
            warm = environment_of(path)
            try:
                plain = the_plain_way(path)
            except ScriptlockError:
                continue  # what no longer is a script runs as Python reads it: the body is not looked at
            assert warm in (None, plain)
            if plain is not None and (name := launch.memo_name(str(path))):
                memo.remember(name, str(path), str(plain))
                assert environment_of(path) == plain


bodies = st.lists(st.sampled_from(["x = 1", "", "#", "# note", "'''", "# | x", "é", "\ufeff", "\0"])).map(
    "\n".join
)


@given(above=bodies, below=bodies)
def test_edits_of_the_body_keep_the_start_warm(above: str, below: str) -> None:
    shebang = "#!/usr/bin/env -S scriptlock run\n\n"
    head, end, footer = TEXT.partition("# ///\n")
    assert footer
    with hermit() as path:
        path.write_text(shebang + "\n" + TEXT, "utf-8")
        environment = the_plain_way(path)
        assert environment is not None
        remember(path, environment)

        path.write_text(f"{shebang}{above}\n\n{head}{end}\n{below}\n{footer}", "utf-8")

        assert environment_of(path) == environment


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#!/bin/run\n", ""),
        ("#!/bin/run\n", "# coding: latin-1\n"),
        ("#!/bin/run\n", "#!/bin/run\n# coding: latin-1\n"),
        ("# /// script\n", "# /// other\n# /// script\n"),
        ("# /// script\n", "# /// scripts\n"),
        ("# /// script\n", "x = '''# /// script\n"),
        ("# /// script\n", "\ufeff# /// script\n"),
        ("# ///\n", "# ///\n# note\n"),
        ('#   "rich",', '#   "rich", '),
        ("# >>> scriptlock", " # >>> scriptlock"),
        ("# >>> scriptlock", "x # >>> scriptlock"),
        ("<<< scriptlock <<<", "<<< scriptlock <<< # x"),
        ('"1"', '"2"'),
        (FOOTER, ""),
        (FOOTER, FOOTER + FOOTER),
        (FOOTER, "# <<< scriptlock <<<\n# >>> scriptlock >>>\n"),
        ("# <<< scriptlock <<<", ""),
    ],
)
def test_edits_of_what_decides_on_the_environment_go_by_the_slow_way(path: Path, old: str, new: str) -> None:
    text = f"#!/bin/run\n\nimport sys\n{TEXT}"
    path.write_text(text)
    remember(path, look_ready(new_cache(), PINS["rich"]))
    assert environment_of(path) is not None
    assert old in text

    path.write_text(text.replace(old, new, 1), "utf-8")

    assert environment_of(path) is None


def test_a_script_that_lies_elsewhere_comes_by_the_slow_way_once(path: Path, cache: Cache) -> None:
    moved = path.rename(path.with_name("moved.py"))

    first = environment_of(moved)
    remember(moved, look_ready(cache, PINS["rich"]))

    assert first is None
    assert environment_of(moved) == look_ready(cache, PINS["rich"])


def test_another_way_to_the_same_file_is_warm(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = path.with_name("link.py")
    link.symlink_to(path.name)
    monkeypatch.chdir(path.parent)

    assert environment_of(Path("report.py")) == environment_of(link) == environment_of(path) is not None


def test_a_memo_that_was_damaged_names_nothing_else(path: Path, cache: Cache) -> None:
    (file,) = cache.memo.iterdir()
    whole = file.read_bytes()
    environment = environment_of(path)
    cut = [whole[:length] for length in range(len(whole))]
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]

    for text in [*cut, *flipped, whole + b"\n", b"\xff" * 100]:
        file.write_bytes(text)
        assert environment_of(path) is None

    file.write_bytes(whole)
    assert environment_of(path) == environment is not None


def no_receipt(environment: Path) -> None:
    (environment / "scriptlock.json").unlink()


def another_receipt(environment: Path) -> None:
    (environment / "scriptlock.json").write_text("{}")


def no_environment(environment: Path) -> None:
    environment.rename(environment.with_name("gone"))


def a_file_in_its_place(environment: Path) -> None:
    environment.rename(environment.with_name("gone"))
    environment.touch()


def no_lease(environment: Path) -> None:
    for lease in Cache.default().leases.iterdir():
        lease.unlink()


@pytest.mark.parametrize(
    "damage", [no_receipt, another_receipt, no_environment, a_file_in_its_place, no_lease]
)
def test_an_environment_that_is_not_what_it_was_is_not_used_and_not_held(
    path: Path, cache: Cache, damage: Callable[[Path], None]
) -> None:
    damage(look_ready(cache, PINS["rich"]))

    assert environment_of(path) is None


def test_a_python_that_was_replaced_is_looked_at_again(tmp_path: Path, cache: Cache) -> None:
    path, python = tmp_path / "a.py", tmp_path / "python3"
    path.write_text(TEXT)
    python.touch()
    remember(path, look_ready(cache, PINS["rich"], interpreter=python))
    before = environment_of(path)

    python.write_text("another")

    assert before is not None
    assert environment_of(path) is None


def test_a_python_that_was_searched_for_is_searched_again_when_there_may_be_others(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, python, commands = tmp_path / "a.py", tmp_path / "python3", tmp_path / "bin"
    path.write_text(TEXT)
    python.touch()
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}:/nowhere")
    remember(path, look_ready(cache, PINS["rich"], interpreter=python))

    before = environment_of(path)
    with mock.patch.dict(os.environ, PATH="/nowhere"):
        elsewhere = environment_of(path)
    (commands / "python3.99").touch()

    assert before is not None
    assert (elsewhere, environment_of(path)) == (None, None)


def test_what_a_cached_lock_was_good_for_is_asked_again_once_it_may_be_another(
    tmp_path: Path, cache: Cache
) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("rich"))
    remember(path, look_ready(cache, PINS["rich"]))
    before = environment_of(path)

    (cache.locks / "new.py").touch()

    assert before is not None
    assert environment_of(path) is None


def test_a_stale_lock_that_could_not_be_refreshed_depends_on_the_cached_one(
    tmp_path: Path, cache: Cache
) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("idna") + FOOTER)
    with pytest.raises(StaleLock):
        check(parse(path.read_bytes()))
    remember(path, look_ready(cache, PINS["idna"]))
    before = environment_of(path)

    (cache.locks / "new.py").touch()

    assert before is not None
    assert environment_of(path) is None


def test_a_lock_that_is_demanded_is_not_there_because_there_was_none_when_nobody_asked(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("rich"))
    with pytest.raises(NotLocked):
        check(parse(path.read_bytes()))
    remember(path, look_ready(cache, PINS["rich"]))

    monkeypatch.setenv("SCRIPTLOCK_LOCKED", "1")

    assert environment_of(path) is None


def test_a_script_that_changed_while_its_environment_was_built_is_not_remembered(
    path: Path, cache: Cache
) -> None:
    (written,) = cache.memo.iterdir()
    written.unlink()
    name = launch.memo_name(str(path))
    assert name is not None
    path.write_text(locked("idna"))

    memo.remember(name, str(path), str(look_ready(cache, PINS["rich"])))

    assert list(cache.memo.iterdir()) == []


def test_a_cache_that_cannot_be_written_to_is_only_slower(path: Path, cache: Cache) -> None:
    (written,) = cache.memo.iterdir()
    written.unlink()
    cache.memo.rmdir()
    cache.memo.touch()

    remember(path, look_ready(cache, PINS["rich"]))

    assert environment_of(path) is None
