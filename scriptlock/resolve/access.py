"""What pip-tools' resolver asks its repository for, one for each target."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.pip_configuration import as_arguments
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.finding import ShortLists
from scriptlock.resolve.indexes import Indexes
from scriptlock.resolve.sessions import PLAIN
from scriptlock.targets import Target


@dataclass(slots=True, kw_only=True)
class Repository:
    """What pip-tools' resolver asks its repository for, for one target."""

    options: Any
    session: Any
    finder: Any
    command: Any


@dataclass(slots=True)
class WheelsUnlessNamed:
    """Takes the place of pip's FormatControl, which cannot say it: sdists for these names only."""

    named: Collection[NormalizedName]
    no_binary: set[str] = field(default_factory=set)
    only_binary: set[str] = field(default_factory=set)

    def get_allowed_formats(self, canonical_name: str) -> frozenset[str]:
        """Return the kinds of files that the package may come in."""
        return frozenset({"binary", "source"} if canonical_name in self.named else {"binary"})


class Access:
    """A parsed command line of ``pip install``, and what pip-tools asks for each target of an order."""

    def __init__(self, borrowed: Borrowed, indexes: Indexes, order: Mapping[str, Any]) -> None:
        self._borrowed = borrowed
        self.indexes = indexes
        self._command = borrowed.create_command("install", isolated=True)
        self._options, _ = self._command.parse_args([*_arguments(order, indexes.configured)])
        self._options.format_control = WheelsUnlessNamed(indexes.allow_sdist)
        self._options.require_hashes = False
        self._options.ignore_dependencies = False
        self._short_lists = ShortLists(borrowed, indexes.offers, prereleases=order["prereleases"])

    def repository(self, target: Target) -> Repository:
        """Return what pip-tools needs to resolve for a target, with a memory of its own."""
        python = Version(target.markers["python_full_version"]).release
        seen_by_pip = self._borrowed.TargetPython(py_version_info=python)
        tags = [self._borrowed.Tag(*tag.split("-")) for tag in target.tags]
        seen_by_pip._valid_tags = tags  # noqa: SLF001 - borrowed.py has looked whether it is there
        seen_by_pip._valid_tags_set = set(tags)  # noqa: SLF001 - as above
        finder = self._borrowed.build_package_finder(
            self._command, options=self._options, session=self.indexes.session, target_python=seen_by_pip
        )
        self._shorten(finder, target)
        command = _CommandFor(self._command, python)
        return Repository(options=self._options, session=self.indexes.session, finder=finder, command=command)

    def _shorten(self, finder: Any, target: Target) -> None:
        # pip looks at thousands of files anew for each target, to take the same of each version in the end.
        find_all, find_best = finder.find_all_candidates, finder.find_best_candidate

        def is_plain(name: str) -> bool:
            # pip knows more ways to name a source, and complains of upload times that nobody tells.
            return name in self.indexes.allow_sdist or not self.indexes.offers.is_dated(name)

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
        # No wheel is built while versions are chosen, so none is found in a cache; pip would look for one
        # twice for each candidate, and each time go through all tags of the target.
        kwargs["wheel_cache"] = None
        self.resolver = self._command.make_resolver(py_version_info=self._python, **kwargs)
        return self.resolver


def _arguments(order: Mapping[str, Any], configured: Mapping[str, str | list[str]]) -> Iterator[str]:
    yield from PLAIN
    yield "--progress-bar=off"
    # Another pip would be told the indexes on its command line, with the passwords in them.
    yield "--use-feature=inprocess-build-deps"
    if order["prereleases"]:
        yield "--all-releases=:all:"
    if order["exclude_newer"]:
        yield f"--uploaded-prior-to={order['exclude_newer']}"
    yield from as_arguments(configured, index_url=order["index_url"])
