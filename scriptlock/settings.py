"""What a header's ``[tool.scriptlock]`` asks for; docs/format.md lists the keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from packaging.markers import InvalidMarker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from scriptlock.errors import InvalidScript
from scriptlock.grid import SHORT_NAMES
from scriptlock.markers import read_marker
from scriptlock.requirements import normalise, read_requirement

_AGE = re.compile(r"(?P<count>\d{1,4}) (?P<unit>hour|day|week)s?")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a script wants to be locked; the defaults are those of a header that says nothing."""

    required: bool = False
    """A missing footer is an error."""
    environments: tuple[str, ...] = ()
    """What the lock covers: names of SHORT_NAMES or PEP 508 markers, in the header's order."""
    exclude_newer: str | None = None
    """As written: an ISO 8601 date or time, or an age such as ``7 days``; see :meth:`cutoff`."""
    index_url: str | None = None
    constraints: tuple[Requirement, ...] = ()
    """Bounds on packages that something asks for; they ask for nothing themselves."""
    prereleases: bool = False
    allow_sdist: frozenset[NormalizedName] = field(default_factory=frozenset)
    """Packages that may be built from source, which runs their code."""

    def cutoff(self, now: datetime) -> datetime | None:
        """Return the moment (UTC) from which on uploads are ignored, or None.

        A date means its first moment, a time without zone is UTC, an age counts back from ``now``.
        """
        return None if self.exclude_newer is None else _read_cutoff(self.exclude_newer, now)

    def resolving(self) -> dict[str, Any]:
        """Return those that change what is resolved, normalised, as JSON values; defaults are left out."""
        values: dict[str, Any] = {
            "allow-sdist": sorted(self.allow_sdist),
            "constraints": sorted({normalise(constraint) for constraint in self.constraints}),
            "environments": sorted(set(self.environments)),
            "exclude-newer": self.exclude_newer,
            "index-url": self.index_url,
            "prereleases": self.prereleases,
        }
        return {key: value for key, value in values.items() if value}


def _read_cutoff(text: str, now: datetime) -> datetime:
    if age := _AGE.fullmatch(text):
        return now.astimezone(UTC) - timedelta(**{f"{age['unit']}s": int(age["count"])})
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_settings(table: object, line_of: Callable[[str], int]) -> Settings:
    """Return the settings that a ``[tool.scriptlock]`` table asks for.

    :param line_of: the line of the script that one of the table's keys stands in.
    :raises InvalidScript: for an unknown key or a value of another type, with that line.
    """
    if not isinstance(table, dict):
        raise InvalidScript("tool.scriptlock is not a table", line_of(""))
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key.replace("-", "_")] = _READERS.get(key, _refuse)(key, value)
        except InvalidScript as error:  # only now is it worth looking for the line
            raise InvalidScript(error.reason, line_of(key), error.hint) from error
    return Settings(**values)


def _refuse(key: str, _: object) -> None:
    raise InvalidScript(f"[tool.scriptlock] has no setting {key!r}", hint=f"it has {', '.join(_READERS)}")


def _read_claim(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidScript(f"{key} is neither true nor false")
    return value


def _read_text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidScript(f"{key} is not a string", hint="put it in quotes")
    return value


def _read_texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InvalidScript(f"{key} is not a list of strings")
    return tuple(value)


def _read_environments(key: str, value: object) -> tuple[str, ...]:
    return tuple(_read_environment(text) for text in _read_texts(key, value))


@lru_cache(maxsize=256)  # most headers that name some name the same
def _read_environment(text: str) -> str:
    if text in SHORT_NAMES:
        return text
    try:
        return str(read_marker(text))
    except InvalidMarker as error:
        hint = f"use {', '.join(sorted(SHORT_NAMES))} or a PEP 508 marker"
        raise InvalidScript(f"{text!r} names no environment", hint=hint) from error


def _read_exclude_newer(key: str, value: object) -> str:
    text = _read_text(key, value)
    try:
        _read_cutoff(text, datetime(2000, 1, 1, tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        hint = 'write it as "2026-11-01", "2026-11-01T12:00:00Z" or "7 days"'
        raise InvalidScript(f"{key} is neither a date nor an age: {text!r}", hint=hint) from error
    return text


def _read_index_url(key: str, value: object) -> str:
    text = _read_text(key, value)
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise InvalidScript(f"{key} is not a URL") from error
    if url.username or url.password or url.query:
        hint = "keep user and password in pip's configuration or in a keyring; the script is not the place"
        raise InvalidScript(f"{key} carries credentials", hint=hint)
    if url.scheme not in {"http", "https", "file"} or not (url.netloc or url.scheme == "file"):
        raise InvalidScript(f"{key} is not an http, https or file URL")
    return text


def _read_constraints(key: str, value: object) -> tuple[Requirement, ...]:
    return tuple(read_requirement(text, 0) for text in _read_texts(key, value))


def _read_names(key: str, value: object) -> frozenset[NormalizedName]:
    names = _read_texts(key, value)
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise InvalidScript(f"{key}: {wrong!r} is no package name")
    return frozenset(map(canonicalize_name, names))


_READERS: dict[str, Callable[[str, object], Any]] = {
    "required": _read_claim,
    "environments": _read_environments,
    "exclude-newer": _read_exclude_newer,
    "index-url": _read_index_url,
    "constraints": _read_constraints,
    "prereleases": _read_claim,
    "allow-sdist": _read_names,
}
