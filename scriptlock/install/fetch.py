"""Fetching wheels into the store, by a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from scriptlock import process
from scriptlock.cache.layout import Cache
from scriptlock.errors import CacheError, InstallError, ScriptlockError, ToolError
from scriptlock.model import Pin
from scriptlock.pip_configuration import redact

BOOT = "import sys; sys.path.append(sys.argv[1]); from scriptlock.install.fetch_worker import main; main()"
"""Appended, so that a scriptlock that is not installed works and nothing beside it hides a module."""
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


def start_worker(order: str, inherit: Sequence[int]) -> subprocess.CompletedProcess[str]:
    """Run the worker to its end; return what it answered."""
    home = Path(__file__).resolve().parents[2]
    return process.run([sys.executable, "-I", "-c", BOOT, str(home)], text=order, inherit=inherit)


def fetch(
    cache: Cache,
    pins: Sequence[Pin],
    order: Order,
    *,
    inherit: Sequence[int],
    start: Callable[[str, Sequence[int]], subprocess.CompletedProcess[str]] = start_worker,
) -> frozenset[NormalizedName]:
    """Put a wheel of each pin into the store; return the names of those that come as source instead.

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
    try:
        done = start(json.dumps(told), inherit)
    except OSError as error:
        raise ToolError(f"no process can be started: {error.strerror or error}") from error
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
