"""What became of the pins between two locks, in the words a person reads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from scriptlock.model import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The versions of one package before and after; one side may be empty."""

    name: NormalizedName
    before: tuple[Version, ...]
    """The newest first, as in :attr:`Lock.pins`."""
    after: tuple[Version, ...]

    def __str__(self) -> str:
        before, after = (", ".join(map(str, versions)) for versions in (self.before, self.after))
        if not self.before:
            return f"+ {self.name} {after}"
        if not self.after:
            return f"- {self.name} {before}"
        return f"~ {self.name} {before} -> {after}"


def changes_between(old: Lock | None, new: Lock) -> tuple[Change, ...]:
    """Return the packages that are not pinned to the same versions in both, by name."""
    before, after = _versions(old), _versions(new)
    return tuple(
        Change(name=name, before=before.get(name, ()), after=after.get(name, ()))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _versions(lock: Lock | None) -> dict[NormalizedName, tuple[Version, ...]]:
    versions: defaultdict[NormalizedName, dict[Version, None]] = defaultdict(dict)
    for pin in lock.pins if lock else ():
        versions[pin.name][pin.version] = None
    return {name: tuple(found) for name, found in versions.items()}
