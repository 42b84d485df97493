"""Which lock a script gets that does not carry one: from the cache, or made once and kept there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from scriptlock import api
from scriptlock.errors import Offline, ResolutionError
from scriptlock.interpreters import Interpreter
from scriptlock.locking import Notify
from scriptlock.model import Lock, Pin
from scriptlock.script import Script
from scriptlock.targets import select

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from scriptlock.cache.layout import Cache
    from scriptlock.resolve.request import Resolver
    from scriptlock.workers import Workers


def lock_key(script: Script, interpreter: Interpreter, *, here: bool = False) -> str:
    """Return the name under which the cache keeps the lock of a script whose footer does not answer it.

    :param here: of one for nowhere else, for a script that has a footer; without one there is no other.
    """
    from scriptlock.cache import locks

    assert script.header is not None  # noqa: S101 - check() has raised NoHeader otherwise
    target = api.target_for(script.header, interpreter)
    return locks.lock_key(script.header.inputs, target, script.lock, here=here and script.lock is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Finds locks in the cache, and makes those that are missing."""

    cache: Cache
    python: Interpreter
    upgrade: bool
    """Make them all anew."""
    offline: bool
    resolver: Resolver | None
    """Who chooses versions; None for pip-tools."""
    workers: Workers | None
    """The processes for pip-tools; None for one that is started when it is needed."""
    notify: Notify

    def lock(self, script: Script, *, here: bool) -> tuple[Lock, str]:
        """Return the lock that answers the header, here or everywhere, and the key it is kept under.

        :raises Offline: if somebody would have to be asked.
        :raises ScriptlockError: as :func:`scriptlock.lock`.
        """
        from scriptlock.cache.locks import cached_lock

        if self.upgrade and self.offline:
            raise Offline("an upgrade has to ask an index")
        key = lock_key(script, self.python, here=here)
        make = partial(self._resolve, script, here=here)
        return cached_lock(self.cache, key, make, anew=self.upgrade, notify=self.notify), key

    def lock_with(self, script: Script, base: Lock, extra: Sequence[Requirement]) -> tuple[Lock, str]:
        """Return a lock of the same and more, with as few of its pins moved as that allows, and its key."""
        from scriptlock.changes import pins_that_may_stay

        assert script.header is not None  # noqa: S101 - as in lock_key()
        kept = {pin.name: pin for pin in select(base, self.python.markers)}
        header = replace(script.header, dependencies=(*script.header.dependencies, *extra))
        stay = set[str]() if self.upgrade else {pin.name for pin in pins_that_may_stay(base, header)}
        # Only for those that would move: of the others it is said what the header says.
        moving = {name: pin for name, pin in kept.items() if name not in stay}
        own = (_at_commit(one, moving.get(canonicalize_name(one.name))) for one in script.header.dependencies)
        header = replace(header, dependencies=(*own, *extra))
        wanted = ", ".join(map(str, extra))
        try:
            lock, key = self.lock(Script(header=header, lock=base), here=True)
        except Offline as error:
            raise Offline(f"{wanted} is not resolved yet together with the script's own pins") from error
        except ResolutionError as error:
            # Only what the header says has a line in the script.
            if not any(map(script.header.line_of, error.requirements)):
                error.line = None
            for one in extra:
                asked = re.escape(f" wants {canonicalize_name(one.name)}{one.specifier}")
                error.reason = re.sub(rf"the header(?={asked}(?!\S))", "--with", error.reason)
            raise
        for pin in lock.pins:
            if pin.name in kept and pin.version != kept[pin.name].version:
                usual = kept[pin.name].version
                self.notify(f"together with {wanted}, {pin.name} is {pin.version}, not {usual}")
        pins = tuple(_trusted(pin, kept.get(pin.name)) for pin in lock.pins)
        return replace(lock, pins=pins), key

    def _resolve(self, script: Script, *, here: bool) -> Lock:
        from scriptlock.resolve.pip_tools import PipTools, start_worker

        start = partial(self.workers.resolve, self.cache) if self.workers else start_worker
        return api.lock(
            # A lock for here is not embedded, so it does not matter whether that could be done.
            replace(script, text=b"") if here else script,
            python=self.python,
            upgrade=self.upgrade,
            here=here,
            offline=self.offline,
            resolver=self.resolver or PipTools(cache_dir=self.cache.http, start=start),
            notify=self.notify,
        )


def _at_commit(requirement: Requirement, pin: Pin | None) -> Requirement:
    """Return a requirement of a repository as one of the commit that it is pinned to."""
    if pin is None or pin.commit is None or requirement.url is None:
        return requirement
    from scriptlock.resolve.references import at_commit

    changed = copy(requirement)
    changed.url = at_commit(requirement.url, pin.commit)
    return changed


def _trusted(pin: Pin, kept: Pin | None) -> Pin:
    """Return a pin with the hashes that the script has for the same file, whatever an index says now."""
    same = kept is not None and (pin.version, pin.url) == (kept.version, kept.url)
    return replace(pin, hashes=kept.hashes) if kept and same else pin
