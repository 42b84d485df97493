"""The process that fetches wheels into the store: an order on standard input, its answer on standard output.

A process of its own, since reading pip's configuration changes the logging of the whole process.
What looks into pages and wheels is loaded while the first pages are under way.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scriptlock.errors import CacheError, InstallError, ResolutionError, ScriptlockError
from scriptlock.install.threads import usable_processors
from scriptlock.install.unpackers import Shelve, copied, in_turn
from scriptlock.orphan import clean_up_when_told_to_end, cleaned_up_after
from scriptlock.pip_configuration import redact, take_configuration
from scriptlock.resolve.borrowed import NAMES as RESOLVER_NAMES
from scriptlock.resolve.borrowed import REACHING, borrow, leave_out
from scriptlock.resolve.reach import Reach

NAMES: Mapping[str, str] = MappingProxyType(
    {"response_chunks": "pip._internal.network.utils:response_chunks"}
    | {name: RESOLVER_NAMES[name] for name in REACHING}
)
"""What is borrowed of pip, as :mod:`scriptlock.resolve.borrowed` writes it."""


def main() -> None:
    """Answer the order on standard input; whatever pip prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.disable()
    leave_out()
    root, wheels = Path(sys.argv[2]), int(sys.argv[3])
    # Before there are threads, and before pip is loaded, which copies have no use for.
    with cleaned_up_after(), answers, copied(partial(_into_store, root), _copies(wheels)) as copies:
        clean_up_when_told_to_end()
        with suppress(ScriptlockError):  # who sends an order is told
            borrow(NAMES)
        # Until somebody knows what there is to fetch; nothing, if nobody wants anything any more.
        if path := sys.stdin.readline():
            order = json.loads(Path(path.rstrip("\n")).read_bytes())
            json.dump(respond(order, copies=copies), answers)


def _copies(wheels: int) -> int:
    """Return how many copies of this process are worth their while."""
    processors = usable_processors()
    # Elsewhere, what a copy calls of the system may fail in it.
    return min(processors, wheels) if processors > 1 and sys.platform == "linux" else 0


def _into_store(root: Path) -> Shelve:
    from scriptlock.cache.layout import Cache
    from scriptlock.install.shelves import Shelves
    from scriptlock.install.shelving import shelve

    return partial(shelve, Shelves(Cache(root=root)))


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
        index_url, folder = order["index_url"], order["cache_dir"]
        reach = Reach(borrowed, configured, index_url=index_url, folder=folder)
        reach.ask_ahead(pin["name"] for pin in order["pins"] if pin["url"] is None)

        from scriptlock.install.fetcher import Fetcher, pin_of
        from scriptlock.install.offers import NotOffered

        reach.crew.close()  # from here on there are threads enough, and connections
        pins = [*map(pin_of, order["pins"])]
        # More threads at once would only keep each other from unpacking.
        unpack = in_turn(copies or [_into_store(Path(order["root"]))] * usable_processors())
        try:
            source = Fetcher(borrowed, reach, order, unpack).fetch_all(pins)
        except NotOffered:
            # A page that pip has kept for some minutes may be older than the lock.
            reach = Reach(borrowed, configured, index_url=index_url, folder=folder, refresh=True)
            source = Fetcher(borrowed, reach, order, unpack).fetch_all(pins)
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
