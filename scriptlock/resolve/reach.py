"""The way to the indexes: little enough to be there long before whoever looks into what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.crew import Crew
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.sessions import Sessions
from scriptlock.resolve.wire import Wire, refuse_insecure


class Reach:
    """Connections to the indexes that pip is configured to ask, what they answered, and where they have what.

    :param borrowed: what :data:`~scriptlock.resolve.borrowed.REACHING` names, at least.
    :param configured: pip's options for reaching indexes, as ``index_options`` returns them.
    :param index_url: takes the place of the configured index.
    :param folder: where what they answered is kept; None for nowhere.
    :param keeps_files: whether pip keeps its files there, too.
    :param refresh: ask for every page again, however fresh the one that was kept.
    :raises ResolutionError: if pip would quietly ignore one of the indexes.
    """

    def __init__(
        self,
        borrowed: Borrowed,
        configured: Mapping[str, str | list[str]],
        *,
        index_url: str | None,
        folder: str | None,
        keeps_files: bool = False,
        refresh: bool = False,
    ) -> None:
        self.configured = configured
        self._requirement = borrowed.Requirement
        self._sessions = Sessions(
            borrowed, configured, index_url=index_url, folder=folder if keeps_files else None
        )
        self.session, options = self._sessions.plain, self._sessions.options
        if refresh:
            self.session.refresh_package = {":all:"}
        refuse_insecure(options, self.session.is_secure_origin, borrowed)
        self.kept = Kept(Path(folder) if folder else None, options.trusted_hosts)
        request = self.session.request
        self.wire = Wire(
            borrowed, request, self._sessions.request_file if keeps_files else request, self.kept
        )
        self.session.request = self.wire.request
        self.collector = borrowed.create_collector(self.session, options=options)
        self.crew = Crew()

    def ask_ahead(self, requirements: Iterable[str]) -> None:
        """Begin to ask for the pages of packages that somebody is going to look into.

        :param requirements: PEP 508; direct references are passed over.
        """
        self.crew.begin()
        for text in requirements:
            self.crew.put(partial(self._ask, text))

    def _ask(self, text: str) -> None:
        requirement = self._requirement(text)
        if requirement.url is None:
            self._ask_for_pages(requirement.name)

    def _ask_for_pages(self, name: str) -> None:
        def read(page: Any) -> tuple[()]:
            self.collector.fetch_response(page)
            return ()

        found = self.collector.collect_sources(project_name=name, candidates_from_page=read)
        for source in filter(None, chain(found.find_links, found.index_urls)):
            for _ in source.page_candidates():
                pass

    def close(self) -> None:
        """Close every connection, those included on which pip gave up half-way."""
        self.crew.close()
        self.wire.close()
        self._sessions.close()
