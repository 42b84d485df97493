from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.changes import changes_since, pins_that_may_stay
from scriptlock.header import Header, read_header
from scriptlock.model import Lock, Pin

URL = "git+https://host.invalid/tool"


def header(*dependencies: str, rest: str = "") -> Header:
    """Return a header that asks for these."""
    listed = "".join(f"  {dependency!r},\n" for dependency in dependencies)
    return read_header(f"dependencies = [\n{listed}]\n{rest}\n", 1)


def locked(asked: Header, **pins: str) -> Lock:
    """Return a lock that answers the header with these versions."""
    return Lock(
        pins=tuple(
            Pin(name=canonicalize_name(name), version=Version(version), hashes=(f"sha256:{'0' * 64}",))
            for name, version in sorted(pins.items())
        ),
        environments=(Marker("os_name == 'posix'"),),
        inputs=asked.inputs,
    )


def test_one_name_for_another_is_named_both_ways() -> None:
    lock = locked(header("attrs"), attrs="25.1")

    assert changes_since(lock, header("cattrs")) == (("cattrs",), ("attrs",))


def test_up_to_two_of_each_are_found() -> None:
    lock = locked(header("a", "b", "c"), a="1", b="1", c="1", d="1")

    assert changes_since(lock, header("a", "D>=1", "e")) == (("d>=1", "e"), ("b", "c"))


def test_a_dependency_that_was_there_as_somebody_elses_counts_as_added() -> None:
    lock = locked(header("rich"), rich="15", pygments="2")

    assert changes_since(lock, header("rich", "pygments")) == (("pygments",), ())


def test_a_dependency_that_went_is_named_though_another_wants_it() -> None:
    lock = locked(header("rich", "pygments"), rich="15", pygments="2")

    assert changes_since(lock, header("rich")) == ((), ("pygments",))


def test_other_bounds_are_named_if_the_pin_does_not_fit_them() -> None:
    lock = locked(header("attrs<25", "six"), attrs="24", six="1")

    assert changes_since(lock, header("Attrs >=25", "six")) == (("attrs>=25",), ())
    assert changes_since(lock, header("attrs<26", "six")) == ((), ())


def test_many_changes_name_what_no_pin_satisfies() -> None:
    lock = locked(header("a"), a="1")

    assert changes_since(lock, header("b", "c", "d", "a>=1")) == (("b", "c", "d"), ())


def test_a_setting_that_changed_is_no_dependency_that_changed() -> None:
    lock = locked(header("a"), a="1")

    assert changes_since(lock, header("a", rest="requires-python = '>=3.12'")) == ((), ())


def test_looking_for_what_changed_comes_to_an_end() -> None:
    names = {f"p{number}": "1" for number in range(300)}
    lock = locked(header("gone-1", "gone-2", "gone-3"), **names)

    assert changes_since(lock, header(*names)) == ((), ())


@pytest.mark.parametrize(
    ("now", "stays"),
    [
        ([f"tool @ {URL}@v1", "rich"], True),
        ([f"tool @ {URL}@v1", "rich", "attrs>=3", "idna"], True),
        ([f"tool @ {URL}@v1"], True),
        ([f"Tool@{URL}@v1", "attrs"], True),
        ([f"tool @ {URL}@v2", "rich"], False),
        ([f"tool @ {URL}", "rich"], False),
        ([f"tool @ {URL}/more@v1", "rich"], False),
        ([f"tool[x] @ {URL}@v1", "rich"], False),
        ([f"tool @ {URL}@v1", f"Tool @ {URL}@v2", "rich"], False),  # a conflict, and to be told as one
        ([f"tool @ {URL}@v1", "tool @ https://host.invalid/tool-1-py3-none-any.whl", "rich"], False),
        ([f"tool @ {URL}@v1", "tool>=1", "rich"], True),
        ([f"tool @ {URL}@v1", "rich", "a", "b", "c"], False),  # too much to be sure
        (["tool", "rich"], False),
        (["rich"], False),
    ],
)
def test_a_commit_may_stay_if_the_same_was_asked_for_before(now: list[str], *, stays: bool) -> None:
    lock = locked(header(f"tool @ {URL}@v1", "rich"), rich="15")
    tool = Pin(name=canonicalize_name("tool"), version=Version("1"), git=URL[4:], commit="0" * 40)
    lock = replace(lock, pins=(*lock.pins, tool))

    assert pins_that_may_stay(lock, header(*now)) == (lock.pins if stays else lock.pins[:-1])
