from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from scriptlock.cache.disposal import move_aside
from scriptlock.cache.environments import RECEIPT
from scriptlock.cache.leases import Lease
from scriptlock.cache.prune import GRACE, Pruned, clean, prune
from scriptlock.cache.registry import is_protected, protect, register, uses
from scriptlock.cache.removal import Kept, Removed, remove
from scriptlock.errors import CacheError
from support.caches import DAY, Shelf, age, tree
from support.wheels import wheel

NOW = timedelta()
LONG = 400 * DAY


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def removed(pruned: Pruned) -> dict[str, str]:
    """Return which environments were removed, and why."""
    return {one.name: one.why for one in pruned.removed if one.kind == "environment"}


def others(pruned: Pruned) -> list[tuple[str, str]]:
    """Return the rest that was removed: kinds and names."""
    return [(one.kind, one.name) for one in pruned.removed if one.kind != "environment"]


def kept(pruned: Pruned) -> dict[str, str]:
    return {one.entry.key: one.why for one in pruned.kept}


def test_an_empty_cache_has_nothing_to_remove(shelf: Shelf) -> None:
    assert prune(shelf.cache) == Pruned(removed=(), kept=())


def test_the_environment_of_a_script_that_exists_stays_whatever_its_age(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py", idle=LONG)

    assert prune(shelf.cache) == Pruned(removed=(), kept=())
    assert shelf.keys == {key}


def test_the_environment_of_a_deleted_script_goes_at_once_with_all_that_was_noted_of_it(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py")
    (shelf.cache.memo / "memo").write_text(f"{key}\n")
    shelf.delete("a.py")

    pruned = prune(shelf.cache)

    assert removed(pruned) == {key: "the scripts that used it are gone"}
    assert pruned.freed > 0
    assert uses(shelf.cache) == ()
    for folder in (shelf.cache.environments, shelf.cache.memo, shelf.cache.trash, shelf.cache.scripts):
        assert list(folder.iterdir()) == []
    assert [path.name for path in shelf.cache.leases.glob("*-*")] == [key.replace("/", "-")]


def test_an_environment_stays_as_long_as_one_of_its_scripts(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py", "b.py")

    shelf.delete("a.py")
    first = prune(shelf.cache)
    shelf.delete("b.py")
    second = prune(shelf.cache)

    assert (removed(first), set(removed(second))) == ({}, {key})


def test_a_script_that_moved_keeps_its_environment_once_it_ran_there(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py")
    shelf.delete("a.py")
    shelf.add("1.0", "b.py")

    assert removed(prune(shelf.cache)) == {}
    assert shelf.keys == {key}


def test_a_script_on_a_disk_that_is_not_mounted_keeps_its_environment_for_a_while(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py")
    shelf.delete("a.py")
    (path,) = shelf.cache.scripts.iterdir()
    path.write_text(path.read_text().replace('"device": ', '"device": 9'))

    soon = prune(shelf.cache)
    age(shelf.entry(key).lease, GRACE.days + 1)
    later = prune(shelf.cache)

    assert (removed(soon), removed(later)) == ({}, {key: "no script uses it"})


def test_an_environment_without_a_script_stays_for_thirty_days(shelf: Shelf) -> None:
    recent = shelf.add("1.0", idle=29 * DAY)
    old = shelf.add("2.0", idle=31 * DAY)

    assert removed(prune(shelf.cache)) == {old: "no script uses it"}
    assert shelf.keys == {recent}


def test_an_environment_whose_python_is_gone_stays_for_thirty_days(shelf: Shelf) -> None:
    recent = shelf.add("1.0", "a.py", idle=29 * DAY)
    old = shelf.add("2.0", "b.py", idle=31 * DAY)
    for key in (recent, old):
        receipt = shelf.entry(key).folder / RECEIPT
        receipt.write_text(receipt.read_text().replace('"inode": ', '"inode": 9'))

    assert removed(prune(shelf.cache)) == {old: "its Python is gone"}


def test_an_environment_that_was_never_finished_goes(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py")
    (shelf.entry(key).folder / RECEIPT).unlink()

    assert removed(prune(shelf.cache)) == {key: "its build never came to an end"}


def test_an_environment_that_is_being_built_stays(shelf: Shelf) -> None:
    key = shelf.add("1.0")
    (shelf.entry(key).folder / RECEIPT).unlink()

    with Lease(shelf.entry(key).lease) as builder:
        builder.acquire(exclusive=True)
        pruned = prune(shelf.cache)

    assert (removed(pruned), kept(pruned)) == ({}, {key: "it is in use"})
    assert shelf.entry(key).folder.is_dir()


def test_an_environment_in_use_stays_whatever_is_asked_for(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py", idle=LONG)
    shelf.delete("a.py")

    with shelf.open():
        pruned = prune(shelf.cache, older_than=NOW, max_size=0)

    assert (removed(pruned), set(kept(pruned))) == ({}, {key})
    assert shelf.keys == {key}


def test_a_protected_environment_stays_whatever_is_asked_for(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py", "b.py", idle=LONG)
    protect(shelf.cache, shelf.scripts / "b.py")
    shelf.delete("a.py", "b.py")

    pruned = prune(shelf.cache, older_than=NOW, max_size=0)

    assert (removed(pruned), kept(pruned), shelf.keys) == ({}, {}, {key})


def test_age_counts_more_than_scripts_if_asked_for(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py", idle=9 * DAY)
    old = shelf.add("2.0", "b.py", idle=11 * DAY)

    pruned = prune(shelf.cache, older_than=10 * DAY)

    assert removed(pruned) == {old: "it was idle for too long"}
    assert {use.script.name for use in uses(shelf.cache)} == {"a.py", "b.py"}


def test_size_takes_what_was_used_least_recently_and_no_more_than_needed(shelf: Shelf) -> None:
    ages = {"1.0": 3, "2.0": 5, "3.0": 1, "4.0": 4}
    keys = {version: shelf.add(version, f"{version}.py", idle=days * DAY) for version, days in ages.items()}
    for key in keys.values():
        (shelf.entry(key).folder / "large").write_bytes(bytes(10**6))

    pruned = prune(shelf.cache, max_size=2_500_000)

    assert removed(pruned) == dict.fromkeys([keys["2.0"], keys["4.0"]], "the cache is too large")


def test_a_cache_that_is_small_enough_stays_as_it_is(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py", idle=LONG)

    assert removed(prune(shelf.cache, max_size=10**9)) == {}
    assert shelf.keys == {key}


def test_before_environments_go_for_size_what_was_downloaded_does(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py")
    (shelf.cache.http / "page").write_bytes(bytes(10**7))

    pruned = prune(shelf.cache, max_size=10**6)

    assert (removed(pruned), others(pruned)) == ({}, [("download", "page")])
    assert shelf.keys == {key}


def test_a_dry_run_names_the_same_and_touches_nothing(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py", idle=LONG)
    shelf.add("2.0", "b.py")
    shelf.add("3.0", "c.py", idle=DAY)
    shelf.delete("b.py")
    litter(shelf)
    prune(shelf.cache, dry_run=True)  # makes the lease of the store
    before = tree(shelf.cache.root)

    planned = prune(shelf.cache, older_than=10 * DAY, max_size=0, dry_run=True)
    after = tree(shelf.cache.root)
    done = prune(shelf.cache, older_than=10 * DAY, max_size=0)

    assert before == after
    assert {(one.kind, one.name, one.why) for one in planned.removed} == {
        (one.kind, one.name, one.why) for one in done.removed
    }
    assert len(removed(done)) == 3


def litter(shelf: Shelf) -> None:
    """Leave one of each kind of thing that nobody needs any more."""
    (shelf.cache.trash / "rest").mkdir()
    (shelf.cache.memo / "0123").write_text("py/nowhere\n")
    age(_touched(shelf.cache.memo / "0123.4567"), 2)
    age(_touched(shelf.cache.scripts / "0123.json-abcd.new"), 2)
    age(_touched(shelf.cache.locks / "0123.py"), GRACE.days + 1)
    (shelf.cache.wheels / ("0" * 64)).mkdir()
    (shelf.cache.wheels / ".new-01").mkdir()
    (age(_touched(shelf.cache.fetched / "0123.json"), GRACE.days + 1))


def _touched(path: Path) -> Path:
    path.touch()
    return path


def test_what_nobody_needs_goes(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py")
    litter(shelf)

    pruned = prune(shelf.cache)

    assert others(pruned) == [
        ("leftover", "rest"),
        ("leftover", "0123.4567"),
        ("leftover", "0123.json-abcd.new"),
        ("warm start", "0123"),
        ("lock", "0123.py"),
        ("script", "0123.json"),
        ("leftover", ".new-01"),
        ("wheel", "0" * 64),
    ]
    assert prune(shelf.cache) == Pruned(removed=(), kept=())


def test_what_somebody_writes_now_stays(shelf: Shelf) -> None:
    (shelf.cache.memo / "0123.4567").touch()
    (shelf.cache.scripts / "0123.json-abcd.new").touch()
    (shelf.cache.locks / "0123.py").touch()
    (shelf.cache.fetched / "0123").mkdir()

    assert prune(shelf.cache) == Pruned(removed=(), kept=())


def test_the_cached_lock_of_a_script_stays_as_long_as_the_script(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py", lock="abc")
    lock = age(_touched(shelf.cache.locks / "abc.py"), 400)

    aged = prune(shelf.cache, older_than=NOW)
    still_there = lock.exists()
    shelf.delete("a.py")
    gone = prune(shelf.cache)

    assert (len(removed(aged)), still_there, others(gone)) == (1, True, [("lock", "abc.py")])


def test_wheels_that_an_environment_came_from_stay(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py")
    needed = shelf.cache.wheels / wheel("demo", "1.0").sha256
    needed.mkdir()
    (shelf.cache.wheels / ("0" * 64)).mkdir()

    assert others(prune(shelf.cache)) == [("wheel", "0" * 64)]
    assert needed.is_dir()


def test_no_wheel_goes_while_somebody_builds(shelf: Shelf) -> None:
    (shelf.cache.wheels / ("0" * 64)).mkdir()

    with Lease(shelf.cache.leases / "wheels") as builder:
        builder.acquire(exclusive=False)

        assert prune(shelf.cache, max_size=0) == Pruned(removed=(), kept=())


@pytest.mark.parametrize("hashes", ["null", '"abc"', "{}"])
def test_no_wheel_goes_if_an_environment_does_not_say_what_it_came_from(shelf: Shelf, hashes: str) -> None:
    key = shelf.add("1.0", "a.py")
    (shelf.cache.wheels / ("0" * 64)).mkdir()
    receipt = shelf.entry(key).folder / RECEIPT
    before, _, after = receipt.read_text().partition('"hashes": ')
    receipt.write_text(f'{before}"hashes": {hashes}{after.partition("]")[2]}')

    assert prune(shelf.cache) == Pruned(removed=(), kept=())


def test_what_only_one_environment_needed_of_the_store_counts_with_it(shelf: Shelf) -> None:
    old = shelf.add("1.0", "a.py", idle=2 * DAY)
    new = shelf.add("2.0", "b.py", idle=DAY)
    for version in ("1.0", "2.0"):
        folder = shelf.cache.wheels / wheel("demo", version).sha256
        folder.mkdir()
        (folder / "file").write_bytes(bytes(10**6))

    pruned = prune(shelf.cache, max_size=10**6 + 500_000)

    assert (set(removed(pruned)), shelf.keys) == ({old}, {new})
    assert others(pruned) == [("wheel", wheel("demo", "1.0").sha256)]


def test_a_fetched_script_keeps_its_environment_only_while_it_is_used(shelf: Shelf) -> None:
    folder = shelf.cache.fetched / "0123"
    folder.mkdir()
    (folder / "a.py").touch()
    with shelf.open() as environment:
        register(shelf.cache, folder / "a.py", environment.path, lock=None)
    (key,) = shelf.keys
    age(folder, 400)
    age(_touched(shelf.cache.fetched / "0123.json"), 400)

    soon = prune(shelf.cache)
    age(shelf.entry(key).lease, 31)
    later = prune(shelf.cache)

    assert (soon, removed(later)) == (Pruned(removed=(), kept=()), {key: "no script uses it"})
    assert others(later) == [("script", "0123"), ("script", "0123.json")]


def test_trash_that_is_read_only_or_full_of_links_goes_too(shelf: Shelf, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    folder = shelf.cache.trash / "rest" / "folder"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    folder.chmod(0o500)

    prune(shelf.cache)

    assert list(shelf.cache.trash.iterdir()) == []
    assert (outside / "file").exists()


def test_a_script_that_begins_to_use_it_at_the_last_moment_keeps_it(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py")
    shelf.delete("a.py")
    entry = shelf.entry(key)

    def a_script_comes() -> bool:
        register(shelf.cache, shelf.script("b.py"), entry.folder, lock=None)
        return not any(use.script.name == "b.py" for use in uses(shelf.cache))

    done = remove(entry, "gone", is_still_so=a_script_comes)

    assert isinstance(done, Kept)
    assert (done.why, shelf.keys) == ("a script began to use it", {key})


def test_looking_whether_it_may_go_is_no_use_of_it(shelf: Shelf) -> None:
    key = shelf.add("1.0", "a.py", idle=DAY)
    before = shelf.entry(key).last_used

    remove(shelf.entry(key), "gone", is_still_so=lambda: False)
    remove(shelf.entry(key), "gone", dry_run=True)

    assert shelf.entry(key).last_used == before


def test_what_cannot_be_moved_away_is_an_error(shelf: Shelf) -> None:
    entry = shelf.entry(shelf.add("1.0"))
    shelf.cache.trash.rmdir()
    shelf.cache.trash.touch()

    with pytest.raises(CacheError) as caught:
        remove(entry, "gone")

    assert str(caught.value) == f"{entry.folder} cannot be removed: Not a directory"


def test_several_may_prune_at_once(shelf: Shelf) -> None:
    keys = {shelf.add(f"{number}.0", f"{number}.py") for number in range(6)}
    shelf.delete(*(f"{number}.py" for number in range(6)))
    together = threading.Barrier(4)

    def prune_together(_: int) -> Pruned:
        together.wait(30)
        return prune(shelf.cache)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(prune_together, range(4)))

    assert sorted(key for result in results for key in removed(result)) == sorted(keys)
    assert (shelf.keys, list(shelf.cache.trash.iterdir())) == (set(), [])


def test_what_somebody_else_removed_is_not_removed_twice(shelf: Shelf) -> None:
    entry = shelf.entry(shelf.add("1.0"))

    first, second = remove(entry, "gone"), remove(entry, "gone")

    assert (isinstance(first, Removed), second) == (True, None)


def test_clean_removes_all_that_is_idle(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py", lock="abc")
    (shelf.cache.locks / "abc.py").touch()
    (shelf.cache.locks / "abc.known").touch()
    (shelf.cache.http / "page").touch()
    (shelf.cache.interpreters / "one.json").touch()
    shelf.cache.fresh.mkdir()
    (shelf.cache.fresh / "0123").touch()
    litter(shelf)

    cleaned = clean(shelf.cache)

    assert set(removed(cleaned).values()) == {"it was idle"}
    left = [path for path in (shelf.cache.root / "v1").rglob("*") if not path.is_dir()]
    assert {path.parent.name for path in left} == {"leases"}


def test_clean_keeps_what_is_in_use_or_protected_with_its_lock(shelf: Shelf) -> None:
    shelf.add("1.0", "a.py", lock="abc")
    used, protected = shelf.add("2.0", "b.py", lock="bcd"), shelf.add("3.0", "c.py", lock="cde")
    for name in ("abc", "bcd", "cde"):
        (shelf.cache.locks / f"{name}.py").touch()
    protect(shelf.cache, shelf.scripts / "c.py")

    with shelf.open("2.0"):
        cleaned = clean(shelf.cache)

    assert kept(cleaned) == {used: "it is in use", protected: "it is protected"}
    assert shelf.keys == {used, protected}
    assert sorted(path.name for path in shelf.cache.locks.iterdir()) == ["bcd.py", "cde.py"]


def test_clean_by_force_takes_the_rest_and_names_whom_it_hurts(shelf: Shelf) -> None:
    used, protected = shelf.add("1.0", "a.py"), shelf.add("2.0", "b.py")
    protect(shelf.cache, shelf.scripts / "b.py")

    with shelf.open("1.0") as environment:
        user = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[environment.lease.descriptor])
    with user:
        cleaned = clean(shelf.cache, force=True)

    hurt = {one.name: one.hurt for one in cleaned.removed if one.kind == "environment"}
    assert hurt == {used: (user.pid,), protected: ()}
    assert (cleaned.kept, shelf.keys) == ((), set())
    assert is_protected(shelf.cache, shelf.scripts / "b.py")


def test_moving_aside_is_what_removes_it_for_everybody(shelf: Shelf) -> None:
    key = shelf.add("1.0")
    aside = move_aside(shelf.cache, shelf.entry(key).folder)

    assert (shelf.keys, aside is not None and aside.is_dir()) == (set(), True)
    with shelf.open():
        assert shelf.keys == {key}
