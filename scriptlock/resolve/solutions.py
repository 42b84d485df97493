"""What targets get, and what of it another target needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.resolve.protocol import Question
from scriptlock.targets import Target

parse = lru_cache(maxsize=65536)(Requirement)
"""Return a requirement; nobody may change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One distribution that a target gets."""

    version: Version
    requires: tuple[str, ...]
    """What its metadata asks for, markers and all (PEP 508)."""
    link: Any
    """pip's, of the file."""
    requires_python: str | None = None
    """What its metadata says; not every index repeats it."""
    url: str | None = None
    """What was asked for, where that was a direct reference (PEP 508)."""
    commit: str | None = None
    """40 hex digits, of a repository."""
    is_portable: bool = True
    """Whether what a source says of itself holds on every target."""
    sha256: str | None = None
    """64 hex digits, where the file was downloaded before."""


Need = tuple[Chosen, SpecifierSet]
"""What others got of a package, and the bounds that everybody who needs it here sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """All that a target gets."""

    target: Target
    chosen: Mapping[NormalizedName, Chosen]


def needs(question: Question, known: Sequence[Solution]) -> dict[NormalizedName, Need] | None:
    """Return what is needed on the target; None if that is something that no solution knows.

    :param known: solutions of other targets; what is not in one is looked up in the next.
    """
    chosen: dict[NormalizedName, Chosen] = {}
    bounds: defaultdict[NormalizedName, SpecifierSet] = defaultdict(SpecifierSet)
    visited: defaultdict[NormalizedName, set[str]] = defaultdict(set)
    referred: set[NormalizedName] = set()
    pending = [parse(asked["text"]) for asked in question.requirements]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        found = next((solution.chosen[name] for solution in known if name in solution.chosen), None)
        if found is None or requirement.url not in {None, found.url}:
            return None
        if requirement.url is not None:
            referred.add(name)
        chosen[name] = found
        bounds[name] &= requirement.specifier
        for extra in {"", *requirement.extras} - visited[name]:
            visited[name].add(extra)
            pending += applicable(found.requires, question.target, extra)
    if any(found.url is not None and name not in referred for name, found in chosen.items()):
        return None  # nobody here asks for that file
    for constraint in (parse(asked["text"]) for asked in question.constraints):
        name = canonicalize_name(constraint.name)
        if name in chosen:
            bounds[name] &= constraint.specifier
    return {name: (found, bounds[name]) for name, found in chosen.items()}


def applicable(requires: tuple[str, ...], target: Target, extra: str = "") -> Iterator[Requirement]:
    """Yield what a target needs of what a distribution requires: the markers are true there.

    :param extra: for this extra; what has no marker is not for it alone.
    :raises InvalidRequirement: if one of them cannot be read.
    """
    environment = (*sorted(target.markers.items()), ("extra", extra))
    for requirement, marker in _with_markers(requires):
        if _holds(marker, environment) if marker else not extra:
            yield requirement


@lru_cache(maxsize=4096)
def _with_markers(requires: tuple[str, ...]) -> tuple[tuple[Requirement, str], ...]:
    requirements = map(parse, requires)
    return tuple((requirement, str(requirement.marker or "")) for requirement in requirements)


@lru_cache(maxsize=65536)
def _holds(marker: str, environment: tuple[tuple[str, str], ...]) -> bool:
    # The same few markers stand at most requirements, and to evaluate one takes many times as long.
    return _marker(marker).evaluate(dict(environment))


_marker = lru_cache(maxsize=4096)(Marker)
