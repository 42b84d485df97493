"""Files of the index that take the place of locked ones are not locked without being asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptlock import parse
from support.cli import NOT_STARTED, Cli
from support.index import Index
from support.scripts import edit, script
from support.wheels import Wheel, wheel

pytestmark = pytest.mark.usefixtures("measured")

FIRST, SECOND = wheel("tool", "1.0"), wheel("tool", "1.0", files={"tool.py": "print('other')\n"})
LINUX = [wheel("tool", "1.0", tag=f"py3-none-manylinux_2_{glibc}_x86_64") for glibc in (17, 28)]
WINDOWS = wheel("tool", "1.0", tag="py3-none-win_amd64")


@pytest.fixture
def locked(index: Index, tmp_path: Path, cli: Cli) -> Path:
    """A script that is locked, and wants one package more now."""
    index.add(FIRST, wheel("other", "1.0"))
    path = tmp_path / "a.py"
    path.write_text(script("tool"))
    assert cli("lock", path).code == 0
    edit(path, '"tool",\n', '"tool",\n#   "other",\n')
    return path


def accepted(path: Path) -> set[str]:
    """Return the files of tool that a script's lock accepts."""
    lock = parse(path.read_bytes()).lock
    assert lock is not None
    return {digest for pin in lock.pins if pin.name == "tool" for digest in pin.hashes}


@pytest.mark.parametrize(("verb", "code"), [("lock", 2), ("run", NOT_STARTED), ("sync", 2)])
def test_a_file_that_was_replaced_is_refused_until_it_is_asked_for(
    index: Index, locked: Path, cli: Cli, verb: str, code: int
) -> None:
    index.add(SECOND)
    before = locked.read_bytes()

    done = cli(verb, locked)
    asked_for = cli("lock", "-P", "tool", locked)

    assert (done.code, done.out) == (code, "")
    assert f"scriptlock: {locked}:1: tool 1.0 on the index is not the file that was locked\n" in done.err
    assert "--upgrade-package tool" in done.err
    assert before != locked.read_bytes()
    assert asked_for.code == 0
    assert accepted(locked) == {SECOND.hash}


def test_the_same_file_stays(locked: Path, cli: Cli) -> None:
    assert cli("lock", locked).out == "+ other 1.0\n"
    assert accepted(locked) == {FIRST.hash}


@pytest.mark.parametrize(
    ("before", "later", "is_refused"),
    [
        ([LINUX[0]], [LINUX[1]], False),
        ([LINUX[0], WINDOWS], [LINUX[1]], False),
        ([LINUX[0], FIRST], [WINDOWS], False),
    ],
)
def test_files_that_were_added_are_taken_where_they_are_better(
    index: Index, tmp_path: Path, cli: Cli, before: list[Wheel], later: list[Wheel], *, is_refused: bool
) -> None:
    index.add(*before, wheel("other", "1.0"))
    path = tmp_path / "a.py"
    path.write_text(
        script("tool", settings=['environments = ["linux-x86_64", "windows"]'][: len(before) - 1])
    )
    assert cli("lock", *(["--here"] if len(before) == 1 else []), path).code == 0
    edit(path, '"tool",\n', '"tool",\n#   "other",\n')
    index.add(*later)

    done = cli("lock", path)

    assert (done.code, done.out) == (0, "+ other 1.0\n")
    assert {one.hash for one in later} <= accepted(path)


def test_a_file_beside_the_locked_one_in_a_folder_has_not_replaced_it(
    index: Index, tmp_path: Path, cli: Cli
) -> None:
    index.add(wheel("tool", "0.9"))  # of which the index tells the digest, as a folder does not
    path = tmp_path / "a.py"
    path.write_text(script("tool"))
    env = {"PIP_FIND_LINKS": str(tmp_path / "files")}
    (tmp_path / "files").mkdir()
    for file, option in ((LINUX[0], "--here"), (WINDOWS, "--universal")):
        (tmp_path / "files" / file.filename).write_bytes(file.content)
        done = cli("lock", option, path, env=env)
        assert done.code == 0, done.err

    assert accepted(path) >= {LINUX[0].hash, WINDOWS.hash}


def test_another_index_may_have_other_files(index: Index, locked: Path, cli: Cli) -> None:
    index.add(SECOND)
    edit(locked, "# ]\n", f'# ]\n# [tool.scriptlock]\n# index-url = "{index.url}"\n')

    assert cli("lock", locked).code == 0
    assert accepted(locked) == {SECOND.hash}


def test_what_lies_at_a_url_is_not_replaced_either(index: Index, tmp_path: Path, cli: Cli) -> None:
    index.add(FIRST, wheel("other", "1.0"))
    path = tmp_path / "a.py"
    path.write_text(script(f"tool @ {index.url.removesuffix('simple/')}files/{FIRST.filename}"))
    assert cli("lock", path).code == 0
    edit(path, '.whl",\n', '.whl",\n#   "other",\n')
    same = cli("lock", "--dry-run", path)
    index.add(SECOND)

    done = cli("lock", path)

    assert (same.code, same.out) == (0, "+ other 1.0\n")
    assert (done.code, done.out) == (2, "")
    assert "tool 1.0 on the index is not the file that was locked" in done.err
