"""Versions chosen by pip-tools, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scriptlock import process
from scriptlock.errors import ToolError
from scriptlock.pip_configuration import redact
from scriptlock.resolve import Request, Resolution
from scriptlock.resolve.protocol import asks_for_nothing, empty_answer, make_order, read_answer

BOOT = "import os, sys; sys.path.append(sys.argv[1]); from scriptlock.resolve.worker import main; main(); os._exit(0)"
"""Appended, so that a scriptlock that is not installed works and nothing beside it hides a module.

The end of the process is its last act: to take down what it loaded would take as long as to resolve little.
"""


def start_worker(order: str) -> subprocess.CompletedProcess[str]:
    """Run the worker to its end; return what it answered.

    :raises OSError: if this Python cannot be started.
    """
    home = Path(__file__).resolve().parents[2]
    return process.run([sys.executable, "-I", "-c", BOOT, str(home)], text=order)


class PipTools:
    """The default :class:`~scriptlock.resolve.Resolver`.

    :param cache_dir: where answers of indexes are kept for the next time; None for nowhere.
    :param start: runs the worker on an order.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        *,
        start: Callable[[str], subprocess.CompletedProcess[str]] = start_worker,
    ) -> None:
        self._cache_dir = cache_dir
        self._start = start

    def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
        """Return what pip-tools chooses; see :class:`~scriptlock.resolve.Resolver`.

        All targets are answered by one process; when nothing is asked for, by none.
        """
        order = make_order(request, folder=_working_folder(), cache_dir=self._cache_dir)
        if asks_for_nothing(order):
            return read_answer(empty_answer(order), request)
        try:
            done = self._start(json.dumps(order))
        except OSError as error:
            raise ToolError(f"the resolver cannot be started: {error.strerror or error}") from error
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise _crash(done) from None
        return read_answer(answer, request)


def _crash(done: subprocess.CompletedProcess[str]) -> ToolError:
    last = (done.stderr.strip().splitlines() or [f"status {done.returncode}, and not a word"])[-1]
    return ToolError(f"the resolver failed: {redact(last.strip())}", "upgrade scriptlock, pip and pip-tools")


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # somebody removed it
        return "/"
