"""Finding the wheels of pins on the indexes, by pip's session, and putting them into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import chain
from pathlib import Path
from threading import Semaphore
from types import MappingProxyType
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.cache.layout import Cache
from scriptlock.errors import InstallError, ResolutionError
from scriptlock.install.offers import (
    REPLACED,
    NotOffered,
    Offer,
    at_url,
    choose,
    comes_as_source,
    from_link,
    on_page,
)
from scriptlock.install.shelves import Shelves
from scriptlock.install.tags import Preference
from scriptlock.install.unpackers import Shelve
from scriptlock.model import Pin
from scriptlock.pip_configuration import redact
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.reach import Reach
from scriptlock.resolve.urls import host

CONNECTIONS = 16
THREADS = 4 * CONNECTIONS
"""How many packages at once: most of them wait to be unpacked."""
ATTEMPTS = 3
"""How often to begin a file whose connection breaks off."""
CHUNK = 1 << 18
AS_IT_IS = MappingProxyType({"Accept-Encoding": "identity"})


def pin_of(told: Mapping[str, Any]) -> Pin:
    """Return a pin as an order tells it."""
    return Pin(
        name=canonicalize_name(told["name"]),
        version=Version(told["version"]),
        hashes=tuple(told["hashes"]),
        url=told["url"],
    )


class Fetcher:
    """Pip's session and its collection of links, and the store to fill.

    :param shelve: puts a file that was fetched into the store.
    """

    def __init__(self, borrowed: Borrowed, reach: Reach, order: Mapping[str, Any], shelve: Shelve) -> None:
        self._borrowed, self._reach, self._shelve = borrowed, reach, shelve
        self._shelves = Shelves(Cache(root=Path(order["root"])))
        self._preference = Preference(order["tags"])
        self._allow_sdist = frozenset(order["allow_sdist"])
        self._connections, self._is_over = Semaphore(CONNECTIONS), False

    def fetch_all(self, pins: Sequence[Pin]) -> list[str]:
        """Put a wheel of each pin into the store; return the names of those that come as source instead.

        :raises InstallError: if one cannot be had; the others are not waited for.
        """
        pool = ThreadPoolExecutor(THREADS)  # not in a `with`, which would wait for all that was begun
        try:
            fetching = [pool.submit(self.fetch, pin) for pin in pins]
            done, _ = wait(fetching, return_when=FIRST_EXCEPTION)
            # All of them, unless one of these raises why it cannot be had.
            return [
                pin.name
                for pin, fetched in zip(pins, fetching, strict=True)
                if fetched in done and not fetched.result()
            ]
        finally:
            self._is_over = True
            pool.shutdown(wait=False, cancel_futures=True)

    def fetch(self, pin: Pin) -> bool:
        """Put a wheel of the pin into the store, and return whether any fits."""
        if self._shelves.best(pin, self._preference) is not None:
            return True
        with self._shelves.workplace() as folder:
            archive = folder / "wheel"
            with self._connections:
                if self._is_over:
                    return False
                got = self._get(pin, archive)
            # Not while others wait for a connection: so the largest is there, and is unpacked first.
            if got is not None:
                self._shelve(archive, *got, pin)
        return got is not None

    def _get(self, pin: Pin, target: Path) -> tuple[str, str] | None:
        """Download a wheel of the pin; return its name and digest, or None if the pin comes as source."""
        if pin.url is not None:
            return self._take(pin, [self._named(pin, pin.url)], target)
        try:
            chosen = choose(pin, list(self._offers(pin.name, pin.hashes)), self._preference)
        except NotOffered:
            offers = list(self._offers(pin.name))
            if comes_as_source(pin, offers, self._allow_sdist):
                return None
            chosen = self._choose(pin, offers)
        return self._take(pin, chosen, target)

    def _choose(self, pin: Pin, offers: Sequence[Offer]) -> list[Offer]:
        """Return what fits of all offers.

        :raises NotOffered: if there is nothing; it says what there is instead of the pin's files.
        """
        try:
            return choose(pin, offers, self._preference)
        except NotOffered as error:
            if self._reach.wire.forbidden:
                error.hint = (
                    f"{', '.join(sorted(self._reach.wire.forbidden))} refused to say what it has (403)"
                )
            raise

    def _named(self, pin: Pin, url: str) -> Offer:
        offer = at_url(url)
        if self._preference.rank(offer.filename, pin.name, pin.version) is None:
            reason = f"{redact(url)} is no wheel of {pin.name} {pin.version} that fits this Python"
            raise InstallError(reason, "run `scriptlock lock` here")
        return offer

    def _take(self, pin: Pin, chosen: Sequence[Offer], target: Path) -> tuple[str, str]:
        """Download the first of the files that is one of the pin's; return its name and digest."""
        failure: InstallError | ResolutionError | None = None
        for offer in chosen:
            try:
                sha256 = self._download(offer, target)
            except (InstallError, ResolutionError) as error:  # another index may have the same file
                failure = failure or error
                continue
            if f"sha256:{sha256}" in pin.hashes:
                return offer.filename, sha256
        if failure is not None:
            raise failure
        names = " or ".join(f"{offer.filename} from {host(offer.url)}" for offer in chosen)
        raise InstallError(f"{names} is not the file that was locked", REPLACED)

    def _offers(self, name: str, hashes: Collection[str] = ()) -> Iterator[Offer]:
        """Yield what the indexes and find-links have for a package, fitting or not.

        :param hashes: leave out files that are told to have others, if that saves time.
        """

        def read(page: Any) -> list[Any]:
            content = self._reach.collector.fetch_response(page)
            return list(on_page(content, self._borrowed.parse_links, hashes)) if content else []

        found = self._reach.collector.collect_sources(project_name=name, candidates_from_page=read)
        for source in filter(None, chain(found.find_links, found.index_urls)):
            yield from source.page_candidates()
            yield from map(from_link, source.file_links())

    def _download(self, offer: Offer, target: Path) -> str:
        """Write the file there, and return its sha256.

        :raises InstallError: if it does not come to its end.
        """
        for _ in range(ATTEMPTS):
            digest, received = hashlib.sha256(), 0
            response = self._reach.session.get(offer.url, headers=AS_IT_IS, stream=True)
            try:
                with response, target.open("wb") as file:
                    for chunk in self._borrowed.response_chunks(response, CHUNK):
                        digest.update(chunk)
                        received += file.write(chunk)
            except (self._borrowed.HTTPError, self._borrowed.RequestException):
                continue
            if received == int(response.headers.get("Content-Length", received)):
                return digest.hexdigest()
        raise InstallError(f"{host(offer.url)} broke off while sending {offer.filename}", "try again")
