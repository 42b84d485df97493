"""How the worker's pip reaches indexes, and what they have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from scriptlock.errors import IndexUnreachable
from scriptlock.pip_configuration import as_arguments
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.choices import download_sha256
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.metadata import Metadata
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.prefetch import Prefetch
from scriptlock.resolve.rows import JSON, Row, rows
from scriptlock.resolve.wire import Wire, host, refuse_insecure

USER_AGENT = f"pip/{version('pip')} (scriptlock)"
"""pip first: some indexes answer in another way to what they do not know."""


@dataclass(slots=True)
class WheelsUnlessNamed:
    """Takes the place of pip's FormatControl, which cannot say it: sdists for these names only."""

    named: Collection[NormalizedName]
    no_binary: set[str] = field(default_factory=set)
    only_binary: set[str] = field(default_factory=set)

    def get_allowed_formats(self, canonical_name: str) -> frozenset[str]:
        """Return the kinds of files that the package may come in."""
        return frozenset({"binary", "source"} if canonical_name in self.named else {"binary"})


class Indexes:
    """A parsed command line of ``pip install`` and its sessions, shared by all targets of an order.

    :param borrowed: what :data:`~scriptlock.resolve.borrowed.REACHING` names, at least.
    :param configured: pip's options for reaching indexes, as ``index_options`` returns them.
    :raises ResolutionError: if pip would quietly ignore one of the indexes.
    """

    def __init__(
        self, borrowed: Borrowed, order: Mapping[str, Any], configured: Mapping[str, str | list[str]]
    ) -> None:
        self._borrowed = borrowed
        self.allow_sdist = frozenset[NormalizedName](order["allow_sdist"])
        self.command = borrowed.create_command("install", isolated=True)
        self.options, _ = self.command.parse_args([*_arguments(order, configured)])
        self.options.format_control = WheelsUnlessNamed(self.allow_sdist)
        # A header's index-url carries no password; the configured one, which may fit it, comes first.
        urls = [configured.get("index-url"), self.options.index_url, *self.options.extra_index_urls]
        self._urls = [url for url in urls if url]
        self._folder = self.options.cache_dir
        # From here on it would only say where to keep wheels that pip builds, whatever they are built for.
        self.options.cache_dir = None
        self.options.require_hashes = False
        self.options.ignore_dependencies = False
        kept = Kept(Path(self._folder) if self._folder else None, self.options.trusted_hosts)
        self.session = self._new_session()
        self.wire = Wire(borrowed, self.session.request, self._request_file, kept)
        self.session.request = self.wire.request
        refuse_insecure(self.options, self.session.is_secure_origin, borrowed)
        self.metadata = Metadata(self.wire.metadata, kept)
        self.download_sha256 = cache(partial(download_sha256, session=self.session))
        self._collector = borrowed.create_collector(self.session, options=self.options)
        self.offers = Offers(
            self._listed,
            self.metadata.of,
            allow_sdist=self.allow_sdist,
            exclude_newer=self.options.uploaded_prior_to,
        )
        self.prefetch = Prefetch(self.offers)

    def close(self) -> None:
        """Close every connection, those included on which pip gave up half-way."""
        self.wire.close()
        self.session.close()
        if "_session_for_files" in vars(self):
            self._session_for_files.close()

    def links(self, name: str) -> Iterator[Any]:
        """Yield every link that the indexes and find-links have for a package, fitting or not."""
        for listed in self._listed(name):
            yield listed.link if isinstance(listed, Row) else listed

    def _listed(self, name: str) -> Iterator[Any]:
        found = self._collector.collect_sources(project_name=name, candidates_from_page=self._read)
        for source in filter(None, chain(found.find_links, found.index_urls)):
            yield from source.page_candidates()
            yield from source.file_links()

    def _read(self, page: Any) -> Iterable[Any]:
        content = self._collector.fetch_response(page)
        if content is None:
            return ()
        if not content.content_type.lower().startswith(JSON):
            links: Iterable[Any] = self._borrowed.parse_links(content)
            return links
        try:
            return rows(content.content, partial(self._borrowed.Link.from_json, page_url=content.url))
        except ValueError:
            raise IndexUnreachable(f"{host(page.url)} answered with JSON that cannot be read") from None

    def _request_file(self, *args: Any, **kwargs: Any) -> Any:
        return self._session_for_files.request(*args, **kwargs)

    @cached_property
    def _session_for_files(self) -> Any:
        """One that keeps what it fetches, as pip does; few resolutions need it."""
        return self._new_session(self._folder)

    def _new_session(self, folder: str | None = None) -> Any:
        options = copy(self.options)
        options.cache_dir = folder
        # pip's own starts three programs to find out about this machine, and tells it to the index.
        self._borrowed.networking.user_agent = lambda: USER_AGENT
        session = self._borrowed.build_session(self.command, options)
        session.update_index_urls(self._urls)
        return session


def _arguments(order: Mapping[str, Any], configured: Mapping[str, str | list[str]]) -> Iterator[str]:
    yield from ("--no-input", "--no-color", "--progress-bar=off")
    # Another pip would be told the indexes on its command line, with the passwords in them.
    yield "--use-feature=inprocess-build-deps"
    yield f"--cache-dir={order['cache_dir']}" if order["cache_dir"] else "--no-cache-dir"
    if order["prereleases"]:
        yield "--all-releases=:all:"
    if order["exclude_newer"]:
        yield f"--uploaded-prior-to={order['exclude_newer']}"
    yield from as_arguments(configured, index_url=order["index_url"])
