"""The lines of a RECORD file (PEP 376, 627)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

Row = tuple[str, str, int | str]
"""A path with slashes, a digest or nothing, a size in bytes or nothing."""


def record(rows: Iterable[Row]) -> str:
    """Return the lines for the rows, quoted where they need to be."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
