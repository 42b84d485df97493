"""The same for files: lock, sync and strip scripts where they lie, one or many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scriptlock import api
from scriptlock.api import Notify, nobody
from scriptlock.errors import FileTrouble, NotLocked, ScriptlockError, StaleLock
from scriptlock.files import ScriptFile, read_script, write_script
from scriptlock.interpreters import Interpreter, find_interpreter
from scriptlock.model import Lock
from scriptlock.pin_changes import Change, changes_between
from scriptlock.script import Script, body_end, embed, parse
from scriptlock.targets import select

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from scriptlock.cache.environments import Environment
    from scriptlock.cache.layout import Cache
    from scriptlock.install import Installer
    from scriptlock.resolve import Resolver

_NOTHING_DECLARED = "# /// script\n#\n# ///\n"
"""A script without a header runs like one whose header asks for nothing."""

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
        return changes_between(self.script.lock if self.script else None, self.lock)


def read(path: AnyPath) -> tuple[ScriptFile, Script]:
    """Return a script's file and what it says.

    :raises FileTrouble: if it cannot be read.
    :raises InvalidScript: if it is not a script.
    """
    file = read_script(Path(path))
    return file, parse(file.text)


def lock_file(path: AnyPath, *, write: bool = True, locked_only: bool = False, **options: Any) -> LockResult:
    """Lock one script and write the footer into its file; return what changed.

    A footer that answers the header already is not written again.

    :param write: False to see what would change.
    :param locked_only: leave alone a script that carries no lock and does not require one.
    :param options: those of :func:`scriptlock.lock`.
    :raises ScriptlockError: as :func:`scriptlock.parse`, :func:`scriptlock.lock` and
        :func:`scriptlock.embed` do; the file is then as it was.
    :raises ScriptChanged: if somebody else changed the file meanwhile.
    :raises FileTrouble: if it cannot be read or written.
    """
    file, script = read(path)
    if locked_only and not must_be_locked(script):
        return LockResult(path=Path(path), script=script)
    notes: list[str] = []
    lock = api.lock(script, notify=notes.append, **options)
    written = False
    if lock is not script.lock:
        text = embed(file.text, lock)
        written = write and _write(file, text)
    return LockResult(path=Path(path), script=script, lock=lock, written=written, notes=tuple(notes))


def must_be_locked(script: Script) -> bool:
    """Return whether the script carries a lock, or its header requires one."""
    return script.lock is not None or (script.header is not None and script.header.settings.required)


def lock_files(
    paths: Iterable[AnyPath], *, executor: Executor | None = None, **options: Any
) -> Iterator[LockResult]:
    """Lock many scripts at once; yield a result for each, in the order of the paths.

    What goes wrong with one is its result's ``error``, and does not stop the others.

    :param executor: where the work is done: threads or processes, here or elsewhere; a few
        threads by default.
    :param options: those of :func:`lock_file`.
    """
    work = partial(_try_lock_file, options=options)
    if executor is not None:
        yield from executor.map(work, map(Path, paths))
        return
    with ThreadPoolExecutor(max_workers=4) as threads:
        try:
            yield from threads.map(work, map(Path, paths))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _try_lock_file(path: Path, *, options: dict[str, Any]) -> LockResult:
    try:
        return lock_file(path, **options)
    except ScriptlockError as error:
        return LockResult(path=path, error=error)


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
    python: str | None = None,
    locked: bool = False,
    frozen: bool = False,
    offline: bool = False,
    resolver: Resolver | None = None,
    installer: Installer | None = None,
    cache: Cache | None = None,
    notify: Notify = nobody,
) -> Environment:
    """Return the environment that a script's file runs in, locking and building what is missing.

    A stale footer is refreshed with the least change and written back; where that is impossible, and
    for a script without a footer, the lock is kept in the cache.

    :param locked: a footer that is missing or stale is an error.
    :param frozen: use the footer as it stands, stale or not.
    :param notify: is told what was done to the file, and of waiting.
    :raises ScriptlockError: as :func:`lock_file` and :func:`scriptlock.sync`.
    """
    from scriptlock.cache.layout import Cache
    from scriptlock.cache.locks import cached_lock

    file, script = read(path)
    cache = cache or Cache.default()
    cache.prepare()
    if script.header is None and script.lock is None:
        script = parse(_NOTHING_DECLARED)
    lock = _usable_lock(script, locked=locked, frozen=frozen)
    found = find_interpreter(python, _requires_python(script, lock), memory=cache.interpreters)
    if lock is None:
        make = partial(api.lock, script, python=found, offline=offline, resolver=resolver, notify=notify)
        lock = cached_lock(cache, _key(script, found), make)
        if script.lock is not None:
            _write_back(file, script.lock, lock, notify)
    if installer is None:
        installer = api.default_installer(cache, script.header)
    return api.sync(lock, python=found, installer=installer, cache=cache, offline=offline, notify=notify)


def which_file(path: AnyPath, *, python: str | None = None, cache: Cache | None = None) -> Path | None:
    """Return the python of the environment that a script's file would run in now, None if it is not built.

    Asks no network, changes nothing.

    :raises ScriptlockError: as :func:`sync_file`.
    """
    from scriptlock.cache.environments import ready_python
    from scriptlock.cache.layout import Cache
    from scriptlock.cache.locks import kept_lock

    _, script = read(path)
    cache = cache or Cache.default()
    if script.header is None and script.lock is None:
        script = parse(_NOTHING_DECLARED)
    lock = _usable_lock(script, locked=False, frozen=False)
    found = find_interpreter(python, _requires_python(script, lock), memory=cache.interpreters)
    lock = lock or kept_lock(cache, _key(script, found))
    return None if lock is None else ready_python(cache, found, select(lock, found.markers))


def _requires_python(script: Script, lock: Lock | None) -> SpecifierSet | None:
    # They differ only where a stale lock is used as it stands.
    return script.header.requires_python if script.header else lock.requires_python if lock else None


def _usable_lock(script: Script, *, locked: bool, frozen: bool) -> Lock | None:
    if frozen and script.lock is not None:
        return script.lock
    try:
        api.check(script)
    except StaleLock:
        if locked:
            raise
        return None
    except NotLocked:
        if locked or frozen or must_be_locked(script):
            raise
        return None
    return script.lock


def _key(script: Script, interpreter: Interpreter) -> str:
    from scriptlock.cache.locks import lock_key

    assert script.header is not None  # noqa: S101 - check() has raised NoHeader otherwise
    return lock_key(script.header.inputs, api.target_for(script.header, interpreter), script.lock)


def _write_back(file: ScriptFile, old: Lock, new: Lock, notify: Notify) -> None:
    try:
        _write(file, embed(file.text, new))
    except FileTrouble as trouble:
        notify(f"{trouble}; its refreshed lock stays in the cache")
        return
    changes = "; ".join(map(str, changes_between(old, new))) or "no pin changed"
    notify(f"the header changed, so its lock was refreshed: {changes}")
