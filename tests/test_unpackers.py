"""Wheels that copies of a process put into the store are those that it would have put there itself."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

import pytest

from scriptlock.cache.layout import Cache
from scriptlock.errors import InstallError, ToolError
from scriptlock.install.unpackers import Shelve, Turns, copied
from scriptlock.model import Pin
from support.installers import pin_of
from support.repacked import adding, repacked
from support.unpacking import Order, unpacked
from support.wheels import Wheel, wheel

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system makes no copies of a process")

LARGE = wheel("large", "1.0", files={"large/blob.bin": os.urandom(700_000), "large-1.0.data/data/etc/x": "x"})
PROGRAM = wheel("program", "2.0", entry_points={"program": "program:main"})
UNSOUND = repacked(wheel("unsound", "1.0"), adding("more.py"), record=False)
SOUND = (LARGE, PROGRAM, wheel("demo", "1.0"), wheel("other", "3.1"))


def orders(folder: Path, wheels: Sequence[Wheel]) -> list[Order]:
    """Write the files of wheels, and return what to order so that they are put into the store."""
    for each in wheels:
        (folder / each.filename).write_bytes(each.content)
    return [(folder / each.filename, each.filename, each.sha256, pin_of(each)) for each in wheels]


def everything(cache: Cache) -> dict[str, tuple[int, float, bytes]]:
    """Return mode, time and content of every file in the store, by its path there."""
    files = [path for path in cache.wheels.rglob("*") if path.is_file()]
    stats = [(path, path.stat()) for path in files]
    # The description has the time of day.
    return {
        path.relative_to(cache.wheels).as_posix(): (
            stat.st_mode,
            0 if path.name == "wheel.json" else stat.st_mtime,
            path.read_bytes(),
        )
        for path, stat in stats
    }


@pytest.mark.parametrize("copies", [1, 3])
def test_copies_put_into_the_store_what_one_alone_does(copies: int, tmp_path: Path) -> None:
    alone, together = Cache(root=tmp_path / "alone"), Cache(root=tmp_path / "together")

    assert unpacked(alone, orders(tmp_path, SOUND), copies=0) == [None] * len(SOUND)
    assert unpacked(together, orders(tmp_path, SOUND), copies=copies) == [None] * len(SOUND)

    assert {path.name for path in together.wheels.iterdir()} == {each.sha256 for each in SOUND}
    assert everything(together) == everything(alone)


def test_what_is_wrong_with_a_wheel_is_told_and_the_next_one_is_taken(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "cache")

    failure, no_file, nothing = unpacked(
        cache,
        [
            *orders(tmp_path, [UNSOUND]),
            (tmp_path / "gone", PROGRAM.filename, PROGRAM.sha256, pin_of(PROGRAM)),
            *orders(tmp_path, [PROGRAM]),
        ],
        copies=1,
    )

    assert isinstance(failure, InstallError)
    assert str(failure) == f"{UNSOUND.filename} holds more.py, which its RECORD does not list"
    assert failure.hint == "tell those who publish the package"
    assert isinstance(no_file, FileNotFoundError)
    assert nothing is None
    assert [path.name for path in cache.wheels.iterdir()] == [PROGRAM.sha256]


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_a_copy_that_is_killed_is_an_error(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "cache")

    (failure,) = unpacked(cache, orders(tmp_path, [PROGRAM]), copies=1, deed="kill copies")

    assert isinstance(failure, ToolError)
    assert str(failure) == "a process that unpacks wheels was ended"
    assert [*cache.wheels.iterdir()] == []


def test_copies_end_with_the_process_that_is_killed(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "cache")

    # It returns when nobody holds its standard output any more, of whom each copy is one.
    assert unpacked(cache, orders(tmp_path, [PROGRAM]), copies=3, deed="be killed") == []
    assert [*cache.wheels.iterdir()] == []


def test_where_there_are_no_more_processes_fewer_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> NoReturn:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", fork)

    with copied(lambda: pytest.fail("nobody asked"), 2) as copies:
        assert copies == []


def test_the_largest_of_those_that_wait_is_next() -> None:
    def one(archive: Path, filename: str, sha256: str, pin: Pin) -> None:
        raise NotImplementedError

    turns = Turns([one])
    order: list[int] = []
    waiting = {number: turns.ask(size) for number, size in enumerate([5, 1, 7, 3, 7])}

    def ready() -> list[tuple[int, SimpleQueue[Shelve]]]:
        return [(number, turn) for number, turn in waiting.items() if not turn.empty()]

    while found := ready():
        ((number, turn),) = found  # there is but one
        order.append(number)
        del waiting[number]
        turns.give_back(turn.get_nowait())

    assert order == [0, 2, 4, 3, 1]
    assert turns.ask(1).get_nowait() is one
