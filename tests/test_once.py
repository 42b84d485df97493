"""What is made once, whoever asks, and from however many threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event, get_ident

import pytest

from scriptlock.resolve.once import Once

THREADS = 16


def ask_at_once(once: Once[str, object], make: Callable[[], object]) -> list[Future[object]]:
    """Have many threads ask for the same key in the same moment; return what each gets."""
    ready = Barrier(THREADS)

    def ask() -> object:
        ready.wait(30)
        return once.get("key", make)

    with ThreadPoolExecutor(THREADS) as threads:
        return [threads.submit(ask) for _ in range(THREADS)]


def test_many_who_ask_at_once_get_the_one_thing_that_one_of_them_made() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    found = {future.result() for future in ask_at_once(Once(), make)}

    assert found == {*made}
    assert len(made) == 1


def test_who_comes_while_it_is_made_waits_for_it_and_others_do_not() -> None:
    once, begun, go_on, makers = Once[str, int](), Event(), Event(), set[int]()

    def make() -> int:
        makers.add(get_ident())
        begun.set()
        go_on.wait(30)
        return 1

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(once.get, "slow", make)
        begun.wait(30)
        second = threads.submit(once.get, "slow", make)

        assert once.get("other", lambda: 2) == 2
        assert "slow" in once
        assert not first.done()
        assert not second.done()
        go_on.set()

    assert (first.result(), second.result(), len(makers)) == (1, 1, 1)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_failure_is_everybodys_and_is_not_tried_again(kind: type[BaseException]) -> None:
    failures: list[BaseException] = []
    once = Once[str, object]()

    def make() -> object:
        failures.append(kind("broken"))
        raise failures[-1]

    found = [future.exception() for future in ask_at_once(once, make)]
    with pytest.raises(kind, match="broken"):
        once.get("key", lambda: "whole")

    assert found == failures * THREADS
    assert len(failures) == 1


def test_what_somebody_knows_takes_the_place_of_what_was_made() -> None:
    once = Once[str, str]()

    before = once.get("key", lambda: "made")
    once.put("key", "known")

    assert (before, once.get("key", lambda: "made again")) == ("made", "known")
    assert ("key" in once, "other" in once) == (True, False)
