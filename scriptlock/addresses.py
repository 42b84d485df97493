"""Telling an address from a path, which every command has to, and most need no more for."""

from __future__ import annotations

SCHEMES = frozenset({"http", "https"})


def is_url(word: str) -> bool:
    """Return whether that is the address of something on the web, rather than a path."""
    scheme, colon, _ = word.partition("://")
    return bool(colon) and scheme.lower() in SCHEMES
