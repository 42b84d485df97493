"""Scripts that are locked in one call: one worker asks the indexes for all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from scriptlock.by_path import LockResult, lock_files
from scriptlock.conversation import Conversation
from scriptlock.errors import UnknownPackage
from support.cli import command
from support.index import Index
from support.scripts import script
from support.wheels import wheel

EXAMPLE = Path(__file__).parents[1] / "examples" / "http_report.py"
REFUSING = """
import json, os, sys
for line in sys.stdin:
    what = sorted(one["text"] for one in json.loads(line)["targets"][0]["requirements"])
    failure = {"kind": "UnknownPackage", "reason": f"{os.getpid()} {what}", "requirements": [], "hint": None}
    print(json.dumps({"failure": failure}), flush=True)
"""
"""A worker that knows no package, and says who it is and what it was asked for."""


@pytest.fixture
def scripts(tmp_path: Path) -> list[Path]:
    """Five scripts, each with other requirements."""
    texts = [
        script(*names) for names in (["tool"], ["other"], ["tool", "other"], ["part"], ["unknown", "tool"])
    ]
    paths = [tmp_path / f"{number}.py" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def pins(result: LockResult) -> list[str] | None:
    return [f"{pin.name} {pin.version}" for pin in result.lock.pins] if result.lock else None


def test_each_page_is_asked_for_once_for_all_scripts(index: Index, scripts: list[Path]) -> None:
    index.add(
        wheel("tool", "1", requires=["part"]), wheel("other", "1", requires=["part"]), wheel("part", "2")
    )

    results = list(lock_files(scripts))

    assert [pins(result) for result in results] == [
        ["part 2", "tool 1"],
        ["other 1", "part 2"],
        ["other 1", "part 2", "tool 1"],
        ["part 2"],
        None,
    ]
    assert [type(result.error) for result in results] == [type(None)] * 4 + [UnknownPackage]
    assert sorted(index.requests) == sorted({*index.requests})


def test_a_worker_that_is_given_answers_for_all_scripts_and_is_ended(scripts: list[Path]) -> None:
    with Conversation([sys.executable, "-c", REFUSING]) as worker:
        answers = [str(result.error).split(maxsplit=1) for result in lock_files(scripts, worker=worker)]

    assert [what for _, what in answers] == [
        "['tool']",
        "['other']",
        "['other', 'tool']",
        "['part']",
        "['tool', 'unknown']",
    ]
    (pid,) = {int(pid) for pid, _ in answers}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


WRITES = """
import sys
from scriptlock import by_path
from scriptlock.script import embed, parse

text = open(sys.argv[1], "rb").read()
lock = parse(text).lock
by_path._load_what_writes_locks()
before = {*sys.modules}
embed(embed(text, None), lock)
from scriptlock.pin_changes import changes_between
changes_between(None, lock)
print(*{*sys.modules} - before)
"""


def test_while_a_worker_works_all_is_loaded_that_writes_a_lock() -> None:
    example = Path(__file__).parents[1] / "examples" / "http_report.py"

    done = subprocess.run([sys.executable, "-c", WRITES, example], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"


def test_it_is_loaded_where_a_worker_was_begun_and_not_where_nothing_is_resolved(
    scripts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("scriptlock.by_path._load_what_writes_locks", lambda: loaded.append("all"))

    with Conversation([sys.executable, "-c", REFUSING]) as worker:
        (fresh,) = lock_files([EXAMPLE], worker=worker, write=False)
        for_nothing = [*loaded]
        worker.begin()
        results = [*lock_files(scripts, worker=worker)]

    assert (fresh.error, fresh.written, for_nothing) == (None, False, [])
    assert len(results) == len(scripts)
    assert loaded == ["all"]


def test_an_interrupt_ends_the_worker_and_leaves_all_scripts_as_they_were(
    index: Index, scripts: list[Path], tmp_path: Path
) -> None:
    before = [path.read_bytes() for path in scripts]
    (tmp_path / "temporary").mkdir()
    asked, go_on = Event(), Event()

    def stall(_: str) -> None:
        asked.set()
        go_on.wait(60)

    index.on_request = stall
    environ = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    with subprocess.Popen(
        command("lock", *scripts),
        env=environ,
        start_new_session=True,  # as a terminal has it: all of its processes get the signal
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        asked.wait(60)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    go_on.set()

    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert [path.read_bytes() for path in scripts] == before
    assert [*(tmp_path / "temporary").iterdir()] == []
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
