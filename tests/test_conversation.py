"""A process that answers many orders: who gets which answer, and what is left of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scriptlock.conversation import Conversation
from scriptlock.errors import ToolError
from scriptlock.resolve.pip_tools import PipTools
from support.index import Index
from support.resolvers import LINUX, WINDOWS, request_for, versions
from support.wheels import wheel

WORKER = """
import os, signal, sys
if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as file:
        file.write(str(os.getpid()))
for line in sys.stdin:
    order = line.strip()
    if order == "die":
        print("on the way", file=sys.stderr)
        sys.exit("something is wrong")
    if order == "die half-way":
        sys.stdout.write("half an ans")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "stall":
        open(sys.argv[2], "w").close()
        signal.sigwait([signal.SIGTERM])
    if order == "interrupt":
        os.kill(os.getppid(), signal.SIGINT)
        signal.sigwait([signal.SIGTERM])
    print(f"{order} {os.getpid()}", flush=True)
    if order == "last":
        break
"""
"""Says what it was told, and who it is."""
TIRED = "import sys; sys.stdin.readline()"


def conversation(*more: str, program: str = WORKER) -> Conversation:
    return Conversation([sys.executable, "-c", program, *more])


def answer(ask: Conversation, order: str) -> tuple[str, int]:
    """Return the order as it was understood, and the process that answered."""
    *words, pid = ask(order).stdout.split()
    return " ".join(words), int(pid)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_process_answers_one_order_after_the_other() -> None:
    with conversation() as ask:
        was_begun = ask.is_begun
        begun = ask.begin()
        answers = [answer(ask, order) for order in ("one", "two", "größer")]
        is_the_same = ask.begin() is begun and ask.is_begun

    assert [order for order, _ in answers] == ["one", "two", "größer"]
    assert len({pid for _, pid in answers}) == 1
    assert is_the_same
    assert (was_begun, ask.is_begun) == (False, False)
    assert is_gone(answers[0][1])


def test_several_threads_each_get_the_answer_to_what_they_asked() -> None:
    orders = [f"order {number}" for number in range(40)]

    with conversation() as ask, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda order: answer(ask, order), orders))

    assert [order for order, _ in answers] == orders
    assert len({pid for _, pid in answers}) == 1


@pytest.mark.parametrize(
    ("order", "returncode", "stderr"),
    [("die", 1, "on the way\nsomething is wrong\n"), ("die half-way", -9, "")],
)
def test_a_worker_that_dies_is_told_and_the_next_order_gets_another(
    order: str, returncode: int, stderr: str
) -> None:
    with conversation() as ask:
        _, first = answer(ask, "one")
        done = ask(order)
        again, second = answer(ask, "two")

    assert (done.returncode, done.stdout, done.stderr) == (returncode, "", stderr)
    assert (again, first != second) == ("two", True)
    assert is_gone(first)


def test_a_worker_that_has_had_enough_leaves_the_next_order_to_another() -> None:
    with conversation() as ask:
        answers = [answer(ask, order) for order in ("one", "last", "next")]

    assert [order for order, _ in answers] == ["one", "last", "next"]
    assert len({pid for _, pid in answers}) == 2


def test_workers_that_never_answer_are_given_up() -> None:
    with conversation(program=TIRED) as ask:
        done = ask("order")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next() -> None:
    with conversation() as ask:
        _, first = answer(ask, "one")
        with pytest.raises(KeyboardInterrupt):
            ask("interrupt")
        again, second = answer(ask, "two")

    assert (again, first != second) == ("two", True)
    assert is_gone(first)


def test_after_its_end_a_conversation_begins_anew() -> None:
    ask = conversation()

    with ask:
        _, first = answer(ask, "one")
    with ask:
        again, second = answer(ask, "two")

    assert (again, first != second) == ("two", True)
    assert is_gone(first)
    assert is_gone(second)


def test_who_stops_it_waits_for_nothing_and_nobody_begins_another(tmp_path: Path) -> None:
    pid, has_order = tmp_path / "pid", tmp_path / "order"
    os.mkfifo(pid)
    os.mkfifo(has_order)

    with conversation(str(pid), str(has_order)) as ask, ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(ask, "stall") for _ in range(3)]
        started = int(pid.read_text())
        has_order.read_text()
        ask.stop()
        found = [future.exception() or future.result().returncode for future in futures]
        with pytest.raises(CancelledError):
            ask.begin()

    assert is_gone(started)
    assert found.count(-9) == 1
    assert [type(one) for one in found if one != -9] == [CancelledError] * 2


def test_one_that_never_began_can_be_stopped() -> None:
    with conversation() as ask:
        ask.stop()
        with pytest.raises(CancelledError):
            ask("order")


def nobody_asks(_: Conversation) -> None:
    """Let it wait in vain."""


def somebody_asks(ask: Conversation) -> None:
    answer(ask, "one")


def it_dies(ask: Conversation) -> None:
    ask("die")


@pytest.mark.parametrize("use", [nobody_asks, somebody_asks, it_dies])
def test_no_process_and_no_folder_is_left(
    use: Callable[[Conversation], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, pid = tmp_path / "temporary", tmp_path / "pid"
    temporary.mkdir()
    os.mkfifo(pid)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    with conversation(str(pid)) as ask:
        ask.begin()
        started = int(pid.read_text())
        during = [*temporary.iterdir()]
        use(ask)

    assert is_gone(started)
    assert (len(during), [*temporary.iterdir()]) == (1, [])


def test_one_that_cannot_be_started_leaves_nothing_and_can_be_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with Conversation([str(tmp_path / "nothing")]) as ask:
        for start in (ask.begin, lambda: ask("order")):
            with pytest.raises(FileNotFoundError):
                start()

    assert [*tmp_path.iterdir()] == []


def test_the_resolver_asks_for_each_page_once_for_all_orders(index: Index) -> None:
    index.add(
        wheel("tool", "1", requires=["part"]), wheel("other", "1", requires=["part"]), wheel("part", "2")
    )
    requests = [
        request_for("tool"),
        request_for("other"),
        request_for("tool", "other", targets=[WINDOWS, LINUX]),
    ]

    with Conversation() as worker, ThreadPoolExecutor(3) as threads:
        found = list(threads.map(PipTools(start=worker).resolve, requests))

    assert [[versions(one) for one in several] for several in found] == [
        [{"part": "2", "tool": "1"}],
        [{"other": "1", "part": "2"}],
        [{"other": "1", "part": "2", "tool": "1"}] * 2,
    ]
    assert sorted(index.requests) == sorted({*index.requests})


def test_the_resolver_says_why_it_died_and_the_next_order_is_answered(index: Index) -> None:
    index.add(wheel("tool", "1"))
    request = request_for("tool", exclude_newer=datetime(2026, 6, 1, tzinfo=UTC))

    with Conversation() as worker:
        resolver = PipTools(start=lambda order: worker(order.replace("2026-06-01", "yesterday")))
        with pytest.raises(ToolError) as caught:
            resolver.resolve(request)
        (found,) = PipTools(start=worker).resolve(request)

    assert "yesterday" in str(caught.value)
    assert versions(found) == {"tool": "1"}
