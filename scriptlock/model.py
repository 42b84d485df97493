"""The values everything else speaks in: pins, locks and what was odd about a script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

HASH = re.compile(r"sha256:[0-9a-f]{64}")
_HASHES = re.compile(r"(?>(?:sha256:[0-9a-f]{64},)*)")
COMMIT = re.compile(r"[0-9a-f]{40}")
DIGEST = re.compile(r"v1:[0-9a-f]{32}")


def are_hashes(texts: Sequence[object]) -> bool:
    """Return whether each of them is a text that is a HASH."""
    # In one go. The length tells a text with a comma in it from two.
    joined = "".join([f"{text}," for text in texts])
    return len(joined) == 72 * len(texts) and _HASHES.fullmatch(joined) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One distribution at one version, and every file we accept for it."""

    name: NormalizedName
    version: Version
    hashes: tuple[str, ...] = ()
    """``sha256:<hex>``, sorted; empty only for a git reference, whose commit says it all."""
    marker: Marker | None = None
    """Where the pin applies (PEP 508); None is everywhere in the lock's environments."""
    url: str | None = None
    """The file itself, when the requirement was a direct reference to one."""
    git: str | None = None
    commit: str | None = None
    """Repository and full commit, when the requirement was a direct reference to those."""

    def __post_init__(self) -> None:
        if canonicalize_name(self.name) != self.name:
            raise ValueError(f"{self.name!r} is not a normalised name (PEP 503)")
        if not are_hashes(self.hashes):
            raise ValueError(f"{self.name}: a hash is not sha256 with 64 hex digits")
        if list(self.hashes) != sorted(set(self.hashes)):
            raise ValueError(f"{self.name}: hashes are not sorted and unique")
        if (self.git is None) != (self.commit is None) or (self.git is not None and self.url is not None):
            raise ValueError(f"{self.name}: a pin is a version, a url, or a git repository with a commit")
        if self.commit is not None and not COMMIT.fullmatch(self.commit):
            raise ValueError(f"{self.name}: a commit has 40 hex digits")
        if not self.hashes and self.git is None:
            raise ValueError(f"{self.name}: a pin without hashes accepts any file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Everything a footer says: the pins, where they hold, and what they were resolved from."""

    pins: tuple[Pin, ...]
    """Sorted by name, then newest version first; the pins of one name share their hashes."""
    environments: tuple[Marker, ...]
    """Each is true on some of what the lock covers (PEP 508); together they are what it covers."""
    inputs: str
    """``v1:`` and 32 hex digits over what the header asked for; see docs/format.md."""
    requires_python: SpecifierSet | None = None
    exclude_newer: datetime | None = None
    """UTC: files uploaded later were ignored."""
    index_url: str | None = None
    """A claim to compare with the header, never an address to trust."""

    def __post_init__(self) -> None:
        if not DIGEST.fullmatch(self.inputs):
            raise ValueError("inputs is not `v1:` and 32 hex digits")
        if not self.environments:
            raise ValueError("a lock covers at least one environment")
        names = [pin.name for pin in self.pins]
        if names != sorted(names):
            raise ValueError("pins are not sorted by name")
        for name, pins in groupby(self.pins, key=lambda pin: pin.name):
            if len({pin.hashes for pin in pins}) > 1:
                raise ValueError(f"{name}: pins of one name share their hashes")
        if self.exclude_newer is not None and self.exclude_newer.tzinfo is None:
            raise ValueError("exclude-newer needs a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something odd that is no error, and where."""

    line: int
    """1-based, in the script."""
    message: str
