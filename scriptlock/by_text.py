"""The environment of a script, wherever its text comes from: which lock it gets, and who remembers that."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scriptlock import api
from scriptlock.api import nobody
from scriptlock.errors import NoHeader, NotCached, NotLocked, StaleLock
from scriptlock.interpreters import find_interpreter
from scriptlock.model import Lock
from scriptlock.script import Script, parse
from scriptlock.targets import select
from scriptlock.uv_table import find_unfollowed

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from scriptlock.cache.environments import Environment
    from scriptlock.cache.layout import Cache
    from scriptlock.chooser import Chooser
    from scriptlock.install.installer import Installer
    from scriptlock.locking import Notify
    from scriptlock.resolve.request import Resolver
    from scriptlock.workers import Workers

_NOTHING_DECLARED = "# /// script\n#\n# ///\n"
"""A script without a header runs like one whose header asks for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The environment that a script runs in."""

    environment: Environment
    kept_as: str | None
    """The key of its lock in the cache, None if the script carries it."""


def prepare(
    text: bytes,
    *,
    cache: Cache,
    python: str | os.PathLike[str] | None = None,
    locked: bool = False,
    frozen: bool = False,
    upgrade: bool = False,
    extra: Sequence[Requirement] = (),
    max_age: timedelta | None = None,
    written_at: float | None = None,
    offline: bool = False,
    resolver: Resolver | None = None,
    installer: Installer | None = None,
    workers: Workers | None = None,
    write_back: Callable[[Lock, Lock], bool] | None = None,
    notify: Notify = nobody,
) -> Prepared:
    """Return the environment that a script runs in, locking and building what is missing.

    :param locked: a footer that is missing or stale is an error.
    :param frozen: use the footer as it stands, stale or not.
    :param upgrade: choose every version anew.
    :param extra: what this one run needs on top; its lock is kept in the cache, never in the script.
    :param max_age: notify of a lock that was resolved longer ago.
    :param written_at: when the script was written last (seconds since 1970), if that is known.
    :param workers: the processes for whichever of the two is the default; by default, they are started when
        they are needed.
    :param write_back: is given the footer's lock and the one that takes its place, and returns whether it
        is in the script now; without it, it is only kept in the cache.
    :param notify: is told of what was perhaps meant as a header, or is not followed in one, of old locks, of
        moved pins, and of waiting.
    :raises ScriptlockError: as :func:`scriptlock.lock` and :func:`scriptlock.sync`.
    """
    if (frozen and (upgrade or extra)) or (locked and upgrade):
        raise ValueError("a lock cannot be kept and changed at once")
    from scriptlock.cache import ages

    cache.prepare()
    script = declared(text, notify=notify)
    lock = usable_lock(script, locked=locked, frozen=frozen)
    found = find_interpreter(python, requires_python(script, lock), memory=cache.interpreters)

    def choose() -> Chooser:
        from scriptlock.chooser import Chooser

        return Chooser(
            cache=cache,
            python=found,
            upgrade=upgrade,
            offline=offline,
            resolver=resolver,
            workers=workers,
            notify=notify,
        )

    key = None
    if lock is None or upgrade:
        # Nobody else will ever read a lock that stays in the cache.
        lock, key = choose().lock(script, here=script.lock is None)
        if script.lock is not None and write_back is not None and write_back(script.lock, lock):
            ages.note(cache, lock, ages.kept_since(cache, key))
            key = None
    if max_age is not None:
        since = ages.kept_since(cache, key) if key else ages.known_since(cache, lock, written_at)
        _warn_of_age(since, max_age, notify)
    if extra:
        lock, key = choose().lock_with(script, lock, extra)
    if installer is None:
        fetch = partial(workers.fetch, cache) if workers else None
        installer = api.default_installer(cache, script.header, fetch=fetch, notify=notify)
    with api.naming_the_line(script.header, found.markers, wanted=python):
        environment = api.sync(
            lock, python=found, installer=installer, cache=cache, offline=offline, notify=notify
        )
    return Prepared(environment=environment, kept_as=key)


def _warn_of_age(since: float, max_age: timedelta, notify: Notify) -> None:
    age = timedelta(seconds=time.time() - since)
    if age > max_age:
        hours = age // timedelta(hours=1)
        shown = f"{age.days} days" if age.days > 1 else f"{hours} hour{'' if hours == 1 else 's'}"
        notify(f"its lock is {shown} old; --upgrade resolves it anew")


def built_python(text: bytes, *, cache: Cache, python: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the python of the environment that a script would run in now, None if it is not built.

    Asks no network, changes nothing.

    :raises ScriptlockError: as :func:`prepare`.
    """
    from scriptlock.cache import locks
    from scriptlock.cache.environments import ready_python
    from scriptlock.chooser import lock_key

    if os.path.lexists(cache.root):
        cache.prepare()
    script = declared(text)
    lock = usable_lock(script, locked=False, frozen=False)
    found = find_interpreter(python, requires_python(script, lock), memory=cache.interpreters)
    lock = lock or locks.kept_lock(cache, lock_key(script, found))
    if lock is None:
        return None
    with api.naming_the_line(script.header, found.markers, wanted=python):
        return ready_python(cache, found, select(lock, found.markers))


def kept_lock(
    script: Script, *, python: str | os.PathLike[str] | None = None, cache: Cache | None = None
) -> Lock:
    """Return the lock that the user's cache keeps for a script.

    :raises NotCached: if it keeps none.
    :raises NoHeader: if the script declares nothing.
    """
    from scriptlock.cache import ages, locks
    from scriptlock.cache.layout import Cache
    from scriptlock.chooser import lock_key

    if script.header is None:
        raise NoHeader
    cache = cache or Cache.default()
    cache.prepare()
    found = find_interpreter(python, script.header.requires_python, memory=cache.interpreters)
    # A stale script has one of its own; the other is from before it was locked.
    for former in (script, replace(script, lock=None)):
        key = lock_key(former, found)
        if lock := locks.kept_lock(cache, key):
            ages.note(cache, lock, ages.kept_since(cache, key))
            return lock
    raise NotCached


def declared(text: bytes, *, notify: Notify = nobody) -> Script:
    """Return what a script says; where it declares nothing at all, that it asks for nothing.

    :param notify: is told what was perhaps meant as a header, where there is none, and what of one is not
        followed.
    :raises InvalidScript: as :func:`scriptlock.parse`.
    """
    script = parse(text)
    for notice in find_unfollowed(script.header) if script.header else script.warnings:
        notify(f"warning: line {notice.line}: {notice.message}")
    return parse(_NOTHING_DECLARED) if script.header is None and script.lock is None else script


def must_be_locked(script: Script) -> bool:
    """Return whether the script carries a lock, or its header requires one."""
    return script.lock is not None or (script.header is not None and script.header.settings.required)


def usable_lock(script: Script, *, locked: bool, frozen: bool) -> Lock | None:
    """Return the footer's lock, or None if another one has to be found.

    :raises StaleLock, NotLocked: where that is not allowed.
    """
    if frozen and script.lock is not None:
        return script.lock
    try:
        # Not check(): the Python that it will run with may be another than ours.
        _, lock = api.fresh(script)
    except StaleLock:
        if locked:
            raise
        return None
    except NotLocked:
        if locked or frozen or must_be_locked(script):
            raise
        return None
    return lock


def requires_python(script: Script, lock: Lock | None) -> SpecifierSet | None:
    """Return what the script asks of its Python."""
    # They differ only where a stale lock is used as it stands.
    return script.header.requires_python if script.header else lock.requires_python if lock else None
