"""The same for files: lock, sync and strip scripts where they lie, one or many."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scriptlock import api
from scriptlock.by_text import built_python, kept_lock, must_be_locked, prepare
from scriptlock.conversation import Conversation
from scriptlock.errors import CacheError, FileTrouble, ScriptChanged, ScriptlockError
from scriptlock.files import ScriptFile, read_script, write_script
from scriptlock.model import Lock
from scriptlock.script import Script, body_end, embed, parse

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from scriptlock.cache.environments import Environment
    from scriptlock.cache.layout import Cache
    from scriptlock.locking import Notify
    from scriptlock.pin_changes import Change

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """What locking one file came to."""

    path: Path
    """As it was given."""
    script: Script | None = None
    """As it was before, or None if it could not be read."""
    lock: Lock | None = None
    """As it is now; None after an error, and for a file that was passed over."""
    written: bool = False
    notes: tuple[str, ...] = ()
    """What a person should know of the resolution."""
    error: ScriptlockError | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What became of each pin that is not what it was, by name."""
        if self.lock is None:
            return ()
        from scriptlock.pin_changes import changes_between

        return changes_between(self.script.lock if self.script else None, self.lock)

    @property
    def is_new(self) -> bool:
        """Whether the lock is another than the script had, be it only in what it covers or accepts."""
        return self.lock is not None and (self.script is None or self.lock != self.script.lock)


def read(path: AnyPath) -> tuple[ScriptFile, Script]:
    """Return a script's file and what it says.

    :raises FileTrouble: if it cannot be read.
    :raises InvalidScript: if it is not a script.
    """
    file = read_script(Path(path))
    return file, parse(file.text)


def lock_file(
    path: AnyPath,
    *,
    write: bool = True,
    locked_only: bool = False,
    from_cache: bool = False,
    python: AnyPath | None = None,
    choose: Callable[..., Lock] = api.lock,
    **options: Any,
) -> LockResult:
    """Lock one script and write the footer into its file; return what changed.

    A footer that answers the header already is not written again.

    :param write: False to see what would change.
    :param locked_only: leave alone a script that carries no lock and does not require one.
    :param from_cache: ask nobody, and take the lock that the cache keeps for the script.
    :param choose: what to call in place of :func:`scriptlock.lock`.
    :param options: those of :func:`scriptlock.lock`, all but ``notify``: the result has the notes.
    :raises NotCached: if the cache keeps none.
    :raises ScriptlockError: as :func:`scriptlock.parse`, :func:`scriptlock.lock` and
        :func:`scriptlock.embed` do; the file is then as it was.
    :raises ScriptChanged: if somebody else changed the file meanwhile.
    :raises FileTrouble: if it cannot be read or written.
    """
    file, script = read(path)
    if locked_only and not must_be_locked(script):
        return LockResult(path=Path(path), script=script)
    notes: list[str] = []
    if from_cache:
        lock = kept_lock(script, python=python)
    else:
        lock = choose(script, python=python, notify=notes.append, **options)
    written = False
    if lock is not script.lock:
        text = embed(file.text, lock)
        written = write and _write(file, text)
        if lock == script.lock:
            _note_resolved(lock)
    return LockResult(path=Path(path), script=script, lock=lock, written=written, notes=tuple(notes))


def _note_resolved(lock: Lock) -> None:
    """Remember that a lock was resolved now, which nobody can see in a file that stays as it was."""
    from scriptlock.cache import ages
    from scriptlock.cache.layout import Cache

    with suppress(CacheError):  # who needs the cache will say so
        cache = Cache.default()
        cache.prepare()
        ages.note(cache, lock, time.time())


def lock_files(
    paths: Iterable[AnyPath],
    *,
    executor: Executor | None = None,
    worker: Conversation | None = None,
    **options: Any,
) -> Iterator[LockResult]:
    """Lock many scripts at once; yield a result for each, in the order of the paths.

    What goes wrong with one is its result's ``error``, and does not stop the others. Whoever is
    interrupted, or wants no more of them, waits for those that were begun; without an executor of their
    own nothing is resolved or written any more.

    :param executor: where the work is done: threads or processes, here or elsewhere; by default a few
        threads, in which scripts that ask for the same get the same lock, made once.
    :param worker: which process asks the indexes for all of them, if it is not to be one of their own.
    :param options: those of :func:`lock_file`.
    """
    api.refuse_one_text("paths", paths)
    from scriptlock.sharing import SharedLocks, map_in_threads, map_in_turn

    scripts = [Path(path) for path in paths]
    if executor is not None:
        yield from map_in_turn(executor, partial(_try_lock_file, options=options), scripts)
        return
    shared = SharedLocks()
    with worker or Conversation() as answering:
        resolver = api.default_resolver(answering)
        work = partial(_try_lock_file, options={"choose": shared.lock, "resolver": resolver, **options})

        def meanwhile() -> None:
            if answering.is_begun:  # by whoever knew that there is something to resolve
                _load_what_writes_locks()

        def stop() -> None:
            shared.stop()
            answering.stop()

        yield from map_in_threads(work, scripts, meanwhile=meanwhile, stop=stop)


