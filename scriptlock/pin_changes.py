"""What became of the pins between two locks, in the words a person reads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from scriptlock.model import Lock

_Pinned = tuple[tuple[Version, ...], str | None]
"""The versions of a package, and its commit."""
NOTHING: _Pinned = ((), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The versions of one package before and after; one side may be empty.

    One from a repository may have another commit of the same version.
    """

    name: NormalizedName
    before: tuple[Version, ...]
    """The newest first, as in :attr:`Lock.pins`."""
    after: tuple[Version, ...]
    before_commit: str | None = None
    """40 hex digits, or None if it was from no repository."""
    after_commit: str | None = None

    def __str__(self) -> str:
        before, after = (", ".join(map(str, versions)) for versions in (self.before, self.after))
        if self.before == self.after:
            before, after = f"{before} ({_short(self.before_commit)})", _short(self.after_commit)
        if not self.before:
            return f"+ {self.name} {after}"
        if not self.after:
            return f"- {self.name} {before}"
        return f"~ {self.name} {before} -> {after}"


def _short(commit: str | None) -> str:
    return commit[:7] if commit else "from no repository"


def changes_between(old: Lock | None, new: Lock) -> tuple[Change, ...]:
    """Return the packages that are not pinned to the same versions, or commits, in both, by name."""
    before, after = _pinned(old), _pinned(new)
    return tuple(
        Change(name=name, before=was[0], after=now[0], before_commit=was[1], after_commit=now[1])
        for name in sorted(before.keys() | after.keys())
        if (was := before.get(name, NOTHING)) != (now := after.get(name, NOTHING))
    )


def _pinned(lock: Lock | None) -> dict[NormalizedName, _Pinned]:
    versions: defaultdict[NormalizedName, dict[Version, None]] = defaultdict(dict)
    commits: dict[NormalizedName, str | None] = {}
    for pin in lock.pins if lock else ():
        versions[pin.name][pin.version] = None
        commits[pin.name] = commits.get(pin.name) or pin.commit
    return {name: (tuple(found), commits[name]) for name, found in versions.items()}
