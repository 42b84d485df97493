"""Fetching wheels into the store, by a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import STORE, Lease
from scriptlock.errors import CacheError, InstallError, ScriptlockError, ToolError
from scriptlock.pip_configuration import redact
from scriptlock.process import Begun

if TYPE_CHECKING:
    import subprocess

    from packaging.utils import NormalizedName

    from scriptlock.model import Pin
    from scriptlock.process import Finish

BOOT = (
    "import gc, os, sys; gc.disable(); sys.path.append(sys.argv[1]); "
    "from scriptlock.install.fetch_worker import main; main(); os._exit(0)"
)
"""Appended, so that a scriptlock that is not installed works and nothing beside it hides a module.

What is imported is never garbage, and there is not much else in such a short life. It ends at once, since
to take down all that was loaded takes as long as to fetch a wheel.
"""
MANY = 64
"""How many wheels to prepare for where nobody knows yet."""
FAILURES: Mapping[str, type[InstallError | CacheError | ToolError]] = {
    kind.__name__: kind for kind in (InstallError, CacheError, ToolError)
}

Start = Callable[[Mapping[str, Any], Sequence[int]], AbstractContextManager["Finish"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to fetch."""

    index_url: str | None
    """Takes the place of the configured index."""
    allow_sdist: Collection[NormalizedName]
    """Packages that may come as source."""
    tags: Sequence[str]
    """Those that the interpreter accepts, the most preferred first."""


class FetchProcess:
    """What fetches for one cache. It may begin to load before it is known what there is to fetch."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self._held = ExitStack()
        self._ahead: Begun | None = None

    def begin(self) -> None:
        """Start it now, if it is not started, and nobody is about to take anything away from the store.

        :raises OSError: if no process can be started.
        :raises CacheError: if the store's lease cannot be had.
        """
        from scriptlock.install.threads import usable_processors

        if self._ahead is None and usable_processors() > 1:  # else it would be in the way of others
            lease = self._held.enter_context(Lease(self.cache.leases / STORE))
            if lease.attempt(exclusive=False):
                self._ahead = self._start(MANY, [lease.descriptor])
                self._held.callback(self._ahead.dismiss)  # its copies have its output, and are waited for
            else:
                self._held.close()

    @contextmanager
    def __call__(self, order: Mapping[str, Any], inherit: Sequence[int]) -> Iterator[Finish]:
        """Have it carry out an order; give what waits for its end and returns what it answered.

        :param inherit: descriptors of the leases that are held for it. If it was started before, it keeps no
            more than the store's, and if we are killed, others may fetch the same beside it.
        """
        with self._held, ExitStack() as stack:
            begun = self._ahead
            if begun is None:
                begun = self._start(len(order["pins"]), inherit)
                stack.callback(begun.close)
            self._ahead = None
            begun.hand(json.dumps(order))
            yield begun.finish

    def close(self) -> None:
        """End it, if it was started for nothing."""
        self._ahead = None
        self._held.close()

    def _start(self, wheels: int, inherit: Sequence[int]) -> Begun:
        home = Path(__file__).resolve().parents[2]
        argv = [sys.executable, "-I", "-c", BOOT, str(home), str(self.cache.root), str(wheels)]
        return Begun(argv, inherit=inherit)


@contextmanager
def fetching(
    cache: Cache,
    pins: Sequence[Pin],
    order: Order,
    *,
    inherit: Sequence[int],
    start: Start | None = None,
) -> Iterator[Callable[[], frozenset[NormalizedName]]]:
    """Begin to put a wheel of each pin into the store; give what waits for that.

    It returns the names of those that come as source instead.

    :param inherit: descriptors of the leases that are held for it.
    :param start: runs the worker on an order; by default one that is started for it.
    :raises InstallError: if a wheel cannot be had, or is not sound.
    :raises CacheError: if the store cannot be written.
    :raises ToolError: if pip cannot be used.
    """
    told = {
        "root": str(cache.root),
        "cache_dir": str(cache.http),
        "folder": _working_folder(),
        "index_url": order.index_url,
        "allow_sdist": sorted(order.allow_sdist),
        "tags": list(order.tags),
        "pins": [
            {"name": pin.name, "version": str(pin.version), "hashes": pin.hashes, "url": pin.url}
            for pin in pins
        ],
    }
    with ExitStack() as stack:
        try:
            finish = stack.enter_context((start or FetchProcess(cache))(told, inherit))
        except OSError as error:
            raise ToolError(f"no process can be started: {error.strerror or error}") from error
        yield lambda: _read(finish())


def _read(done: subprocess.CompletedProcess[str]) -> frozenset[NormalizedName]:
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}, and not a word"])[-1]
        raise ToolError(f"the process that fetches wheels failed: {redact(last.strip())}") from None
    if "failure" in answer:
        raise _error(answer["failure"])
    from packaging.utils import canonicalize_name

    return frozenset(map(canonicalize_name, answer["source"]))


def _error(told: Mapping[str, str]) -> ScriptlockError:
    return FAILURES.get(told["kind"], ToolError)(told["reason"], told["hint"])


def _working_folder() -> str:
    with suppress(FileNotFoundError):  # it was deleted
        return str(Path.cwd())
    return os.sep
