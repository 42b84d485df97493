"""What a person at a terminal sees while something takes long; nothing at all where nobody watches."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from types import TracebackType
from typing import Self

from scriptlock.cli.streams import nowhere

PATIENCE = 0.4
"""Seconds before the first sign of life: what is quicker needs none."""


class Progress:
    """One line on stderr that says what is being done and for how long, wiped out at the end."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._done = threading.Event()
        self._pen = threading.RLock()
        is_watched = sys.stderr is not None and sys.stderr.isatty()
        self._thread = threading.Thread(target=self._draw, daemon=True) if is_watched else None

    def __enter__(self) -> Self:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread:
            self._thread.join()
            self._wipe()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave the terminal to somebody who prints whole lines."""
        with self._pen:
            if self._thread:
                self._wipe()
            yield

    def _draw(self) -> None:
        started = time.monotonic()
        wait = PATIENCE
        for frame in cycle("|/-\\"):
            if self._done.wait(wait):
                return
            wait = 0.1
            with self._pen:
                _write(f"\r{frame} {self._doing} ({time.monotonic() - started:.0f} s)\x1b[K")

    def _wipe(self) -> None:
        _write("\r\x1b[K")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # the terminal is gone, and what is being done goes on
        sys.stderr = nowhere()
