"""What becomes of a stream that nobody reads any more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO


def nowhere() -> TextIO:
    """Return what takes the place of a stream that cannot be written.

    What is left to be written must not be tried, and complained of, once more at exit. Only we lose the
    stream; a script that we become has it as it is.
    """
    return Path(os.devnull).open("w", encoding="utf-8")
