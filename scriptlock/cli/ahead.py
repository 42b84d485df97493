"""The process that resolves, started before it is known whether anything is to be resolved.

It takes as long to load as this one, and they can load at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from scriptlock.conversation import Conversation
from scriptlock.launch import BEGIN, HEADER, read

IDLE = frozenset({"-h", "--help", "--check", "--from-cache", "--offline"})
"""Options with which nothing, or most probably nothing, is resolved."""

_begun: list[Conversation] = []


@contextmanager
def begun(words: Sequence[str], environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Have :func:`worker` started already if a command line will need it, and end it if nobody did.

    :param words: the command line without the program.
    """
    with Conversation() as conversation:
        if is_about_to_resolve(words, environ):
            with suppress(OSError):  # who needs it tells why it cannot be started
                conversation.begin()
        _begun.append(conversation)
        try:
            yield
        finally:
            _begun.remove(conversation)


def worker() -> Conversation | None:
    """Return the one that was started, if the command line was begun here."""
    return _begun[-1] if _begun else None


def is_about_to_resolve(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether it looks as if a script had to be resolved."""
    if words[:1] != ["lock"] or not IDLE.isdisjoint(words) or environ.get("SCRIPTLOCK_OFFLINE"):
        return False
    if not {"-U", "--upgrade"}.isdisjoint(words):
        return True
    return any(_carries_no_lock(word) for word in words[1:] if not word.startswith("-"))


def _carries_no_lock(path: str) -> bool:
    with suppress(OSError, ValueError):  # what is no file would be read for nothing, or for ever
        text = read(path)
        return HEADER in text and BEGIN not in text
    return False
