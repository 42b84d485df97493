"""Many items, several threads, and one outcome."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from scriptlock.install.threads import MOST, for_each, usable_processors


@pytest.mark.parametrize("threads", [1, 2, 5, 100])
def test_the_work_is_done_once_on_each_item(threads: int) -> None:
    done: list[int] = []

    for_each(range(50), done.append, threads=threads)

    assert sorted(done) == [*range(50)]


def test_several_items_are_worked_on_at_once() -> None:
    together = threading.Barrier(3)

    for_each("abc", lambda _: together.wait(60), threads=3)

    assert not together.broken


def test_one_thread_is_this_one() -> None:
    seen: list[int] = []

    for_each("ab", lambda _: seen.append(threading.get_ident()), threads=1)

    assert seen == [threading.get_ident()] * 2


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("threads", [1, 4])
def test_what_an_item_runs_into_is_raised_and_no_more_are_begun(error: BaseException, threads: int) -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        raise error

    with pytest.raises(type(error)):
        for_each(range(50), work, threads=threads)

    assert len(begun) <= threads


def test_of_several_failures_that_of_the_first_item_is_raised() -> None:
    together = threading.Barrier(3)

    def work(item: int) -> None:
        together.wait(60)
        raise ValueError(item)

    with pytest.raises(ValueError, match=r"^0$"):
        for_each(range(3), work, threads=3)


def test_nothing_to_do_is_done() -> None:
    for_each([], pytest.fail, threads=4)


def test_there_are_never_more_threads_than_processors_or_than_make_sense() -> None:
    assert 1 <= usable_processors() <= min(MOST, os.cpu_count() or 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, a limit of processes is none of threads")
def test_where_the_system_gives_no_threads_the_work_is_done_without() -> None:
    limited = (
        "import resource, threading\n"
        "from scriptlock.install.threads import for_each\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "threading.stack_size(1 << 31)\n"  # more than there may be in all
        "done = []\n"
        "for_each(range(9), done.append, threads=4)\n"
        "print(sorted(done))"
    )

    said = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False)

    assert (said.stdout, said.stderr) == ("[0, 1, 2, 3, 4, 5, 6, 7, 8]\n", "")
