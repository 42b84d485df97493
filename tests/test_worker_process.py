"""The worker as a process: orders on standard input, answers on standard output, and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scriptlock import process
from scriptlock.conversation import Conversation
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.protocol import make_order, read_answer
from scriptlock.resolve.request import Request
from scriptlock.resolve.rows import JSON
from scriptlock.resolve.worker import MOST_BYTES, MOST_ROWS
from support.index import Index
from support.pages import Answer
from support.resolvers import request_for, versions
from support.wheels import wheel

MAIN = "import sys; sys.path.append(sys.argv[1]); from scriptlock.resolve.worker import main; main()"
HOME = Path(process.__file__).parents[1]


def orders(*requests: Request) -> str:
    return "".join(f"{json.dumps(make_order(one, folder='/', cache_dir=None))}\n" for one in requests)


def test_each_order_gets_a_line_and_the_end_of_them_ends_it(index: Index) -> None:
    index.add(wheel("tool", "1"), wheel("other", "2"))
    requests = [request_for("tool"), request_for("unknown"), request_for("other")]

    done = process.run([sys.executable, "-c", MAIN, str(HOME)], text=orders(*requests))

    first, failed, second = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, "")
    assert [versions(read_answer(first, requests[0])[0]), versions(read_answer(second, requests[2])[0])] == [
        {"tool": "1"},
        {"other": "2"},
    ]
    assert failed["failure"]["kind"] == "UnknownPackage"


class Crowded(Index):
    """Has more files of one package than anybody wants to remember."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        if path != "/simple/crowd/":
            return super().answer(path, headers)
        files = [{"url": f"../../files/crowd-0.{number}.zip"} for number in range(MOST_ROWS + 1)]
        files.append({"url": "../../files/crowd-1-py3-none-any.whl"})
        return Answer(body=json.dumps({"files": files}).encode(), kind=JSON)


class Wordy(Crowded):
    """Says more of one file than anybody wants to remember."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        if path != "/simple/crowd/":
            return Index.answer(self, path, headers)
        file = {"url": "../../files/crowd-1-py3-none-any.whl", "about": "x" * MOST_BYTES}
        return Answer(body=json.dumps({"files": [file]}).encode(), kind=JSON)


@pytest.mark.parametrize("kind", [Crowded, Wordy])
def test_after_many_pages_it_ends_and_leaves_what_is_still_to_be_answered(
    monkeypatch: pytest.MonkeyPatch, kind: type[Index]
) -> None:
    with kind() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "1"), wheel("crowd", "1"))
        text = orders(*map(request_for, ("tool", "crowd", "tool")))
        done = process.run([sys.executable, "-c", MAIN, str(HOME)], text=text)

    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)


def test_a_worker_that_has_read_many_pages_leaves_the_next_order_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Crowded() as index, Conversation() as worker:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(wheel("tool", "1"), wheel("crowd", "1"))
        resolver = PipTools(start=worker)
        requests = [request_for(text) for text in ("tool", "tool", "tool<2", "crowd", "tool", "tool<2")]
        found = [resolver.resolve(request)[0] for request in requests]

    assert [versions(one) for one in found] == [{"tool": "1"}] * 3 + [{"crowd": "1"}] + [{"tool": "1"}] * 2
    assert index.requests.count("/simple/tool/") == 2
