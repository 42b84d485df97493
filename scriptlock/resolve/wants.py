"""What an explanation is made from: who wants which package, and what the indexes have of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from scriptlock.targets import Target

SHOWN = 4
"""How many versions or requirements a sentence names before it says how many more there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A row of an index: one file of a package."""

    version: Version
    tags: frozenset[str] | None
    """The wheel tags; None for a source distribution."""
    requires_python: str | None = None
    yanked: bool = False
    uploaded: datetime | None = None
    broken: str | None = None
    """What pip finds wrong with its metadata, so that it ignores the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One requirement of those that cannot all be satisfied."""

    name: str
    specifier: SpecifierSet
    file: str | None = None
    """The file that a direct reference leads to."""
    parent: str | None = None
    """``name version`` of the package that has it; None for the header itself."""
    is_constraint: bool = False
    header: tuple[str, ...] = ()
    """The requirements of the header that led here, as the request has them."""

    @property
    def text(self) -> str:
        """As a person would write it."""
        return self.file or f"{self.name}{self.specifier}"

    @property
    def asked(self) -> str:
        """Who asked for it, to put behind :attr:`text`; nothing if it was the header."""
        return f" (required by {self.parent})" if self.parent else ""

    @property
    def asker(self) -> str:
        """The subject of a sentence."""
        if self.is_constraint:
            return "a constraint of the header"
        return self.parent or "the header"


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonWant:
    """A package whose metadata asks for another Python."""

    package: str
    """``name version``."""
    specifier: str
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What decides whether a file may be taken at all."""

    target: Target
    exclude_newer: datetime | None = None
    allow_sdist: frozenset[str] = frozenset()


def versions(files: Iterable[File]) -> str:
    """Return the newest versions, as an enumeration; pre-releases only if there is nothing else."""
    found = {file.version for file in files}
    newest = sorted({version for version in found if not version.is_prerelease} or found, reverse=True)
    return listed([str(version) for version in newest])


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return the words as an enumeration of moderate length."""
    if len(words) > SHOWN:
        words = [*words[:SHOWN], f"{len(words) - SHOWN} more"]
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final
