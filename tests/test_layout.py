from __future__ import annotations

import os
from pathlib import Path

import pytest

from scriptlock.cache.layout import Cache
from scriptlock.errors import CacheError


def refusal(root: Path) -> str:
    """Return why the cache refuses that root, without the root; there is a hint, too."""
    with pytest.raises(CacheError) as caught:
        Cache(root=root).prepare()

    assert caught.value.hint is not None
    return str(caught.value).replace(str(root), "ROOT")


def test_a_new_cache_is_for_its_owner_alone(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "some" / "where")

    cache.prepare()

    assert cache.root.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in cache.root.iterdir()) == [".gitignore", "CACHEDIR.TAG", "v1"]
    assert sorted(path.name for path in (cache.root / "v1").iterdir()) == [
        "environments",
        "fetched",
        "http",
        "interpreters",
        "leases",
        "locks",
        "memo",
        "scripts",
        "trash",
        "virtualenv",
        "wheels",
    ]


def test_a_generous_mask_changes_nothing_of_that(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Cache(root=tmp_path / "cache").prepare()
    finally:
        os.umask(before)

    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_preparing_again_keeps_what_is_there(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "cache")
    cache.prepare()
    (cache.root / ".gitignore").write_text("mine", "utf-8")

    cache.prepare()

    assert (cache.root / ".gitignore").read_text("utf-8") == "mine"


def test_backups_and_git_leave_the_cache_out(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "cache")

    cache.prepare()

    tag = (cache.root / "CACHEDIR.TAG").read_text("ascii")
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert (cache.root / ".gitignore").read_text("ascii") == "*\n"


def test_a_folder_that_others_can_read_will_do(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)

    Cache(root=tmp_path / "cache").prepare()

    assert (tmp_path / "cache" / "v1").is_dir()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    root.mkdir()
    root.chmod(mode)

    assert refusal(root) == "other users may write to the cache ROOT"
    assert list(root.iterdir()) == []


def test_the_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    root = Path("/")
    if os.geteuid() == 0:
        root = tmp_path / "cache"
        root.mkdir()
        os.chown(root, 12345, 12345)

    assert refusal(root).endswith("belongs to another user")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "cache").symlink_to("there")

    assert refusal(tmp_path / "cache") == "the cache ROOT is a symbolic link"
    assert list((tmp_path / "there").iterdir()) == []


def test_a_symbolic_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").symlink_to("there")

    assert refusal(tmp_path / "cache") == "the cache ROOT is a symbolic link"
    assert not (tmp_path / "there").exists()


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()

    assert refusal(tmp_path / "cache") == "the cache ROOT is not a folder"


def test_a_relative_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert refusal(Path("some/where")) == "the cache folder must be an absolute path, not ROOT"
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_no_search_path_can_hold_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / f"a{os.pathsep}b") == f"the cache ROOT has a {os.pathsep!r} in its path"


def test_a_path_that_no_text_can_hold_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / os.fsdecode(b"\xff")) == "the path of the cache ROOT is not UTF-8"
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_folder_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert refusal(tmp_path / "file" / "cache") == "the cache ROOT cannot be used: File exists"


def test_a_home_that_is_not_known_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert refusal(Path("~/.cache/scriptlock")) == "the home folder of this user is not known"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to the folders of others")
def test_root_makes_nothing_in_the_home_of_a_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)

    said = refusal(home / ".cache" / "scriptlock")

    assert said == "root would make the cache ROOT in the folder of another user"
    assert list(home.iterdir()) == []


def test_the_variable_names_the_cache() -> None:
    assert Cache.default({"SCRIPTLOCK_CACHE_DIR": "/there"}) == Cache(root=Path("/there"))


@pytest.mark.parametrize("environ", [{}, {"SCRIPTLOCK_CACHE_DIR": ""}])
def test_without_the_variable_the_cache_is_where_the_user_has_such_things(environ: dict[str, str]) -> None:
    assert Cache.default(environ) == Cache(root=Path(os.environ["XDG_CACHE_HOME"], "scriptlock"))
