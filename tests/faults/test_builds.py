from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.locks import Locked, lock_by_hand
from support.cli import SECONDS, Cli, Done, command
from support.index import Index


def start(path: Path, cache: Path) -> subprocess.Popen[str]:
    """Start the command that runs the script, in a process group of its own."""
    return subprocess.Popen(
        command("run", path),
        env={**os.environ, "SCRIPTLOCK_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_whoever_is_killed_in_a_first_run_the_next_one_is_right(
    demo: Locked, tmp_path: Path, cli: Cli, minutes: float
) -> None:
    times = round(20 * minutes) or 2
    chance = random.Random(4)  # noqa: S311 - no secret
    began = time.monotonic()
    assert demo.is_right(start(demo.path, tmp_path / "whole").communicate(timeout=SECONDS)[0])
    usual = time.monotonic() - began

    killed, wrong = 0, []
    for number in range(times):
        cache = tmp_path / f"cache-{number}"
        with start(demo.path, cache) as running:
            try:
                running.wait(chance.uniform(0, usual))
            except subprocess.TimeoutExpired:
                kill = os.killpg if chance.random() < 0.5 else os.kill
                kill(running.pid, signal.SIGKILL)
                killed += 1
        done = cli("run", demo.path, env={"SCRIPTLOCK_CACHE_DIR": str(cache)})
        if done.code or not demo.is_right(done.out):
            wrong.append(done)

    print(json.dumps({"first runs": times, "killed": killed, "wrong": len(wrong)}))  # noqa: T201
    assert wrong == []
    assert demo.path.read_bytes() == demo.text


def test_of_many_cold_starters_one_builds_and_all_are_right(
    demo: Locked, tmp_path: Path, index: Index, minutes: float
) -> None:
    starters = 32 if minutes else 5
    began = time.monotonic()
    running = [start(demo.path, tmp_path / "cache") for _ in range(starters)]
    outs = [one.communicate(timeout=SECONDS)[0] for one in running]
    took = time.monotonic() - began

    print(json.dumps({"cold starters": starters, "seconds": round(took, 2)}))  # noqa: T201
    assert all(map(demo.is_right, outs))
    assert len({out.split()[2] for out in outs}) == 1
    assert len([path for path in index.requests if path.endswith(".whl")]) == 1


@pytest.mark.parametrize(
    ("verb", "held", "work"),
    [("check", ".whl", "building the environment"), ("strip", "/demo/", "resolving")],
)
def test_whoever_waits_is_told_for_whom_and_waits_no_longer_than_wanted(  # noqa: PLR0917 - fixtures
    demo: Locked, tmp_path: Path, index: Index, cli: Cli, verb: str, held: str, work: str
) -> None:
    assert cli(verb, demo.path).code == 0
    asked, answer = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path.endswith(held):
            asked.set()
            answer.wait(SECONDS)

    index.on_request = hold
    patience = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache"), "SCRIPTLOCK_LOCK_TIMEOUT": "1"}
    with start(demo.path, tmp_path / "cache") as builder:
        assert asked.wait(SECONDS)
        ran = cli("run", demo.path, env=patience)
        answer.set()
        out, _ = builder.communicate(timeout=SECONDS)

    begin = f"scriptlock: {demo.path}: "
    who = "another process" if work == "resolving" else f"process {builder.pid}"
    assert (ran.code, ran.out, demo.is_right(out)) == (125, "", True)
    assert ran.err.splitlines()[:2] == [
        f"{begin}waiting for {who} to finish {work}",
        f"{begin}waited 1 s for {who} to finish {work}",
    ]


@pytest.mark.parametrize(
    ("kill", "number"), [(os.killpg, signal.SIGINT), (os.killpg, signal.SIGTERM), (os.kill, signal.SIGTERM)]
)
def test_a_signal_during_a_build_ends_it_and_nothing_half_made_is_trusted(  # noqa: PLR0917 - fixtures
    kill: Callable[[int, int], None],
    number: signal.Signals,
    demo: Locked,
    tmp_path: Path,
    index: Index,
    cli: Cli,
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path.endswith(".whl"):
            asked.set()
            answer.wait(SECONDS)

    index.on_request = hold
    with start(demo.path, tmp_path / "cache") as running:
        assert asked.wait(SECONDS)
        kill(running.pid, number)
        answer.set()
        out, err = running.communicate(timeout=SECONDS)
    after = cli("run", demo.path, env={"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")})

    # A shell shows a death by a signal as 128 and its number.
    assert running.returncode in {-number, 128 + number}
    assert (out, "Traceback" in err) == ("", False)
    assert (after.code, demo.is_right(after.out), demo.path.read_bytes()) == (0, True, demo.text)


def test_what_is_taken_away_from_its_builder_by_force_is_not_trusted(
    demo: Locked, tmp_path: Path, index: Index, cli: Cli
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path.endswith(".whl"):
            asked.set()
            answer.wait(SECONDS)

    index.on_request = hold
    cache = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")}
    with start(demo.path, tmp_path / "cache") as builder:
        assert asked.wait(SECONDS)
        forced = cli("cache", "clean", "--force", env=cache)
        answer.set()
        _, err = builder.communicate(timeout=SECONDS)
    after = cli("run", demo.path, env=cache)

    assert f"in use by process {builder.pid}" in forced.out
    assert (builder.returncode, "Traceback" in err) == (125, False)
    assert (after.code, demo.is_right(after.out)) == (0, True)


def test_an_orphaned_installer_never_spoils_what_comes_after(
    index: Index, tmp_path: Path, cli: Cli, minutes: float
) -> None:
    times = round(10 * minutes) or 2
    chance = random.Random(5)  # noqa: S311 - no secret
    held = threading.Event()
    index.on_request = lambda path: held.set() if path.endswith(".whl") else None
    index.delay = 0.2

    wrong: list[Done] = []
    for number in range(times):
        script = lock_by_hand(index, tmp_path / "scripts", f"{number}.0")
        held.clear()
        with start(script.path, tmp_path / "cache") as running:
            held.wait(SECONDS)
            time.sleep(chance.uniform(0, 0.3))
            running.kill()
            done = cli("run", script.path, env={"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")})
        if done.code or not script.is_right(done.out):
            wrong.append(done)
    verified = cli("cache", "verify", env={"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")})

    print(json.dumps({"orphans": times, "wrong": len(wrong)}))  # noqa: T201
    assert (wrong, verified.code) == ([], 0)
