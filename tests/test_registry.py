from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scriptlock.cache.layout import Cache
from scriptlock.cache.registry import (
    Fate,
    Use,
    forget,
    is_protected,
    memos,
    protect,
    register,
    unprotect,
    uses,
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(root=tmp_path / "cache")
    cache.prepare()
    return cache


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "report.py"
    path.touch()
    return path


def use_of(script: Path, environment: str = "py/one", lock: str | None = None) -> Use:
    return Use(script=script, environment=environment, lock=lock, device=script.parent.stat().st_dev)


def register_at(cache: Cache, script: Path, environment: str = "py/one", *, lock: str | None = None) -> None:
    register(cache, script, cache.environments / environment, lock=lock)


def test_what_is_registered_is_found(cache: Cache, script: Path) -> None:
    register_at(cache, script, lock="a" * 32)

    assert uses(cache) == (use_of(script, lock="a" * 32),)


def test_copies_of_a_script_are_scripts_of_their_own(cache: Cache, tmp_path: Path) -> None:
    scripts = [tmp_path / name for name in ("b.py", "a.py")]
    for script in scripts:
        script.touch()
        register_at(cache, script)

    assert uses(cache) == tuple(map(use_of, sorted(scripts)))


def test_a_script_has_one_environment_for_each_interpreter(cache: Cache, script: Path) -> None:
    for environment in ("py/one", "pypy/one", "py/two"):
        register_at(cache, script, environment)

    assert uses(cache) == (use_of(script, "py/two"), use_of(script, "pypy/one"))


def test_what_is_registered_already_is_not_written_again(cache: Cache, script: Path) -> None:
    register_at(cache, script)
    (path,) = cache.scripts.iterdir()
    before = path.stat()

    register_at(cache, script)

    assert path.stat() == before


@pytest.mark.parametrize("name", ["a\nb.py", "日本.py", b"\xff.py".decode("utf-8", "surrogateescape")])
def test_any_file_name_comes_back(cache: Cache, tmp_path: Path, name: str) -> None:
    script = tmp_path / name
    script.touch()

    register_at(cache, script)

    assert uses(cache) == (use_of(script),)


def test_a_cache_that_cannot_be_written_registers_nothing(tmp_path: Path, script: Path) -> None:
    cache = Cache(root=tmp_path / "nowhere")

    register_at(cache, script)

    assert (uses(cache), cache.root.exists()) == ((), False)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "{}", '{"format": 2}', '{"format": 1, "path": 3}'])
def test_what_is_damaged_or_newer_than_this_is_passed_over(cache: Cache, script: Path, text: str) -> None:
    register_at(cache, script)
    (path,) = cache.scripts.iterdir()

    path.write_text(text, "utf-8")

    assert uses(cache) == ()


def test_a_script_that_exists_is_there(script: Path) -> None:
    assert use_of(script).fate is Fate.THERE


def test_a_script_that_was_deleted_is_gone(script: Path) -> None:
    script.unlink()

    assert use_of(script).fate is Fate.GONE


def test_a_script_whose_folder_was_deleted_is_gone(tmp_path: Path) -> None:
    use = Use(
        script=tmp_path / "a" / "b" / "c.py", environment="py/one", lock=None, device=tmp_path.stat().st_dev
    )

    assert use.fate is Fate.GONE


def test_a_folder_or_a_file_in_the_way_is_no_script(script: Path) -> None:
    inside = Use(script=script / "a.py", environment="py/one", lock=None, device=script.stat().st_dev)
    beside = use_of(script)
    script.unlink()
    script.mkdir()

    assert beside.fate is Fate.GONE
    script.rmdir()
    script.touch()
    assert inside.fate is Fate.GONE


def test_a_script_on_a_disk_that_is_not_mounted_may_come_back(tmp_path: Path) -> None:
    use = Use(
        script=tmp_path / "a.py", environment="py/one", lock=None, device=tmp_path.stat().st_dev + 12345
    )

    assert use.fate is Fate.UNKNOWN


def test_a_script_that_cannot_be_looked_at_may_be_there(tmp_path: Path) -> None:
    use = Use(script=tmp_path / ("a" * 300), environment="py/one", lock=None, device=0)

    assert use.fate is Fate.UNKNOWN


def memo(cache: Cache, name: str, environment: str) -> Path:
    path = cache.memo / name
    path.write_text(f"{environment}\nand more", "utf-8")
    return path


def test_what_the_warm_start_remembers_names_an_environment(cache: Cache) -> None:
    one, two = memo(cache, "a", "py/one"), memo(cache, "b", "py/two")

    assert list(memos(cache)) == [(one, "py/one"), (two, "py/two")]


def test_a_script_with_another_environment_cannot_get_the_former_one_unregistered(
    cache: Cache, script: Path
) -> None:
    register_at(cache, script, "py/one")
    memo(cache, "a", "py/one")
    other = memo(cache, "b", "py/other")

    register_at(cache, script, "py/two")

    assert list(memos(cache)) == [(other, "py/other")]


def test_what_is_forgotten_is_no_use_any_more(cache: Cache, script: Path) -> None:
    register_at(cache, script)

    forget(cache, use_of(script))
    forget(cache, use_of(script))

    assert uses(cache) == ()


def test_what_became_of_a_use_meanwhile_is_not_forgotten(cache: Cache, script: Path) -> None:
    register_at(cache, script, "py/two")

    forget(cache, use_of(script, "py/one"))

    assert uses(cache) == (use_of(script, "py/two"),)


def test_protection_is_for_a_script_and_lasts_until_it_is_taken_back(
    cache: Cache, script: Path, tmp_path: Path
) -> None:
    register_at(cache, script)

    protect(cache, script)
    protect(cache, script)
    register_at(cache, script, "py/two")

    assert is_protected(cache, script)
    assert not is_protected(cache, tmp_path / "other.py")
    assert uses(cache) == (use_of(script, "py/two"),)
    assert [unprotect(cache, script), unprotect(cache, script)] == [True, False]
    assert not is_protected(cache, script)


def test_the_file_says_in_json_what_it_is_about(cache: Cache, script: Path) -> None:
    register_at(cache, script)

    (path,) = cache.scripts.iterdir()

    assert json.loads(path.read_bytes()) == {
        "format": 1,
        "path": os.fspath(script),
        "environment": "py/one",
        "lock": None,
        "device": script.stat().st_dev,
    }
    assert path.name.endswith("-py.json")
