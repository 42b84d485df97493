"""A process that answers orders, one line each, until nobody wants anything more of it.

Loaded before anything else is: while the one process is starting, the other can load the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from scriptlock.process import Begun

if TYPE_CHECKING:
    import subprocess

BOOT = (
    "import gc, os, sys; gc.disable(); sys.path.append(sys.argv[1]); "
    "from {module} import main; main(); os._exit(0)"
)
"""Appended, so that a scriptlock that is not installed works and nothing beside it hides a module.

Looking for garbage takes a third of the time: what is imported never is any, and what is made is needed.
Ending at once is its last act: to take down all that it loaded can take as long as its work did.
"""
RESOLVER = "scriptlock.resolve.worker"


class Conversation:
    """Orders for a worker, which is started for the first of them; threads may share it.

    :param argv: what starts the worker; by default the one that resolves.
    """

    def __init__(self, argv: Sequence[str] = ()) -> None:
        home = Path(__file__).resolve().parents[1]
        self._argv = [*argv] or [sys.executable, "-I", "-c", BOOT.format(module=RESOLVER), str(home)]
        self._mutex = Lock()
        self._worker: Begun | None = None
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.dismiss()

    @property
    def is_begun(self) -> bool:
        """Whether the worker was started, and not ended."""
        return self._worker is not None

    def begin(self) -> Begun:
        """Start the worker now, if it is not started.

        :raises OSError: if this Python cannot be started.
        :raises CancelledError: after :meth:`stop`.
        """
        self._refuse_if_stopped()
        if self._worker is None:
            self._worker = Begun(self._argv)
        return self._worker

    def stop(self) -> None:
        """End the worker in the middle of whatever it does, and have no other one begin in its place."""
        self._is_stopped = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def _refuse_if_stopped(self) -> None:
        if self._is_stopped:
            from concurrent.futures import CancelledError

            raise CancelledError

    def __call__(self, order: str) -> subprocess.CompletedProcess[str]:
        """Return what the worker answered, and how it ended if it did in place of an answer.

        :param order: one line.
        :raises OSError: if this Python cannot be started.
        :raises CancelledError: after :meth:`stop`.
        """
        import subprocess

        with self._mutex:
            for _ in range(2):
                worker, answer = self.begin(), ""
                try:
                    self._refuse_if_stopped()  # it may have begun while somebody stopped the one before
                    answer = worker.ask(order)
                    if answer.endswith("\n"):  # else it ended in the middle of it
                        return subprocess.CompletedProcess(self._argv, 0, answer, "")
                    done = worker.finish()
                finally:
                    # What it says later than somebody listens would be taken for the next answer.
                    if not answer.endswith("\n"):
                        self._worker = None
                        worker.close()
                if done.returncode:
                    break  # else it had had enough of the orders before, and leaves this one to another
            return done
