"""Who asked for what, in pip's objects: from a package that was asked for up to the header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def asked_by(candidate: Any) -> Any:
    """Return the install requirement that a candidate answers; one with extras has its base's."""
    return getattr(candidate, "base", candidate).get_install_requirement()


def lineage(asked: Any) -> Iterator[Any]:
    """Yield an install requirement, then the one that led to it, and so on; the last is the header's."""
    while asked is not None and not isinstance(asked, str):
        yield asked
        asked = asked.comes_from


def header_of(asked: Any) -> tuple[str, ...]:
    """Return the requirement of the header that led to an install requirement, as the request has it."""
    return tuple(one.comes_from for one in lineage(asked) if isinstance(one.comes_from, str))
