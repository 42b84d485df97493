"""Measuring programs side by side: whole processes, in turn, warmed up, by their medians."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

WARM_UPS = 2


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to be measured."""

    name: str
    argv: Sequence[str | Path]
    environ: Mapping[str, str]
    cwd: Path
    prepare: Callable[[], object] = nothing
    """Is called before each run, and not counted."""
    share: int = 1
    """It takes part in every n-th round only, because it is slow."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured of one command, a value for each run."""

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of processor time, children included."""
    mebibytes: list[float] = field(default_factory=list)
    """The largest process's memory."""

    @property
    def median(self) -> float:
        """Of the seconds."""
        return median(self.seconds)


def measure(commands: Sequence[Command], *, rounds: int) -> list[Figures]:
    """Run all commands in turn, again and again; return what was measured, in their order.

    :raises RuntimeError: if one of them fails, with what it said.
    """
    figures = [Figures(name=command.name) for command in commands]
    for number in range(-WARM_UPS, rounds):
        for command, measured in zip(commands, figures, strict=True):
            if number % command.share and number != -WARM_UPS:
                continue
            command.prepare()
            seconds, cpu, mebibytes = run(command)
            if number >= 0:
                measured.seconds.append(seconds)
                measured.cpu.append(cpu)
                measured.mebibytes.append(mebibytes)
        _show_progress(number)
    return figures


def run(command: Command) -> tuple[float, float, float]:
    """Run it once; return seconds, seconds of processor time, and the mebibytes of its largest process.

    :raises RuntimeError: if it fails.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            words = said.read().decode(errors="replace")
            raise RuntimeError(f"{command.name} exits with {process.returncode}:\n{words}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / unit


def _show_progress(number: int) -> None:
    if sys.stderr.isatty():
        print("." if number >= 0 else "w", end="" if number else " ", file=sys.stderr, flush=True)


def ratio(measured: Figures, other: Figures) -> float:
    """Return how many times the other's time it took: the median over runs that stood side by side."""
    if len(measured.seconds) != len(other.seconds):
        return measured.median / other.median
    return median(one / two for one, two in zip(measured.seconds, other.seconds, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Commands that do the same, measured side by side."""

    title: str
    figures: Sequence[Figures]
    peers: Sequence[str]
    """The names of those that the others are compared with."""
    remark: str = ""
    """What follows from the figures."""

    def ratios(self, measured: Figures) -> dict[str, float]:
        """Return how many times the peers' time it took."""
        peers = [figures for figures in self.figures if figures.name in self.peers]
        return {peer.name: ratio(measured, peer) for peer in peers}

    def __str__(self) -> str:
        width = max(len(figures.name) for figures in self.figures)
        head = f"{'':{width}}      median         min         max         cpu    MiB  runs"
        lines = [f"{self.title}", head + "".join(f"  / {peer}" for peer in self.peers)]
        for measured in self.figures:
            times = (measured.median, min(measured.seconds), max(measured.seconds), median(measured.cpu))
            cells = [f"{1000 * seconds:>7.1f} ms" for seconds in times]
            cells += [f"{max(measured.mebibytes):>5.0f}", f"{len(measured.seconds):>4}"]
            cells += [f"{times:>{len(peer) + 2}.2f}" for peer, times in self.ratios(measured).items()]
            lines.append("  ".join([f"{measured.name:{width}}", *cells]))
        return "\n".join([*lines, *filter(None, [self.remark])])

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values; times in seconds."""
        return {
            "title": self.title,
            "remark": self.remark,
            "commands": [
                {
                    "name": measured.name,
                    "median": measured.median,
                    "seconds": measured.seconds,
                    "cpu": median(measured.cpu),
                    "mebibytes": max(measured.mebibytes),
                    "ratios": self.ratios(measured),
                }
                for measured in self.figures
            ],
        }
