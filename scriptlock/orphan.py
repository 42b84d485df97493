"""How a worker ends when nobody waits for it any more: at once, and with nothing left of it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scriptlock.process import FOLDER


def end_with_parent() -> None:
    """Have this process end when the pipe that is its standard input breaks, or somebody tells it to.

    Whoever started it may be killed, which it would not notice before it has done all its work.
    """
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as after nohup
            signal.signal(number, _end)
    if hasattr(select, "poll"):  # elsewhere, it ends when its work is done
        threading.Thread(target=_wait_for_hangup, daemon=True).start()


def _wait_for_hangup() -> None:
    pipe = select.poll()
    pipe.register(0, 0)  # that it is broken is told without being asked for
    pipe.poll()
    _end()


def _end(_: int = 0, __: FrameType | None = None) -> NoReturn:
    try:
        folder = Path.cwd()
        if Path(os.environ["TMPDIR"]).resolve() == folder and folder.name.startswith(FOLDER):
            shutil.rmtree(folder, ignore_errors=True)
    finally:  # it may be gone already
        os._exit(1)
