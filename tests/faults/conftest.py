"""How thorough the tests in this folder are.

By default they try each fault a few times. ``FAULTS=10 pytest tests/faults -rP`` tries them for about
``10`` minutes, as ``nox -s faults`` does, and prints its figures.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faults.locks import Locked, lock_by_hand
from support.index import Index


@pytest.fixture
def minutes() -> float:
    """How long to try; 0 for as short as it makes sense."""
    return float(os.environ.get("FAULTS", "0"))


@pytest.fixture
def demo(index: Index, tmp_path: Path) -> Locked:
    """A locked script whose environment is not built."""
    return lock_by_hand(index, tmp_path / "scripts", "1.0")
