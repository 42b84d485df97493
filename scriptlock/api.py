"""Lock, check and sync one script: the only place where the parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from packaging.markers import Marker, default_environment
from packaging.utils import canonicalize_name

from scriptlock.errors import InvalidScript, NoHeader, NotLocked, Offline, StaleLock, UncoveredHost
from scriptlock.grid import Grid, adding, make_grid, reaches_beyond, serves
from scriptlock.header import Header
from scriptlock.interpreters import Interpreter, find_interpreter
from scriptlock.model import Lock, Pin
from scriptlock.script import Script, require_embeddable
from scriptlock.targets import Target, covers, host_target, require_covered, select

if TYPE_CHECKING:
    import os
    from pathlib import Path
    from subprocess import CompletedProcess

    from packaging.specifiers import SpecifierSet

    from scriptlock.cache.environments import Environment
    from scriptlock.cache.layout import Cache
    from scriptlock.install.fetch import Start
    from scriptlock.install.installer import Installer
    from scriptlock.locking import Notify
    from scriptlock.resolve.request import Resolver


def nobody(message: str, /) -> None:
    """Listen to nothing."""


def check(script: Script) -> None:
    """Return if the footer answers exactly what the header asks for; ask nobody else.

    It also has to cover the platform and Python at hand, if the header admits that Python.

    :raises NoHeader: if the script declares nothing.
    :raises NotLocked: if it has no footer.
    :raises StaleLock: if the footer was resolved from other inputs; it says what changed.
    :raises UncoveredHost: if it was made for others.
    :raises InvalidScript: if the header's settings are wrong.
    """
    header, lock = fresh(script)
    markers = _own_markers()
    requires_python = header.requires_python
    if requires_python is None or requires_python.contains(markers["python_full_version"], prereleases=True):
        with naming_the_line(header, markers):
            require_covered(lock, markers)


def fresh(script: Script) -> tuple[Header, Lock]:
    """Return header and lock of a script, if one answers the other, for whatever platform and Python.

    :raises NoHeader, NotLocked, StaleLock, InvalidScript: as :func:`check` does.
    """
    if script.header is None:
        raise NoHeader
    inputs = script.header.inputs
    if script.lock is None:
        raise NotLocked
    if script.lock.inputs != inputs:
        from scriptlock.changes import changes_since

        raise StaleLock(*changes_since(script.lock, script.header))
    return script.header, script.lock


@contextmanager
def naming_the_line(
    header: Header | None, markers: Mapping[str, str], *, wanted: str | os.PathLike[str] | None = None
) -> Iterator[None]:
    """Let an :class:`UncoveredHost` name the line of the header that adds the host, if it needs one.

    :param wanted: which Python it has, where somebody named one: a plain `lock` is for another.
    """
    try:
        yield
    except UncoveredHost as error:
        line = adding(header.settings.environments if header else (), markers)
        if line:
            error.hint = f"put `{line}` under [tool.scriptlock], and run `scriptlock lock`"
        elif wanted is not None:
            error.hint = f"run `scriptlock lock --python {wanted}` here to lock it for this one"
        raise


@cache
def _own_markers() -> dict[str, str]:
    return {name: str(value) for name, value in default_environment().items()}


def lock(
    script: Script,
    *,
    resolver: Resolver | None = None,
    python: str | os.PathLike[str] | Interpreter | None = None,
    upgrade: bool = False,
    upgrade_packages: Collection[str] = (),
    environments: Sequence[str | Marker] = (),
    here: bool | None = None,
    exclude_newer: datetime | None = None,
    offline: bool = False,
    notify: Notify = nobody,
) -> Lock:
    """Return a lock that answers the header, with as few pins changed as that allows.

    A footer that answers it already is returned as it is, and nobody is asked.

    :param resolver: who chooses versions; pip-tools by default.
    :param python: a path, a version or an Interpreter; by default the one that runs this, if it fits.
    :param upgrade: forget every pin.
    :param upgrade_packages: names whose pins are forgotten.
    :param environments: what to cover, in place of the header's setting; see docs/format.md.
    :param here: cover nothing but the platform and Python at hand; False refreshes a lock that does.
    :param exclude_newer: ignore files uploaded at that moment, which needs a time zone, or later; overrides
        the header's setting.
    :param offline: raise instead of asking a resolver.
    :param notify: is told what a person should know of the result, such as a yanked file.
    :raises ValueError: if ``exclude_newer`` has no time zone.
    :raises TypeError: if one text is given where several are wanted.
    :raises NoHeader: if the script declares nothing.
    :raises InvalidScript: if the header's settings are wrong, or no footer can be written into the script.
    :raises NoInterpreter: if no Python fits.
    :raises ResolutionError: if there is no solution; ``line`` is set where the header shows why.
    :raises Offline: if a resolution is needed and ``offline`` is set.
    """
    from scriptlock.locking import make_lock

    if exclude_newer is not None and exclude_newer.tzinfo is None:
        raise ValueError("exclude_newer has no time zone")
    refuse_one_text("upgrade_packages", upgrade_packages)
    refuse_one_text("environments", environments)
    header = script.header
    if header is None:
        raise NoHeader
    host = target_for(header, _interpreter(python, header.requires_python))
    kept = None if upgrade else script.lock
    is_fresh = kept and not upgrade_packages and _answers(kept, header, exclude_newer)
    if kept and is_fresh and not environments and here is None and covers(kept, host.markers):
        return kept
    grid = _grid(header, host, [*map(str, environments)], here=here)
    is_too_much = (here or environments) and kept and reaches_beyond(kept, grid)
    wanted = grid if here is None else replace(grid, optional=frozenset())
    if kept and is_fresh and not is_too_much and serves(kept, wanted):
        return kept
    require_embeddable(script)
    if offline and header.dependencies:
        raise Offline("its dependencies are not resolved yet")
    forgotten = {canonicalize_name(name) for name in upgrade_packages}
    preferred = tuple(pin for pin in _pins_to_keep(kept, header) if pin.name not in forgotten)
    if exclude_newer is None:
        exclude_newer = header.settings.cutoff(datetime.now(UTC).replace(microsecond=0))
    resolver = resolver or default_resolver()
    return make_lock(
        header,
        grid,
        resolver,
        preferred=preferred,
        # Another index may well have files of its own.
        refuses_other_files=kept is not None and kept.index_url == header.settings.index_url,
        exclude_newer=exclude_newer,
        notify=notify,
    )


def _pins_to_keep(lock: Lock | None, header: Header) -> tuple[Pin, ...]:
    if lock is None:
        return ()
    from scriptlock.changes import pins_that_may_stay

    return pins_that_may_stay(lock, header)


def refuse_one_text(name: str, several: object) -> None:
    """Return if what is given where several texts are wanted is not one, whose letters would be taken.

    :raises TypeError: if it is.
    """
    if isinstance(several, str):
        raise TypeError(f"{name} is one text, {several!r}, where several are wanted; put it into a list")


def target_for(header: Header, interpreter: Interpreter) -> Target:
    """Return what a lock of this script has to cover at least: the Python it runs with here."""
    return host_target(interpreter.markers, interpreter.tags, requires=header.requires_python)


def _interpreter(
    python: str | os.PathLike[str] | Interpreter | None,
    requires_python: SpecifierSet | None,
    cache: Cache | None = None,
) -> Interpreter:
    if isinstance(python, Interpreter):
        return python
    return find_interpreter(python, requires_python, memory=cache.interpreters if cache else None)


def _answers(lock: Lock, header: Header, exclude_newer: datetime | None) -> bool:
    return lock.inputs == header.inputs and exclude_newer in {None, lock.exclude_newer}


def _grid(header: Header, host: Target, environments: Sequence[str], *, here: bool | None) -> Grid:
    if here:
        return Grid(targets=(host,))
    named = environments or header.settings.environments
    try:
        return make_grid(named, header.requires_python, host)
    except InvalidScript as error:
        if not environments:
            error.line = header.line_of("tool.scriptlock.environments")
        raise


def default_resolver(start: Callable[[str], CompletedProcess[str]] | None = None) -> Resolver:
    """Return pip-tools, with the user's cache, which is not looked at before it is needed.

    :param start: has a worker answer an order; None for one worker for each order.
    """
    from scriptlock.resolve.pip_tools import PipTools, start_worker

    return PipTools(cache_dir=_answers_of_indexes, start=start or start_worker)


def _answers_of_indexes() -> Path:
    from scriptlock.cache.layout import Cache

    cache = Cache.default()
    cache.prepare()
    return cache.http


def sync(
    locked: Script | Lock,
    *,
    python: str | os.PathLike[str] | Interpreter | None = None,
    installer: Installer | None = None,
    cache: Cache | None = None,
    offline: bool = False,
    notify: Notify = nobody,
) -> Environment:
    """Return the environment that holds exactly the pins, building it if nobody has yet.

    It holds a lease, so that nobody removes it, until it is closed; use it in a ``with`` statement.

    :param python: a path, a version or an Interpreter; by default the one that runs this, if it fits.
    :param installer: who fills an environment; the wheel store by default.
    :param cache: where environments live; the user's cache by default.
    :param offline: raise instead of fetching anything.
    :param notify: is told of waiting for somebody else's build, or for what they fetch.
    :raises NotLocked, StaleLock: if it is a script whose footer does not answer its header.
    :raises UncoveredHost: if the lock was not made for the Python that is to be used.
    :raises NoInterpreter, InstallError, CacheError, EnvironmentBusy, Offline: as they say.
    """
    from scriptlock.cache.environments import open_environment
    from scriptlock.cache.layout import Cache

    header = None
    if isinstance(locked, Script):
        header, locked = fresh(locked)
    cache = cache or Cache.default()
    cache.prepare()
    interpreter = _interpreter(python, locked.requires_python, cache)
    with naming_the_line(header, interpreter.markers):
        pins = select(locked, interpreter.markers)
    if installer is None:
        installer = default_installer(cache, header, notify=notify)
    return open_environment(cache, interpreter, pins, installer, offline=offline, notify=notify)


def default_installer(
    cache: Cache, header: Header | None, *, fetch: Start | None = None, notify: Notify
) -> Installer:
    """Return the wheel store, with the index and the sources that the header allows.

    :param fetch: runs a process that fetches; None for one that is started when something is missing.
    :param notify: is told of waiting for somebody else who fetches the same.
    """
    from scriptlock.install.store import StoreInstaller

    if header is None:
        return StoreInstaller(cache, fetch=fetch, notify=notify)
    # Never the footer's index-url: that is what the lock was made from, said by whoever sent the script.
    settings = header.settings
    return StoreInstaller(
        cache,
        index_url=settings.index_url,
        allow_sdist=settings.allow_sdist,
        fetch=fetch,
        notify=notify,
    )
