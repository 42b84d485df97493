"""What is printed of two locks is what differs between them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.model import Lock, Pin
from scriptlock.pin_changes import changes_between


def lock(pins: dict[str, list[str]]) -> Lock:
    return Lock(
        pins=tuple(
            Pin(name=canonicalize_name(name), version=Version(version), hashes=("sha256:" + "0" * 64,))
            for name, versions in sorted(pins.items())
            for version in versions
        ),
        environments=(Marker("python_version >= '3'"),),
        inputs="v1:" + "0" * 32,
    )


def test_each_package_that_changed_is_one_line() -> None:
    old = lock({"idna": ["3.19"], "six": ["1.16"], "numpy": ["2.3", "2.2"], "kept": ["1"]})
    new = lock({"idna": ["3.20"], "rich": ["15.0.0"], "numpy": ["2.4", "2.2"], "kept": ["1"]})

    assert [str(change) for change in changes_between(old, new)] == [
        "~ idna 3.19 -> 3.20",
        "~ numpy 2.3, 2.2 -> 2.4, 2.2",
        "+ rich 15.0.0",
        "- six 1.16",
    ]


def test_everything_is_new_without_a_lock_before() -> None:
    assert [str(change) for change in changes_between(None, lock({"six": ["1.17"]}))] == ["+ six 1.17"]


def test_another_commit_of_the_same_version_is_a_change() -> None:
    def at(commit: str) -> Lock:
        pin = Pin(name=canonicalize_name("tool"), version=Version("1.0"), git="https://a/b", commit=commit)
        return replace(lock({"six": ["1"]}), pins=(pin,))

    old, new = at("a" * 40), at("b" * 40)

    assert [str(change) for change in changes_between(old, new)] == ["~ tool 1.0 (aaaaaaa) -> bbbbbbb"]
    assert [str(change) for change in changes_between(None, new)] == ["+ tool 1.0"]
    assert changes_between(old, old) == ()


locks = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.sampled_from("123"), min_size=1, unique=True)
).map(lock)


@given(locks)
def test_nothing_changed_is_no_line(same: Lock) -> None:
    assert changes_between(same, same) == ()


@given(locks, locks)
def test_the_way_back_is_the_way_there_turned_round(one: Lock, other: Lock) -> None:
    there, back = changes_between(one, other), changes_between(other, one)

    assert [(c.name, c.before, c.after) for c in there] == [(c.name, c.after, c.before) for c in back]
