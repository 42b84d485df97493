"""Versions chosen by pip-tools, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from scriptlock.conversation import Conversation
from scriptlock.errors import ToolError
from scriptlock.pip_configuration import redact
from scriptlock.resolve.protocol import asks_for_nothing, empty_answer, make_order, read_answer
from scriptlock.resolve.request import Request, Resolution


def start_worker(order: str) -> subprocess.CompletedProcess[str]:
    """Return what a worker answers that is started for one order.

    :raises OSError: if this Python cannot be started.
    """
    with Conversation() as worker:
        return worker(order)


class PipTools:
    """The default :class:`~scriptlock.resolve.Resolver`.

    :param cache_dir: where answers of indexes are kept for the next time, or what returns that when it is
        needed; None for nowhere.
    :param start: has a worker answer an order: a :class:`~scriptlock.conversation.Conversation` for one that
        answers many, and asks indexes for each page only once.
    """

    def __init__(
        self,
        cache_dir: Path | Callable[[], Path] | None = None,
        *,
        start: Callable[[str], subprocess.CompletedProcess[str]] = start_worker,
    ) -> None:
        self._cache_dir = cache_dir
        self._start = start

    def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
        """Return what pip-tools chooses; see :class:`~scriptlock.resolve.Resolver`.

        All targets are answered by one process; when nothing is asked for, by none.
        """
        folder = self._cache_dir() if callable(self._cache_dir) else self._cache_dir
        order = make_order(request, folder=_working_folder(), cache_dir=folder)
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
