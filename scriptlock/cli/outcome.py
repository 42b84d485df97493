"""What the command exits with."""

from __future__ import annotations

from collections.abc import Iterable

TROUBLE = 2
RUN_FAILED = 125
"""What `run` exits with when the script was never started."""
INTERRUPTED = 130


def worst(codes: Iterable[int]) -> int:
    """Return the one thing that went wrong, plain trouble for several, 0 for nothing."""
    trouble = set(codes) - {0}
    if trouble - {1}:
        trouble.discard(1)
    return trouble.pop() if len(trouble) == 1 else 2 if trouble else 0
