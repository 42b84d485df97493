"""How a worker ends that nobody waits for any more: with nothing left of it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scriptlock.process import FOLDER

ASIDE = ".ended"
"""What the name of a folder ends with that is being removed."""


def clean_up_when_told_to_end() -> None:
    """Have this process take its folder along when a signal ends it, which may end its parent, too."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as after nohup
            signal.signal(number, _end)


def end_with_parent() -> None:
    """Have this process end, too, when the pipe that is its standard input breaks.

    Whoever started it may be killed, which it would not notice before it has done all its work.
    """
    clean_up_when_told_to_end()
    if hasattr(select, "poll"):  # elsewhere, it ends when its work is done
        threading.Thread(target=lambda: _is_orphan(None) and _end(), daemon=True).start()


@contextmanager
def cleaned_up_after() -> Iterator[None]:
    """Take the folder of this process along in the end if its parent is not there any more to do it.

    What was begun is finished all the same: others may wait for it.
    """
    try:
        yield
    finally:
        if hasattr(select, "poll") and _is_orphan(0):
            _remove_folder()


def _is_orphan(milliseconds: int | None) -> bool:
    """Return whether the pipe that is standard input is broken.

    :param milliseconds: how long to wait for that; None for as long as it takes.
    """
    pipe = select.poll()
    pipe.register(0, 0)  # that it is broken is told without being asked for
    return bool(pipe.poll(milliseconds))


def _end(_: int = 0, __: FrameType | None = None) -> NoReturn:
    try:
        _remove_folder()
    finally:  # it may be gone already
        os._exit(1)


def _remove_folder() -> None:
    given = Path(os.environ.get("TMPDIR", "/")).resolve()
    # Not where it is: what other threads put into it meanwhile would be left, and keep it from going.
    aside = given.with_name(f"{given.name}{ASIDE}")
    with suppress(FileNotFoundError):  # it is gone already
        if given.name.startswith(FOLDER) and Path.cwd() in {given, aside}:
            with suppress(FileNotFoundError):  # another thread removes it, and may not get to the end of it
                given.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
