"""What indexes offer for a pin, and which of it to fetch."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import InvalidSdistFilename, NormalizedName, parse_sdist_filename

from scriptlock.errors import InstallError
from scriptlock.install.tags import Preference
from scriptlock.model import Pin
from scriptlock.resolve.rows import JSON, sha256_in, sha256_of
from scriptlock.resolve.urls import host

REPLACED = "somebody replaced the file; if that is all right, run `scriptlock lock` with --upgrade-package"


class NotOffered(InstallError):
    """No page that was read has one of the pin's files, or none that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A file that can be fetched."""

    filename: str
    sha256: str | None
    """64 hex digits, if it is told."""
    href: str
    """Its URL, which may be relative."""
    base: str = ""
    """What it is relative to."""

    @property
    def url(self) -> str:
        """Its URL."""
        # Pages have thousands of rows, of which few are asked for this.
        return urljoin(self.base, self.href)


def on_page(
    page: Any, parse_links: Callable[[Any], Iterable[Any]], hashes: Collection[str] = ()
) -> Iterator[Offer]:
    """Yield what a page of an index offers.

    :param page: pip's ``IndexContent``.
    :param parse_links: pip's own way to read it, which takes much longer if it is JSON (PEP 691).
    :param hashes: leave out files of a JSON page that are told to have others; there are thousands.
    :raises InstallError: if the page cannot be read.
    """
    if not page.content_type.lower().startswith(JSON):
        yield from map(from_link, parse_links(page))
        return
    wanted = [digest.removeprefix("sha256:") for digest in hashes]
    try:
        for row in json.loads(page.content)["files"]:
            digest = sha256_in(row.get("hashes"))
            if wanted and digest and digest not in wanted:
                continue
            yield Offer(filename=row["filename"], sha256=digest, href=row["url"], base=page.url)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InstallError(f"{host(page.url)} answered with JSON that cannot be read") from None


def from_link(link: Any) -> Offer:
    """Return what a link of pip's offers."""
    return Offer(filename=link.filename, sha256=sha256_of(link), href=link.url_without_fragment)


def at_url(url: str) -> Offer:
    """Return what a URL offers by itself."""
    return Offer(filename=unquote(urlsplit(url).path.rpartition("/")[2]), sha256=None, href=url)


def choose(pin: Pin, offers: Sequence[Offer], preference: Preference) -> list[Offer]:
    """Return the wheels to try, the best first: one whose digest is not told has to be fetched to know it.

    :raises NotOffered: if there is none.
    """
    if locked := _fitting(pin, (offer for offer in offers if is_locked(offer, pin)), preference):
        return locked
    fitting = _fitting(pin, offers, preference)
    if untold := [offer for offer in fitting if offer.sha256 is None]:
        return untold
    if fitting and any(is_locked(offer, pin) for offer in offers):
        raise NotOffered(
            f"the lock has a file of {pin.name} {pin.version}, but none that fits this Python",
            f"run `scriptlock lock --upgrade-package {pin.name}` here: it adds what is missing",
        )
    if fitting:
        raise NotOffered(f"{pin.name} {pin.version} on the index is not the file that was locked", REPLACED)
    raise NotOffered(
        f"no index offers a wheel of {pin.name}=={pin.version} that fits this Python",
        "run `scriptlock lock` here, with --upgrade if it is gone from the index",
    )


def _fitting(pin: Pin, offers: Iterable[Offer], preference: Preference) -> list[Offer]:
    """Return the wheels of the pin among the offers that the interpreter accepts, the best first."""
    ranked = [(preference.rank(offer.filename, pin.name, pin.version), offer) for offer in offers]
    accepted = [(rank, offer) for rank, offer in ranked if rank is not None]
    return [offer for _, offer in sorted(accepted, key=lambda pair: pair[0])]


def is_locked(offer: Offer, pin: Pin) -> bool:
    """Return whether the offer is known to be one of the pin's files."""
    return f"sha256:{offer.sha256}" in pin.hashes


def comes_as_source(pin: Pin, offers: Iterable[Offer], allowed: Collection[NormalizedName]) -> bool:
    """Return whether a source distribution of the pin is offered, and may be built."""
    return pin.name in allowed and any(_is_source(offer, pin) for offer in offers)


def _is_source(offer: Offer, pin: Pin) -> bool:
    try:
        named = parse_sdist_filename(offer.filename)
    except InvalidSdistFilename:
        return False
    return named == (pin.name, pin.version) and (offer.sha256 is None or is_locked(offer, pin))
