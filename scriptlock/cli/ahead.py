"""The processes that resolve and fetch, started before it is known whether there is anything to do for them.

Each takes as long to load as this one, and they can load at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from scriptlock.launch import BEGIN, HEADER, cache_root, read

if TYPE_CHECKING:
    from scriptlock.workers import Workers

IDLE = frozenset({"-h", "--help", "--check", "--from-cache", "--offline"})
"""Options with which nothing, or most probably nothing, is resolved."""

_begun: list[Workers] = []


@contextmanager
def begun(words: Sequence[str], environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Have :func:`workers` started already as far as a command line will need them; end what nobody needed.

    :param words: the command line without the program; one of `run` and `sync` has no options.
    """
    resolves, fetches = is_about_to_resolve(words, environ), is_about_to_fetch(words, environ)
    if not (resolves or fetches or words[:1] == ["lock"]):
        yield
        return
    from scriptlock.errors import ScriptlockError
    from scriptlock.workers import Workers

    with Workers() as workers:
        with suppress(OSError, ScriptlockError):  # who needs them tells why they cannot be started
            if resolves:
                workers.resolver.begin()
            elif fetches:
                from scriptlock.cache.layout import Cache

                cache = Cache.default()
                cache.prepare()
                workers.begin_to_fetch(cache)
        _begun.append(workers)
        try:
            yield
        finally:
            _begun.remove(workers)


def workers() -> Workers | None:
    """Return those that were started, if the command line was begun here."""
    return _begun[-1] if _begun else None


def is_about_to_resolve(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether it looks as if a script had to be resolved.

    Not for `sync`: a script without a lock most probably has one in the cache.
    """
    verb, *rest = words or [""]
    if environ.get("SCRIPTLOCK_OFFLINE"):
        return False
    if verb == "run":  # what was resolved before would be running already
        return any(map(_lacks_lock, rest[:1]))
    if verb != "lock" or not IDLE.isdisjoint(rest):
        return False
    return not {"-U", "--upgrade"}.isdisjoint(rest) or any(
        _lacks_lock(word) for word in rest if not word.startswith("-")
    )


def is_about_to_fetch(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether a script with a lock needs wheels, and the cache has none, as on a new machine."""
    verb, *rest = words or [""]
    paths = {"run": rest[:1], "sync": rest}.get(verb, [])
    if environ.get("SCRIPTLOCK_OFFLINE") or not any(map(_has_lock, paths)):
        return False
    try:
        root = cache_root(environ)
        return root is not None and not os.listdir(f"{root}/v1/wheels")  # noqa: PTH208 - pathlib is not loaded yet
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _lacks_lock(path: str) -> bool:
    text = _read(path)
    return HEADER in text and BEGIN not in text


def _has_lock(path: str) -> bool:
    return BEGIN in _read(path)


def _read(path: str) -> bytes:
    with suppress(OSError, ValueError):  # what is no file would be read for nothing, or for ever
        return read(path)
    return b""
