"""Fetching wheels into the store, by a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name

from scriptlock import process
from scriptlock.cache.layout import Cache
from scriptlock.errors import CacheError, InstallError, ScriptlockError, ToolError
from scriptlock.model import Pin
from scriptlock.pip_configuration import redact

if TYPE_CHECKING:
    import subprocess

    from scriptlock.process import Finish

BOOT = (
    "import gc, os, sys; gc.disable(); sys.path.append(sys.argv[1]); "
    "from scriptlock.install.fetch_worker import main; main(); os._exit(0)"
)
"""Appended, so that a scriptlock that is not installed works and nothing beside it hides a module.

What is imported is never garbage, and there is not much else in such a short life. It ends at once, since
to take down all that was loaded takes as long as to fetch a wheel.
"""
FAILURES: Mapping[str, type[InstallError | CacheError | ToolError]] = {
    kind.__name__: kind for kind in (InstallError, CacheError, ToolError)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to fetch."""

    index_url: str | None
    """Takes the place of the configured index."""
    allow_sdist: Collection[NormalizedName]
    """Packages that may come as source."""
    tags: Sequence[str]
    """Those that the interpreter accepts, the most preferred first."""


def start_worker(order: str, inherit: Sequence[int]) -> AbstractContextManager[Finish]:
    """Start the worker; give what waits for its end and returns what it answered."""
    home = Path(__file__).resolve().parents[2]
    return process.start([sys.executable, "-I", "-c", BOOT, str(home)], text=order, inherit=inherit)


@contextmanager
def fetching(
    cache: Cache,
    pins: Sequence[Pin],
    order: Order,
    *,
    inherit: Sequence[int],
    start: Callable[[str, Sequence[int]], AbstractContextManager[Finish]] = start_worker,
) -> Iterator[Callable[[], frozenset[NormalizedName]]]:
    """Begin to put a wheel of each pin into the store; give what waits for that.

    It returns the names of those that come as source instead.

    :param inherit: descriptors of the leases that are held for it.
    :param start: runs the worker on an order.
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
            finish = stack.enter_context(start(json.dumps(told), inherit))
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
    return frozenset(map(canonicalize_name, answer["source"]))


def _error(told: Mapping[str, str]) -> ScriptlockError:
    return FAILURES.get(told["kind"], ToolError)(told["reason"], told["hint"])


def _working_folder() -> str:
    with suppress(FileNotFoundError):  # it was deleted
        return str(Path.cwd())
    return os.sep
