"""What a header asks for that its lock does not answer, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, islice

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scriptlock.header import Header, digest_inputs
from scriptlock.model import Lock, Pin
from scriptlock.requirements import normalise

_MOST_TRIES = 5000
"""A tenth of a second or so."""


def changes_since(lock: Lock, header: Header) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the requirements that were added to the header since it was locked, and those removed; sorted.

    The lock has only a digest of what was asked for then. If up to two requirements were added, and
    up to two without bounds removed, trying finds them exactly. Otherwise the added ones are those
    that no pin satisfies, and nothing is said about the removed ones.

    :raises InvalidScript: if the header's settings are wrong.
    """
    edit = _edit_since(lock, header)
    return (_unsatisfied(lock, header), ()) if edit is None else edit


def pins_that_may_stay(lock: Lock, header: Header) -> tuple[Pin, ...]:
    """Return a lock's pins, but those of repositories of which the header may ask for another revision now.

    A lock has the commit, and not the branch or the tag that led to it: that a requirement is the one it
    answers shows only if one of the small edits of :func:`changes_since` leads from there to here.

    :raises InvalidScript: if the header's settings are wrong.
    """
    if not any(pin.git for pin in lock.pins):
        return lock.pins
    edit, references = _edit_since(lock, header), _references(header.dependencies)
    # Of another reference that was added beside the one it answers, the commit is no answer either.
    stay = set[str]() if edit is None else references - _references(map(Requirement, edit[0]))
    return tuple(pin for pin in lock.pins if pin.git is None or pin.name in stay)


def _references(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements if requirement.url}


def _edit_since(lock: Lock, header: Header) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the small edit that certainly led from what was locked to the header, None if none did."""
    now = {normalise(requirement) for requirement in header.dependencies}
    settings = header.settings.resolving()
    names = {requirement.name for requirement in header.dependencies}
    gone = sorted({str(pin.name) for pin in lock.pins} - set(map(canonicalize_name, names)))
    for added, removed in islice(_small_edits(sorted(now), gone), _MOST_TRIES):
        before = (now - set(added)) | set(removed)
        if digest_inputs(before, header.requires_python, settings) == lock.inputs:
            return added, removed
    return None


def _small_edits(present: list[str], absent: list[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    sizes = sorted(((a, r) for a in range(3) for r in range(3)), key=sum)
    for count_added, count_removed in sizes:
        for added in combinations(present, count_added):
            for removed in combinations(absent, count_removed):
                yield added, removed


def _unsatisfied(lock: Lock, header: Header) -> tuple[str, ...]:
    return tuple(
        sorted(
            normalise(requirement)
            for requirement in header.dependencies
            if not any(
                pin.name == canonicalize_name(requirement.name)
                and requirement.specifier.contains(pin.version, prereleases=True)
                for pin in lock.pins
            )
        )
    )
