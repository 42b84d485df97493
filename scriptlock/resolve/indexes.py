"""What the indexes have that the worker's pip is configured to ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, partial
from itertools import chain
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name

from scriptlock.errors import IndexUnreachable
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.choices import download_sha256
from scriptlock.resolve.inside import Inside
from scriptlock.resolve.metadata import Metadata
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.pages import Page
from scriptlock.resolve.prefetch import Prefetch
from scriptlock.resolve.reach import Reach
from scriptlock.resolve.rows import JSON, Row, checked, in_utc, sha256_of
from scriptlock.resolve.urls import host


class Indexes:
    """What all targets of an order share: connections, pages, and metadata.

    :param borrowed: what :data:`~scriptlock.resolve.borrowed.REACHING` names, at least.
    :param reach: closed by :meth:`close`.
    """

    def __init__(self, borrowed: Borrowed, reach: Reach, order: Mapping[str, Any]) -> None:
        self._borrowed, self._reach = borrowed, reach
        self.configured, self.session, self.wire = reach.configured, reach.session, reach.wire
        self.allow_sdist = frozenset[NormalizedName](order["allow_sdist"])
        borrowed.links.parse_iso_datetime = lambda text: in_utc(borrowed.read_time(text))
        self._pages: list[tuple[str, str, bytes, Page]] = []
        self._sizes: dict[str, Any] = {}
        inside = Inside(self.session, self._sizes)
        self.metadata = Metadata(self.wire.metadata, reach.kept, self.wire.metadata_anew, inside.metadata)
        self.download_sha256 = cache(
            partial(download_sha256, session=self.session, broken=borrowed.HTTPError)
        )
        moment = order["exclude_newer"]
        self.offers = Offers(
            self._listed,
            self.metadata.of,
            allow_sdist=self.allow_sdist,
            exclude_newer=datetime.fromisoformat(moment) if moment else None,
        )
        self.prefetch = Prefetch(self.offers, reach.crew, is_awake=False)
        self.wire.listen(self.prefetch.wake)

    def close(self) -> None:
        """Close every connection."""
        self._reach.close()

    def links(self, name: str) -> Iterator[Any]:
        """Yield every link that the indexes and find-links have for a package, fitting or not."""
        for listed in self._listed(name):
            for one in _every(listed):
                yield one.link if isinstance(one, Row) else one

    def listings(self, name: str, version: str) -> Iterator[Collection[str]]:
        """Yield what there is of a version, and then all that the indexes have of the package, in sha256."""
        yield self.offers.sha256s(name, version)
        told = (sha256_of(one) for listed in self._listed(name) for one in _every(listed))
        yield frozenset(filter(None, told))

    def keep_rows(self) -> Iterator[None]:
        """Keep, page by page, what was made of them, so that the next process need not read all of them."""
        while self._pages:
            name, url, body, page = self._pages.pop()
            if told := page.to_keep():
                self._reach.kept.keep_rows(url, name, body, *told)
            yield

    def _listed(self, name: str) -> Iterator[Any]:
        found = self._reach.collector.collect_sources(
            project_name=name, candidates_from_page=partial(self._read, canonicalize_name(name))
        )
        # What an index calls a file is the page itself, of which nobody tells the age.
        files = chain.from_iterable(source.file_links() for source in filter(None, found.find_links))
        yield from sorted(files, reverse=True)  # first and in this order, as pip has them
        for source in filter(None, chain(found.find_links, found.index_urls)):
            yield from source.page_candidates()

    def _read(self, name: str, page: Any) -> Iterable[Any]:
        content = self._reach.collector.fetch_response(page)
        if content is None:
            return ()
        if not content.content_type.lower().startswith(JSON):
            links: Iterable[Any] = self._borrowed.parse_links(content)
            return links
        unreadable = IndexUnreachable(f"{host(page.url)} answered with JSON that cannot be read")

        def make(told: Mapping[str, Any]) -> Any:
            try:
                link = self._borrowed.Link.from_json(checked(told), page_url=content.url)
            except (ValueError, TypeError, AttributeError):
                raise unreadable from None
            if link is not None:
                self._sizes[link.url_without_fragment] = told.get("size")
            return link

        kept = self._reach.kept.rows(page.url, name, content.content)
        try:
            read = Page(name, content.content, make, kept)
        except (ValueError, RecursionError):
            raise unreadable from None
        self._pages.append((name, page.url, content.content, read))
        return [read]


def _every(listed: Any) -> Iterable[Any]:
    return listed.every() if isinstance(listed, Page) else [listed]
