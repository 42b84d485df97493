"""What pip-tools' resolver asks its repository for, one for each target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.finding import ShortLists
from scriptlock.resolve.indexes import Indexes
from scriptlock.targets import Target


@dataclass(slots=True, kw_only=True)
class Repository:
    """What pip-tools' resolver asks its repository for, for one target."""

    options: Any
    session: Any
    finder: Any
    command: Any


class Access:
    """What pip-tools asks its repository for, made for each target of an order.

    :param prereleases: whether they are as good as any.
    """

    def __init__(self, borrowed: Borrowed, indexes: Indexes, *, prereleases: bool) -> None:
        self._borrowed = borrowed
        self.indexes = indexes
        self._short_lists = ShortLists(borrowed, indexes.offers, prereleases=prereleases)

    def repository(self, target: Target) -> Repository:
        """Return what pip-tools needs to resolve for a target, with a memory of its own."""
        python = Version(target.markers["python_full_version"]).release
        seen_by_pip = self._borrowed.TargetPython(py_version_info=python)
        tags = [self._borrowed.Tag(*tag.split("-")) for tag in target.tags]
        seen_by_pip._valid_tags = tags  # noqa: SLF001 - borrowed.py has looked whether it is there
        seen_by_pip._valid_tags_set = set(tags)  # noqa: SLF001 - as above
        finder = self._borrowed.build_package_finder(
            self.indexes.command,
            options=self.indexes.options,
            session=self.indexes.session,
            target_python=seen_by_pip,
        )
        self._shorten(finder, target)
        command = _CommandFor(self.indexes.command, python)
        return Repository(
            options=self.indexes.options, session=self.indexes.session, finder=finder, command=command
        )

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
        self.resolver = self._command.make_resolver(py_version_info=self._python, **kwargs)
        return self.resolver
