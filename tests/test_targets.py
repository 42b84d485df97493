"""Whom a lock is for, as somebody else's program asks."""

from __future__ import annotations

from datetime import datetime

import pytest

import scriptlock
from scriptlock import UncoveredHost
from scriptlock.targets import make_target
from support.resolvers import LINUX, WINDOWS, FakeResolver, request_for
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


def test_what_a_resolver_is_asked_and_gives_can_be_put_into_sets() -> None:
    request = request_for("idna>=3", targets=[LINUX, WINDOWS])
    again = request_for("idna>=3", targets=[make_target("linux-x86_64", (3, 11)), WINDOWS])

    assert len({request, again, request_for("idna")}) == 2
    assert len({*RESOLVER.resolve(request), *RESOLVER.resolve(again)}) == 2
    assert {*request.targets} == {*again.targets}
