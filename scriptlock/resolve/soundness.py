"""Where pip's resolver is known to err: packages that require each other in a circle.

There it can recurse for ever over an answer that it has, and in rare cases call an answer one that
leaves a requirement unsatisfied. The first is mended, the second found out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scriptlock.errors import ConflictingRequirements
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.origins import asked_by, header_of
from scriptlock.resolve.protocol import Question
from scriptlock.resolve.wants import listed


@contextmanager
def circles_survived(borrowed: Borrowed) -> Iterator[None]:
    """Let pip sort out, without recursion, which of its packages are still required by somebody."""
    borrowed.resolution._has_route_to_root = _has_route_to_root  # noqa: SLF001 - borrowed.py has looked
    try:
        yield
    finally:
        borrowed.resolution._has_route_to_root = borrowed.has_route_to_root  # noqa: SLF001 - as above


def _has_route_to_root(
    criteria: Mapping[Any, Any], key: Any, all_keys: Mapping[int, Any], connected: set[Any]
) -> bool:
    """Return whether somebody in ``connected`` requires the key, directly or not; then add it there."""
    seen = set()
    waiting = [key]
    while waiting:
        current = waiting.pop()
        if current in connected:
            connected.add(key)
            return True
        if current in criteria and current not in seen:
            seen.add(current)
            parents = map(id, criteria[current].iter_parent())
            waiting += [all_keys[parent] for parent in parents if parent in all_keys]
    return False


def refuse_unsound(
    candidates: Mapping[str, Any], extras: Mapping[str, frozenset[str]], question: Question
) -> None:
    """Return if the candidates give everybody what they require.

    :param candidates: pip's, by normalised name.
    :param extras: what was asked for, by normalised name.
    :raises ConflictingRequirements: if not; it says who lacks what.
    """
    wants: list[tuple[str, str, tuple[str, ...]]]
    wants = [("the header", asked["text"], (asked["header"],)) for asked in question.requirements]
    for name, candidate in candidates.items():
        who, header = f"{name} {candidate.version}", header_of(asked_by(candidate))
        wants += [(who, text, header) for text in _required(candidate, extras.get(name, frozenset()))]
    lacking = [want for want in wants if not _is_given(Requirement(want[1]), candidates)]
    if lacking:
        told = listed([f"{who} wants {text}" for who, text, _ in lacking])
        raise ConflictingRequirements(
            f"pip-tools found only versions that do not fit each other: {told}",
            tuple(sorted({text for _, _, header in lacking for text in header})),
        )


def _required(candidate: Any, extras: Collection[str]) -> list[str]:
    wants = [*candidate.dist.iter_dependencies()]
    if extras:
        wants += candidate.dist.iter_dependencies(extras)
    # Without marker: it is true here. Without URL: what came from there has no other version.
    return sorted({f"{want.name}{want.specifier}" for want in wants})


def _is_given(want: Requirement, candidates: Mapping[str, Any]) -> bool:
    given = candidates.get(canonicalize_name(want.name))
    return given is not None and want.specifier.contains(str(given.version), prereleases=True)
