"""How the worker's pip reaches indexes: options, one session, and a finder for each target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import chain
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.pip_configuration import as_arguments
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.choices import download_sha256
from scriptlock.resolve.finding import ShortLists
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.rows import JSON, Row, rows
from scriptlock.resolve.wire import Wire, refuse_insecure
from scriptlock.targets import Target


@dataclass(slots=True)
class WheelsUnlessNamed:
    """Takes the place of pip's FormatControl, which cannot say it: sdists for these names only."""

    named: Collection[NormalizedName]
    no_binary: set[str] = field(default_factory=set)
    only_binary: set[str] = field(default_factory=set)

    def get_allowed_formats(self, canonical_name: str) -> frozenset[str]:
        """Return the kinds of files that the package may come in."""
        return frozenset({"binary", "source"} if canonical_name in self.named else {"binary"})


@dataclass(slots=True, kw_only=True)
class Repository:
    """What pip-tools' resolver asks its repository for, for one target."""

    options: Any
    session: Any
    finder: Any
    command: Any


class Access:
    """A parsed command line of ``pip install`` and its session, shared by all targets of an order.

    :param configured: pip's options for reaching indexes, as ``index_options`` returns them.
    :raises ResolutionError: if pip would quietly ignore one of the indexes.
    """

    def __init__(
        self, borrowed: Borrowed, order: Mapping[str, Any], configured: Mapping[str, str | list[str]]
    ) -> None:
        self._borrowed = borrowed
        self.allow_sdist = frozenset[NormalizedName](order["allow_sdist"])
        self._command = borrowed.create_command("install", isolated=True)
        self._options, _ = self._command.parse_args([*_arguments(order, configured)])
        self._options.format_control = WheelsUnlessNamed(self.allow_sdist)
        self.session = borrowed.build_session(self._command, self._options)
        self.wire = Wire(borrowed, self.session.request)
        self.session.request = self.wire.request
        # A header's index-url carries no password; the configured one, which may fit it, comes first.
        urls = [configured.get("index-url"), self._options.index_url, *self._options.extra_index_urls]
        self.session.update_index_urls([url for url in urls if url])
        # From here on it would only say where to keep wheels that pip builds, whatever they are built for.
        self._options.cache_dir = None
        self._options.require_hashes = False
        self._options.ignore_dependencies = False
        refuse_insecure(self._options, self.session.is_secure_origin, borrowed)
        self._collector: Any = None
        self.download_sha256 = cache(partial(download_sha256, session=self.session))
        self.offers = Offers(
            self._listed,
            self._metadata,
            allow_sdist=self.allow_sdist,
            exclude_newer=self._options.uploaded_prior_to,
        )
        self._short_lists = ShortLists(borrowed, self.offers, prereleases=order["prereleases"])

    def close(self) -> None:
        """Close every connection, those included on which pip gave up half-way."""
        self.wire.close()
        self.session.close()

    def repository(self, target: Target) -> Repository:
        """Return what pip-tools needs to resolve for a target, with a memory of its own."""
        python = Version(target.markers["python_full_version"]).release
        seen_by_pip = self._borrowed.TargetPython(py_version_info=python)
        tags = [self._borrowed.Tag(*tag.split("-")) for tag in target.tags]
        seen_by_pip._valid_tags = tags  # noqa: SLF001 - borrowed.py has looked whether it is there
        seen_by_pip._valid_tags_set = set(tags)  # noqa: SLF001 - as above
        finder = self._borrowed.build_package_finder(
            self._command, options=self._options, session=self.session, target_python=seen_by_pip
        )
        self._collector = finder._link_collector  # noqa: SLF001 - borrowed.py knows its class
        self._shorten(finder, target)
        command = _CommandFor(self._command, python)
        return Repository(options=self._options, session=self.session, finder=finder, command=command)

    def _shorten(self, finder: Any, target: Target) -> None:
        # pip looks at thousands of files anew for each target, to take the same of each version in the end.
        find_all, find_best = finder.find_all_candidates, finder.find_best_candidate

        def is_plain(name: str) -> bool:
            # pip knows more ways to name a source, and says which upload times are missing.
            return name in self.allow_sdist or bool(self._options.uploaded_prior_to)

        @cache
        def find_all_candidates(project_name: str) -> list[Any]:
            name = canonicalize_name(project_name)
            return (
                find_all(project_name) if is_plain(name) else self._short_lists.all_candidates(target, name)
            )

        def find_best_candidate(project_name: str, specifier: Any = None, hashes: Any = None) -> Any:
            name = canonicalize_name(project_name)
            if is_plain(name) or specifier is None or hashes:
                return find_best(project_name, specifier, hashes)
            return self._short_lists.best_candidates(target, name, specifier)

        finder.find_all_candidates = find_all_candidates
        finder.find_best_candidate = find_best_candidate

    def links(self, name: str) -> Iterator[Any]:
        """Yield every link that the indexes and find-links have for a package, fitting or not.

        There has to be a :meth:`repository` by then.
        """
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
        if content.content_type.lower().startswith(JSON):
            return rows(content.content, partial(self._borrowed.Link.from_json, page_url=content.url))
        return self._borrowed.parse_links(content)

    def _metadata(self, link: Any) -> bytes | None:
        place = link.metadata_link()
        if place is None:
            return None
        try:
            with self.session.get(place.url_without_fragment, stream=True) as answer:
                return bytes(answer.content)
        except IndexUnreachable:
            raise
        except ResolutionError:
            return None  # promised, and not there: a resolver that needs it will say so


class _CommandFor:
    """pip's install command, whose resolver takes Requires-Python for the target's."""

    def __init__(self, command: Any, python: tuple[int, ...]) -> None:
        self._command = command
        self._python = python
        self.resolver: Any = None
        """The one that was made last."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._command, name)

    def make_resolver(self, **kwargs: Any) -> Any:
        self.resolver = self._command.make_resolver(py_version_info=self._python, **kwargs)
        return self.resolver


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
