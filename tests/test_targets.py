"""Whom a lock is for, as somebody else's program asks."""

from __future__ import annotations

from datetime import datetime

import pytest

import scriptlock
from scriptlock import UncoveredHost
from support.resolvers import FakeResolver
from support.scripts import script
from support.wheels import wheel

RESOLVER = FakeResolver([wheel("idna", "3.19")])
SCRIPT = scriptlock.parse(script("idna", settings=['environments = ["macos"]']))


def test_what_is_not_told_of_a_host_is_as_it_is_here() -> None:
    lock = scriptlock.lock(SCRIPT, resolver=RESOLVER)

    with pytest.raises(UncoveredHost, match=r"does not cover \w+ 3\.\d+ freebsd14 \w+"):
        scriptlock.select(lock, {"sys_platform": "freebsd14"})


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        scriptlock.lock(SCRIPT, resolver=RESOLVER, exclude_newer=datetime(2026, 1, 1))  # noqa: DTZ001 - that is it
