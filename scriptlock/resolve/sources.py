"""What happens when a package comes as source: nothing of it runs unless the header allows it by name."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from scriptlock.errors import IndexUnreachable, NoCompatibleWheel, ResolutionError
from scriptlock.pip_configuration import redact
from scriptlock.repositories import variables_for_cloning
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.origins import header_of
from scriptlock.resolve.references import address, allowing, commit_in
from scriptlock.resolve.static import promised
from scriptlock.targets import Target

STATIC_SINCE = (2, 2)
"""The metadata version whose PKG-INFO is what a build would say, but for what it calls dynamic (PEP 643)."""
LOOK_BEHIND = "behind the `@` of its URL, name a branch, a tag or a whole commit that is there"
SYMPTOMS = (
    ("did not match any|not our ref|find remote ref|Unable to find", LOOK_BEHIND),
    (
        "could not read (Username|Password)|Authentication failed|error: 40[13]",
        "check the URL; if the repository needs a login, git's credential helper has to know it",
    ),
    ("not found", "check the URL"),
    (
        "unable to access",
        "check the URL, the connection, and the proxy and certificates of git's configuration",
    ),
)
"""What to look for in git's words, and what to do then."""
_TELLING = re.compile("(fatal|error): (?!fetch failed)")
NEEDED = frozenset({"provides-extra", "requires-dist", "requires-python"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """Which sdists a target may get, and how their metadata is had."""

    target: Target
    allowed: frozenset[NormalizedName]
    can_build: bool
    """Whether the target is the machine and Python at hand, so that a build here tells what it gets."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """The URLs, without fragment, of those that may be cloned; each with the requirement of the header."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """By the URL, without fragment, that the header has of a repository: the one of the commit that stays."""
    portable: set[str] = field(default_factory=set)
    """URLs of repositories that promise the same metadata for every target."""
    built: list[str] = field(default_factory=list)
    """``name version`` of what had to be built to learn what it requires, chosen in the end or not."""

    @contextmanager
    def enforced(self, borrowed: Borrowed) -> Iterator[None]:
        """Put this policy between pip and every source distribution, whoever asks for it."""
        prepare = borrowed.prepare_distribution_metadata
        get = borrowed.SourceDistribution.get_metadata_distribution
        iter_dependencies = borrowed.Distribution.iter_dependencies
        known: dict[int, Any] = {}

        def dependencies(distribution: Any, extras: Collection[str] = ()) -> Iterator[Any]:
            # Who requires the same as the header gets the same.
            return (self._at_kept_commit(borrowed, one) for one in iter_dependencies(distribution, extras))

        def prepare_distribution_metadata(source: Any, *args: Any, **kwargs: Any) -> None:
            static = self._examine(borrowed, source.req)
            if static is None:
                try:
                    prepare(source, *args, **kwargs)
                except borrowed.PipError as error:
                    reason = f"{source.req.name} cannot be built from source: {_last_words(error)}"
                    raise ResolutionError(reason, header_of(source.req)) from error
            known[id(source)] = static

        def get_metadata_distribution(source: Any) -> Any:
            static = known.pop(id(source))
            return get(source) if static is None else static

        borrowed.SourceDistribution.prepare_distribution_metadata = prepare_distribution_metadata
        borrowed.SourceDistribution.get_metadata_distribution = get_metadata_distribution
        if self.kept:
            borrowed.Distribution.iter_dependencies = dependencies
        borrowed.preparing.unpack_vcs_link = partial(self._unpack_repository, borrowed)
        try:
            yield
        finally:
            borrowed.preparing.unpack_vcs_link = borrowed.unpack_vcs_link
            borrowed.Distribution.iter_dependencies = iter_dependencies
            borrowed.SourceDistribution.prepare_distribution_metadata = prepare
            borrowed.SourceDistribution.get_metadata_distribution = get

    def _examine(self, borrowed: Borrowed, source: Any) -> Any:
        """Return the metadata that an unpacked source promises, or None if it may be built for it."""
        name = canonicalize_name(source.name or source.link.filename)
        if name not in self.allowed:
            reason = f"{name} comes as source ({source.link.filename})"
            raise NoCompatibleWheel(reason, header_of(source), allowing(name))
        if source.link.is_existing_dir():
            raise ResolutionError(f"{name} comes from a folder, which a lock cannot pin", header_of(source))
        if source.link.is_vcs:
            return self._examine_repository(borrowed, source, name)
        path = Path(source.unpacked_source_directory, "PKG-INFO")
        content = path.read_bytes() if path.is_file() else b""
        told = BytesHeaderParser().parsebytes(content)
        dynamic = NEEDED & {text.strip().lower() for text in told.get_all("Dynamic", [])}
        if _version(str(told["Metadata-Version"])) >= STATIC_SINCE and not dynamic:
            return borrowed.get_metadata_distribution(content, source.link.filename, name)
        self._build(f"{name} {told['Version'] or ''}".rstrip(), source)
        return None

    def _examine_repository(self, borrowed: Borrowed, source: Any, name: str) -> Any:
        path = Path(source.unpacked_source_directory, "pyproject.toml")
        content = promised(path.read_bytes()) if path.is_file() else None
        if content is None:
            self._build(name, source)
            return None
        self.portable.add(source.link.url)
        return borrowed.get_metadata_distribution(content, source.link.filename, name)

    def _build(self, known: str, source: Any) -> None:
        """Note that a source is built to learn what it requires.

        :raises NoCompatibleWheel: if the target is not the machine at hand.
        """
        if not self.can_build:
            name = canonicalize_name(source.name or source.link.filename)
            raise NoCompatibleWheel(
                f"{known} has no wheel for {self.target}, and only building it there tells what it requires",
                header_of(source),
                f"resolve for other environments only, or bound {name} to a version that has a wheel",
            )
        self.built.append(known)

    def _at_kept_commit(self, borrowed: Borrowed, requirement: Any) -> Any:
        url = requirement.url and self.kept.get(borrowed.Link(requirement.url).url_without_fragment)
        if not url:
            return requirement
        changed = copy(requirement)  # pip remembers it
        changed.url = url
        return changed

    def _unpack_repository(self, borrowed: Borrowed, link: Any, *args: Any, **kwargs: Any) -> None:
        if link.url_without_fragment not in self.repositories:
            raise ResolutionError(
                f"{redact(link.url)} is a repository that the header does not ask for",
                hint=f"ask for it in the header, too, and allow it: {allowing('its name')}",
            )
        header, commit = self.repositories[link.url_without_fragment], commit_in(link.url)
        if commit:
            os.environ.update(variables_for_cloning(address(link.url)))
        try:
            borrowed.unpack_vcs_link(link, *args, **kwargs)
        except borrowed.PipError as error:
            # Whatever the target: there is no use in asking for it once for each.
            raise _no_repository(header, error, commit) from error


def _no_repository(header: str, error: Exception, commit: str | None) -> IndexUnreachable:
    """Return the error that says in git's words why a repository of the header is not to be had.

    :param commit: which commit git was asked for, if it was one.
    """
    lines = _lines(error)
    # What follows may be advice that makes no sense to whoever did not start git.
    told = next((line for line in reversed(lines) if _TELLING.match(line)), lines[-1])
    words = redact(re.sub("^(fatal: |error: |remote error: )+", "", told))
    hint = next((hint for symptom, hint in SYMPTOMS if re.search(symptom, words)), None)
    name = Requirement(header).name
    if commit and commit not in header and hint == LOOK_BEHIND:
        hint = f"if {commit[:7]}, which is locked, is gone: `scriptlock lock --upgrade-package {name}`"
    return IndexUnreachable(f"{name}: git cannot get it: {words}", (header,), hint)


def _last_words(error: Exception) -> str:
    """Return the last line that the build printed, or pip's own words if it printed none."""
    return redact(_lines(error)[-1])


def _lines(error: Exception) -> list[str]:
    """Return the lines that a program printed before it failed, or pip's own words if it printed none."""
    output = str(getattr(error, "context", None) or "").replace("[end of output]", "").split("\n")
    return [line.strip() for line in output if line.strip()] or [" ".join(str(error).split())]


def _version(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        return (0,)
