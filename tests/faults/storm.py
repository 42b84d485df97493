"""Many who run scripts, one who prunes all the time, and SIGKILL for half of them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from faults.locks import Locked
from support.cli import command

PATIENCE = 120
"""Seconds until a run counts as stuck."""


class Storm:
    """It rages for as long as it is told to, and counts what became of each run."""

    def __init__(self, scripts: Sequence[Locked], folder: Path, *, seed: int = 0) -> None:
        self.scripts, self.folder, self.seed = scripts, folder, seed
        self.tally: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.seconds: list[float] = []
        self._counting = threading.Lock()

    def rage(self, seconds: float, *, runners: int) -> None:
        """Run and prune and kill; return when everybody is done."""
        end = time.monotonic() + seconds
        work: list[Callable[[random.Random], None]] = [*([self._run] * runners), self._prune]
        threads = [
            threading.Thread(target=self._repeat, args=(act, random.Random(self.seed + number), end))  # noqa: S311
            for number, act in enumerate(work)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _repeat(self, act: Callable[[random.Random], None], chance: random.Random, end: float) -> None:
        while time.monotonic() < end:
            act(chance)

    def _run(self, chance: random.Random) -> None:
        script = chance.choice(self.scripts)
        is_doomed = chance.random() < 0.5
        started = time.monotonic()
        moment = chance.uniform(0, self._usual()) if is_doomed else None
        code, out, err = self._start(["run", script.path], moment, whole=chance.random() < 0.5)
        took = time.monotonic() - started
        with self._counting:
            if code is None:
                self.tally["stuck"] += 1
            elif code == -signal.SIGKILL and is_doomed:
                self.tally["killed"] += 1
            elif code == 0 and script.is_right(out):
                self.tally["right"] += 1
                self.seconds.append(took)
            else:
                self.tally["wrong"] += 1
                self.wrong.append(f"{code}: {out[-200:]} {err[-500:]}")

    def _prune(self, chance: random.Random) -> None:
        time.sleep(chance.uniform(0, 0.5))
        is_doomed = chance.random() < 0.2
        moment = chance.uniform(0, 0.5) if is_doomed else None
        code, out, err = self._start(["cache", "prune", "--older-than", "0h"], moment, whole=True)
        with self._counting:
            if code == 0:
                self.tally["pruned"] += 1
                self.tally["environments removed"] += sum("/" in line for line in out.splitlines())
            elif not is_doomed or code != -signal.SIGKILL:
                self.tally["wrong"] += 1
                self.wrong.append(f"prune: {code}: {err[-500:]}")

    def _usual(self) -> float:
        with self._counting:
            recent = sorted(self.seconds[-20:])
        return recent[len(recent) // 2] if recent else 1.0

    def _start(
        self, words: list[str | Path], moment: float | None, *, whole: bool
    ) -> tuple[int | None, str, str]:
        """Start the command, kill it at a moment, and return its status (None if it is stuck) and output.

        :param whole: kill what it started, too.
        """
        running = subprocess.Popen(
            command(*words),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "DAWDLE": "0.3"},
            text=True,
            start_new_session=True,
        )
        try:
            if moment is not None:
                try:
                    out, err = running.communicate(timeout=moment)
                except subprocess.TimeoutExpired:
                    (os.killpg if whole else os.kill)(running.pid, signal.SIGKILL)
                    out, err = running.communicate(timeout=PATIENCE)
            else:
                out, err = running.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            return None, "", ""
        return running.returncode, out, err
