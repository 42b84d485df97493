"""The process that fetches wheels into the store: an order on standard input, its answer on standard output.

A process of its own, since reading pip's configuration changes the logging of the whole process.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.cache.layout import Cache
from scriptlock.errors import CacheError, InstallError, ResolutionError, ScriptlockError
from scriptlock.install.fetcher import NAMES, Fetcher
from scriptlock.install.offers import NotOffered
from scriptlock.install.shelves import Shelves
from scriptlock.install.shelving import shelve
from scriptlock.install.threads import usable_processors
from scriptlock.install.unpackers import Shelve, copied, in_turn
from scriptlock.model import Pin
from scriptlock.pip_configuration import redact, take_configuration
from scriptlock.resolve.borrowed import borrow, leave_out


def main() -> None:
    """Answer the order on standard input; whatever pip prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.disable()
    leave_out()
    order = json.load(sys.stdin)
    # Before there are threads, and before pip is loaded, which copies have no use for.
    with answers, copied(_into_store(order), _copies(len(order["pins"]))) as copies:
        json.dump(respond(order, copies=copies), answers)


def _copies(wheels: int) -> int:
    """Return how many copies of this process are worth their while."""
    processors = usable_processors()
    # Elsewhere, what a copy calls of the system may fail in it.
    return min(processors, wheels) if processors > 1 and sys.platform == "linux" else 0


def _into_store(order: Mapping[str, Any]) -> Shelve:
    return partial(shelve, Shelves(Cache(root=Path(order["root"]))))


def respond(
    order: Mapping[str, Any], names: Mapping[str, str] = NAMES, *, copies: Sequence[Shelve] = ()
) -> dict[str, Any]:
    """Return the answer to an order: the names of what comes as source, or why something cannot be had.

    From here on the process has no pip configuration but that of the order.

    :param names: where to find what is borrowed from pip.
    :param copies: those who unpack; this process itself by default.
    """
    try:
        borrowed = borrow(names)
        configured = take_configuration(order["folder"])
        pins = [_pin(told) for told in order["pins"]]
        # More threads at once would only keep each other from unpacking.
        unpack = in_turn(copies or [_into_store(order)] * usable_processors())
        try:
            source = Fetcher(borrowed, order, configured, unpack).fetch_all(pins)
        except NotOffered:
            # A page that pip has kept for some minutes may be older than the lock.
            source = Fetcher(borrowed, order, configured, unpack, refresh=True).fetch_all(pins)
        return {"source": source}  # noqa: TRY300 - what is caught below may come from anywhere above
    except (InstallError, ResolutionError) as error:
        return _failure("InstallError", error)
    except ScriptlockError as error:
        return _failure(type(error).__name__, error)
    except OSError as error:
        return _failure(
            "CacheError", CacheError(f"the wheel store cannot be written: {error.strerror or error}")
        )


def _failure(kind: str, error: ScriptlockError) -> dict[str, Any]:
    return {"failure": {"kind": kind, "reason": redact(str(error)), "hint": error.hint}}


def _pin(told: Mapping[str, Any]) -> Pin:
    return Pin(
        name=canonicalize_name(told["name"]),
        version=Version(told["version"]),
        hashes=tuple(told["hashes"]),
        url=told["url"],
    )