def _load_what_writes_locks() -> None:
    """Import, while the worker is at work, what would be imported when it has answered."""
    import tomlkit

    from scriptlock import pin_changes, spelling

    del tomlkit, pin_changes, spelling


def _try_lock_file(path: Path, *, options: dict[str, Any]) -> LockResult:
    try:
        return lock_file(path, **options)
    except ScriptlockError as error:
        script = None
        with suppress(ScriptlockError):
            _, script = read(path)
        return LockResult(path=path, script=script, error=error)


def strip_file(path: AnyPath) -> bool:
    """Take the footer out of a script's file; return whether there was one.

    :raises ScriptlockError: as :func:`lock_file`.
    """
    file = read_script(Path(path))
    return _write(file, embed(file.text, None))


def _write(file: ScriptFile, text: bytes) -> bool:
    return write_script(file, text, body_end=body_end(file.text))


def sync_file(
    path: AnyPath,
    *,
    write: bool = True,
    upgrade: bool = False,
    offline: bool = False,
    cache: Cache | None = None,
    notify: Notify = api.nobody,
    **options: Any,
) -> Environment:
    """Return the environment that a script's file runs in, locking and building what is missing.

    A stale footer is refreshed with the least change and written back; where that is impossible, and
    for a script without a footer, the lock is kept in the cache.

    :param write: False to leave the file as it is in any case.
    :param upgrade: choose every version anew, and write that back.
    :param notify: is told what was done to the file, and of waiting.
    :param options: those of :func:`scriptlock.by_text.prepare`: ``python``, ``locked``, ``frozen``,
        ``extra``, ``max_age``, ``resolver``, ``installer`` and ``workers``.
    :raises ScriptlockError: as :func:`lock_file` and :func:`scriptlock.sync`.
    """
    from scriptlock.cache.layout import Cache

    cache = cache or Cache.default()

    def attempt() -> Environment:
        file = read_script(Path(path))
        return _sync(
            file, cache=cache, write=write, upgrade=upgrade, offline=offline, notify=notify, **options
        )

    try:
        return attempt()
    except ScriptChanged:
        # Another run of it was quicker, or somebody saved it: what it says now decides.
        return attempt()


def _sync(
    file: ScriptFile,
    *,
    cache: Cache,
    write: bool,
    upgrade: bool,
    offline: bool,
    notify: Notify,
    **options: Any,
) -> Environment:
    from scriptlock.cache.registry import register

    def write_back(old: Lock, new: Lock) -> bool:
        if new == old:
            return True
        from scriptlock.pin_changes import changes_between

        try:
            _write(file, embed(file.text, new))
        except FileTrouble as trouble:
            if upgrade:
                raise
            notify(f"{trouble}; its refreshed lock stays in the cache")
            return False
        changes = "; ".join(map(str, changes_between(old, new))) or "no pin changed"
        why = "its lock was upgraded" if upgrade else "the header changed, so its lock was refreshed"
        notify(f"{why}: {changes}")
        return True

    prepared = prepare(
        file.text,
        cache=cache,
        upgrade=upgrade,
        offline=offline,
        written_at=file.stamp[-1] / 1e9,
        write_back=write_back if write else None,
        notify=notify,
        **options,
    )
    if not options.get("extra"):  # that was for once
        register(cache, file.path, prepared.environment.path, lock=prepared.kept_as)
    return prepared.environment


def which_file(path: AnyPath, *, python: AnyPath | None = None, cache: Cache | None = None) -> Path | None:
    """Return the python of the environment that a script's file would run in now, None if it is not built.

    Asks no network, changes nothing.

    :raises ScriptlockError: as :func:`sync_file`.
    """
    from scriptlock.cache.layout import Cache

    return built_python(read_script(Path(path)).text, cache=cache or Cache.default(), python=python)
