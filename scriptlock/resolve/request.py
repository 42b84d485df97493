"""What a resolver is asked for, and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from scriptlock.errors import ResolutionError
from scriptlock.model import Pin
from scriptlock.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to resolve, for whom, and under which bounds; the indexes come from pip's configuration."""

    requirements: tuple[Requirement, ...]
    targets: tuple[Target, ...]
    """One or more, the most wanted first: what is chosen for one is kept for the next where it fits."""
    optional: frozenset[str] = frozenset()
    """The targets, as text, that may go unsolved."""
    preferred: tuple[Pin, ...] = ()
    """Pins to keep wherever they still fit; a preference never makes a request unsolvable.

    That of a repository says at which commit to take it, whatever a requirement says of it: it has been asked
    for in the same words before.
    """
    constraints: tuple[Requirement, ...] = ()
    """Bounds that apply only where something asks for the package."""
    index_url: str | None = None
    """Takes the place of the configured index; extra indexes and find-links stay."""
    exclude_newer: datetime | None = None
    """UTC: ignore files uploaded at or after this moment."""
    prereleases: bool = False
    allow_sdist: frozenset[NormalizedName] = frozenset()
    """Packages that may come as source; every other one needs a wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One distribution that a target gets."""

    name: NormalizedName
    version: Version
    hashes: tuple[str, ...]
    """``sha256:<hex>`` of the best file for that target; empty only for git."""
    url: str | None = None
    git: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What one target gets."""

    target: Target
    choices: tuple[Choice, ...]
    """Sorted by name, one for each name."""
    notes: tuple[str, ...] = ()
    """Sentences a person should read: a yanked file that was kept, say."""
    replaced: tuple[NormalizedName, ...] = ()
    """Preferred pins of which the indexes have the version, but with another file in the place of one."""
    unsolved: ResolutionError | None = None
    """Why an optional target gets nothing at all."""


class Resolver(Protocol):
    """Chooses exact versions."""

    def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
        """Return one resolution for each target of the request, in the request's order.

        :raises ResolutionError: if a target that is not optional cannot be solved, or an index does
            not answer; the subclass says why.
        :raises ToolError: if the resolver itself is missing or broken.
        """
        ...
