from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scriptlock.cache.disposal import delete, discard, move_aside
from scriptlock.cache.layout import Cache
from scriptlock.cache.records import write_durably
from support.cli import powerless

DELETE = "import sys; from pathlib import Path; from scriptlock.cache.disposal import delete; "
DELETE += "print(delete(Path(sys.argv[1])))"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(root=tmp_path / "cache")
    cache.prepare()
    return cache


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o500])
def test_what_is_read_only_is_deleted_too(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "folder" / "a" / "b"
    folder.mkdir(parents=True)
    for path in (folder / "file", folder.parent / "file"):
        path.touch(mode=0o400)
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(mode)

    argv = [*powerless(), sys.executable, "-c", DELETE, str(tmp_path / "folder")]
    told = subprocess.check_output(argv, text=True)

    assert (told, (tmp_path / "folder").exists()) == ("True\n", False)


def test_no_link_is_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(kept)
    (tmp_path / "folder" / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "link").symlink_to(kept)

    assert delete(tmp_path / "folder")
    assert delete(tmp_path / "link")
    assert (kept.is_dir(), kept.stat().st_mode & 0o777) == (True, 0o500)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_file_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert delete(tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_what_is_not_there_is_deleted_already(cache: Cache, tmp_path: Path) -> None:
    assert delete(tmp_path / "missing")
    assert move_aside(cache, tmp_path / "missing") is None


def test_what_is_moved_aside_is_whole(cache: Cache) -> None:
    folder = cache.environments / "folder"
    (folder / "a").mkdir(parents=True)

    aside = move_aside(cache, folder)

    assert aside is not None
    assert (folder.exists(), (aside / "a").is_dir(), aside.parent) == (False, True, cache.trash)


def test_what_is_discarded_leaves_nothing(cache: Cache) -> None:
    (cache.environments / "folder" / "a").mkdir(parents=True)

    discard(cache, cache.environments / "folder")
    discard(cache, cache.environments / "folder")

    assert list(cache.trash.iterdir()) == list(cache.environments.iterdir()) == []


def test_a_durable_file_is_written_at_once(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"one")
    write_durably(tmp_path / "file", b"two")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"two"}


def test_a_durable_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.mkdir()
    (folder / "inside").touch()

    with pytest.raises(OSError, match=os.strerror(errno.EISDIR)):
        write_durably(folder, b"text")

    assert [path.name for path in tmp_path.rglob("*")] == ["file", "inside"]
