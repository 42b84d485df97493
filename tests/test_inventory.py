from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock.cache.environments import RECEIPT
from scriptlock.cache.inventory import Entry, entries, find, short_keys, size_of, sizes
from scriptlock.cache.layout import Cache
from scriptlock.errors import CacheError
from support.caches import Shelf

halves = st.text("01", min_size=24, max_size=24)
keys = st.sets(st.builds("{}/{}".format, halves, halves), min_size=1, max_size=6)
NOWHERE = Cache(root=Path("/nowhere"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@given(keys=keys)
def test_a_short_key_means_no_other_environment(keys: set[str]) -> None:
    found = [Entry(cache=NOWHERE, key=key, uses=()) for key in sorted(keys)]

    short = short_keys(found)

    assert short.keys() == keys
    for entry in found:
        assert find(found, short[entry.key]) == find(found, entry.key) == (entry,)


def test_short_keys_are_as_short_as_people_like_them() -> None:
    key = "0123456789ab0123456789ab/abcdef0123456789abcdef01"

    assert short_keys([Entry(cache=NOWHERE, key=key, uses=())]) == {key: "0123/abcdef01"}


@pytest.mark.parametrize("wanted", ["", "/", "0123", "0123/", "zz", "nowhere.py"])
def test_a_name_that_means_nothing_is_an_error(wanted: str) -> None:
    entry = Entry(cache=NOWHERE, key="0123456789ab0123456789ab/abcdef0123456789abcdef01", uses=())

    with pytest.raises(CacheError) as caught:
        find([entry], wanted)

    assert caught.value.hint == "`scriptlock cache list` shows what there is"


def test_a_name_that_means_several_names_them() -> None:
    found = [Entry(cache=NOWHERE, key=f"{digit * 24}/{'a' * 24}", uses=()) for digit in "01"]

    with pytest.raises(CacheError) as caught:
        find(found, "aaa")

    assert str(caught.value) == "aaa may be any of 0000/aaaaaaaa, 1111/aaaaaaaa"


def test_an_entry_says_what_its_receipt_does(shelf: Shelf) -> None:
    entry = shelf.entry(shelf.add("1.0", "a.py"))

    assert (entry.is_ready, entry.has_interpreter, entry.pins) == (True, True, ("demo==1.0",))
    assert entry.python.startswith("cpython 3.")
    assert entry.hashes is not None
    assert entry.size == entry.own_size > 0
    assert (datetime.now(UTC) - entry.last_used).total_seconds() < 60


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"key": 1, "interpreter": 2, "pins": 3, "hashes": 4}']
)
def test_an_entry_with_a_damaged_receipt_says_nothing(shelf: Shelf, text: str) -> None:
    key = shelf.add("1.0", "a.py")
    (shelf.entry(key).folder / RECEIPT).write_text(text)

    entry = shelf.entry(key)

    assert (entry.is_ready, entry.has_interpreter, entry.pins, entry.hashes) == (False, False, (), None)
    assert entry.python == "?"


def test_what_is_no_environment_is_not_listed(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.cache.environments / "file").touch()
    (shelf.cache.environments / "link").symlink_to(tmp_path)
    (shelf.cache.environments / "folder").mkdir()
    (shelf.cache.environments / "folder" / "file").touch()

    assert entries(shelf.cache) == ()


def test_a_cache_that_is_not_there_is_empty() -> None:
    assert (entries(NOWHERE), sizes(NOWHERE), size_of(NOWHERE.root)) == ((), {}, 0)


def test_without_a_lease_the_receipt_tells_when_it_was_used(shelf: Shelf) -> None:
    entry = shelf.entry(shelf.add("1.0"))
    entry.lease.unlink()

    assert (datetime.now(UTC) - entry.last_used).total_seconds() < 60
    assert Entry(cache=NOWHERE, key="a/b", uses=()).last_used == datetime.fromtimestamp(0, UTC)
