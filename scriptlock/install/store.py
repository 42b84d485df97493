"""Filling an environment from the wheel store, and the store from the indexes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import NormalizedName

from scriptlock.cache.layout import Cache
from scriptlock.errors import InstallError, Offline
from scriptlock.install.compile import compile_in_background, python_name
from scriptlock.install.inspection import Spoiled
from scriptlock.install.installer import EmptyEnvironment, Fill
from scriptlock.install.link import Filling
from scriptlock.install.shelves import Shelves, StoredWheel
from scriptlock.install.tags import Preference
from scriptlock.interpreters import Interpreter
from scriptlock.model import Pin

if TYPE_CHECKING:
    from scriptlock.install.fetch import Start

NO_WHEEL = "depend on a release, or on the URL of a wheel"
TRIES = 3
"""How often a spoiled file may turn up in the store before something else must be wrong."""

Compile = Callable[[Cache, Interpreter, Sequence[str]], None]
Gathered = tuple[list[tuple[Pin, StoredWheel]], list[Pin]]


class StoreInstaller:
    """Links environments out of the cache's wheel store, and fetches what that lacks.

    Indexes are those of the user's pip configuration. Packages that come as source are left to pip.

    :param index_url: takes the place of the configured index; extra indexes and find-links stay.
    :param allow_sdist: packages that may be built from source, which runs their code; wheels only otherwise.
    :param link: makes a hard link; what it cannot link is copied.
    :param threads: how many may link at once; as many as there are processors by default.
    :param fetch: runs a process that fetches; by default one that is started when something is missing.
    :param compile_wheels: is given the digests of wheels that have no bytecode yet for the interpreter.
    :param notify: is told of waiting for somebody else who fetches the same.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        index_url: str | None = None,
        allow_sdist: Collection[NormalizedName] = (),
        link: Callable[[str, str], None] = os.link,
        compile_wheels: Compile = compile_in_background,
        threads: int | None = None,
        fetch: Start | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.cache, self.index_url, self.allow_sdist = cache, index_url, frozenset(allow_sdist)
        self._shelves, self._threads = Shelves(cache, notify=notify), threads
        self._link, self._compile_wheels, self._fetch = link, compile_wheels, fetch

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        """Install exactly the pins, as :class:`scriptlock.install.Installer` has it."""
        with self.begin_install(pins, environment.interpreter, offline=offline) as fill:
            fill(environment)

    @contextmanager
    def begin_install(
        self, pins: Sequence[Pin], interpreter: Interpreter, /, *, offline: bool
    ) -> Iterator[Fill]:
        """Begin to fetch what is missing, as :class:`scriptlock.install.Hasty` has it."""
        for pin in pins:
            self._refuse_unfit(pin)
        with (
            self._shelves.shared() as lease,
            self._gathering(pins, interpreter, lease, offline=offline) as gathered,
        ):

            def fill(environment: EmptyEnvironment) -> None:
                self._fill(environment, *gathered(), pins=pins, lease=lease, offline=offline)

            yield fill

    def _fill(
        self,
        environment: EmptyEnvironment,
        wheels: Sequence[tuple[Pin, StoredWheel]],
        source: Sequence[Pin],
        *,
        pins: Sequence[Pin],
        lease: int,
        offline: bool,
    ) -> None:
        filling = Filling(environment, self._link, threads=self._threads)
        for _ in range(TRIES):
            try:
                self._put(filling, environment.interpreter, wheels)
                break
            except Spoiled as found:
                self._shelves.drop(found.wheel)
            with self._gathering(pins, environment.interpreter, lease, offline=offline) as gathered:
                wheels, source = gathered()
        else:
            raise InstallError("the wheel store changes all the time", "look who writes to it")
        if source:
            from scriptlock.install.pip import PipInstaller

            pip = PipInstaller(self.cache.http, index_url=self.index_url, allow_sdist=self.allow_sdist)
            pip.install(source, environment, offline=offline)

    def _refuse_unfit(self, pin: Pin) -> None:
        if pin.git is not None and pin.name not in self.allow_sdist:
            from scriptlock.resolve.references import allowing

            raise InstallError(f"{pin.name} comes as source, from a repository", allowing(pin.name))
        if pin.url is not None and pin.name not in self.allow_sdist and not _is_wheel(pin.url):
            from scriptlock.pip_configuration import redact

            raise InstallError(f"{pin.name} is pinned to {redact(pin.url)}, which is no wheel", NO_WHEEL)

    @contextmanager
    def _gathering(
        self, pins: Sequence[Pin], interpreter: Interpreter, lease: int, *, offline: bool
    ) -> Iterator[Callable[[], Gathered]]:
        """Begin to fetch what the store lacks; give what waits for that.

        It returns the stored wheel of each pin, and the pins that come as source.
        """
        found = self._find(pins, interpreter)
        source = {pin.name for pin in pins if pin.git or (pin.url is not None and not _is_wheel(pin.url))}
        missing = [pin for pin in pins if pin.name not in found and pin.name not in source]
        if offline and (missing or source):
            raise Offline(_missing(pin for pin in pins if pin.name not in found))
        with ExitStack() as held:
            finish = None
            if missing:
                leases = held.enter_context(self._shelves.fetching(pin.name for pin in missing))
                # Somebody else may have fetched them meanwhile.
                found |= self._find(missing, interpreter)
                missing = [pin for pin in missing if pin.name not in found]
            if missing:
                from scriptlock.install.fetch import Order, fetching

                order = Order(index_url=self.index_url, allow_sdist=self.allow_sdist, tags=interpreter.tags)
                inherit = [lease, *leases]
                worker = fetching(self.cache, missing, order, inherit=inherit, start=self._fetch)
                finish = held.enter_context(worker)

            def gathered() -> Gathered:
                if finish is not None:
                    source.update(finish())
                    found.update(self._find(missing, interpreter))
                held.close()  # a wheel may turn out to be spoiled, and has to be fetched once more then
                return _sorted_out(pins, found, source)

            yield gathered

    def _find(self, pins: Sequence[Pin], interpreter: Interpreter) -> dict[NormalizedName, StoredWheel]:
        """Return the best wheel of each pin that the store has, where it has one."""
        preference = Preference(interpreter.tags)
        best = {pin.name: self._shelves.best(pin, preference) for pin in pins if pin.git is None}
        return {name: wheel for name, wheel in best.items() if wheel is not None}

    def _put(
        self, filling: Filling, interpreter: Interpreter, wheels: Sequence[tuple[Pin, StoredWheel]]
    ) -> None:
        python = python_name(interpreter)
        stock = [(wheel, pin, self._shelves.bytecode(wheel, python)) for pin, wheel in wheels]
        filling.add(stock)
        if uncompiled := [wheel.sha256 for wheel, _, bytecode in stock if bytecode is None]:
            self._compile_wheels(self.cache, interpreter, uncompiled)


def _sorted_out(
    pins: Sequence[Pin], found: Mapping[NormalizedName, StoredWheel], source: Collection[NormalizedName]
) -> Gathered:
    lacking = [pin for pin in pins if pin.name not in found and pin.name not in source]
    if lacking:
        raise InstallError(f"{lacking[0].name} was fetched, and is gone from the wheel store", "try again")
    return (
        [(pin, found[pin.name]) for pin in pins if pin.name in found],
        [pin for pin in pins if pin.name in source],
    )


def _is_wheel(url: str) -> bool:
    return urlsplit(url).path.endswith(".whl")


def _missing(pins: Iterable[Pin]) -> str:
    names = ", ".join(f"{pin.name} {pin.version}" for pin in pins)
    return f"the wheel store lacks {names}"
