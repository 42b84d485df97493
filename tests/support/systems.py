"""Operating systems on which something goes wrong at a chosen call, for code that takes a ``System``."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from typing import Any

from scriptlock.disk import SYSTEM, System


class Died(BaseException):
    """The process was killed: nothing it still tries takes effect."""


@dataclass(kw_only=True)
class Watched:
    """A system that notes every call, and lets something happen before it."""

    before: Callable[[str, int], object] = lambda name, number: None
    """Gets the name of the call and its number, from 1; what it raises, the call raises."""
    base: System = SYSTEM
    calls: list[str] = field(default_factory=list)

    @property
    def system(self) -> System:
        return System(**{call.name: self._watch(call.name) for call in fields(System)})

    def _watch(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.calls.append(name)
            self.before(name, len(self.calls))
            return getattr(self.base, name)(*args)

        return call


def failing(code: int, *, at: int = 0, names: Collection[str] = ()) -> Callable[[str, int], None]:
    """Return what lets one call fail by its number, or all of some names, with this errno."""

    def before(name: str, number: int) -> None:
        if number == at or name in names:
            raise OSError(code, os.strerror(code))

    return before


def dying(at: int) -> Callable[[str, int], None]:
    """Return what kills the process before one call."""

    def before(name: str, number: int) -> None:
        if number >= at:
            raise Died

    return before
