"""How long an answer of an index counts (RFC 9111)."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

VALIDATORS: Mapping[str, str] = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
"""By the header that tells a state of a page: the header that asks whether it is still that one."""
MOST = 2**31
"""Seconds that any greater number stands for."""


def lifetime(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds an answer need not be asked for again, None if it may not be kept.

    Nothing is guessed: what does not say how long it counts has to be asked for each time.

    :param headers: of the answer; names are looked up as they are usually written.
    """
    told = _directives(headers.get("Cache-Control", ""))
    if "no-store" in told or headers.get("Vary", "").strip() == "*":
        return None
    if "no-cache" in told:
        return 0
    age = _seconds(headers.get("Age", "").partition(",")[0].strip())
    return max((_seconds(told["max-age"]) if "max-age" in told else _until(headers)) - age, 0)


def validators(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that ask whether an answer is still what it was; none if nobody can tell."""
    return {asking: headers[telling] for telling, asking in VALIDATORS.items() if telling in headers}


def _directives(text: str) -> dict[str, str]:
    named = (one.partition("=") for one in text.split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in named}


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        return 0
    return int(text) if len(text) < len(str(MOST)) else MOST


def _until(headers: Mapping[str, str]) -> float:
    try:
        expires, now = (parsedate_to_datetime(headers[name]) for name in ("Expires", "Date"))
        return max((expires - now).total_seconds(), 0)
    # Missing, no date, one that is too far away, or one of them without a time zone.
    except (KeyError, ValueError, OverflowError, TypeError):
        return 0
