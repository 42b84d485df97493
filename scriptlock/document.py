"""A lock as the table that a footer holds, and back; docs/format.md is the contract."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import InvalidFooter
from scriptlock.markers import read_marker
from scriptlock.model import COMMIT, DIGEST, Lock, Pin, are_hashes
from scriptlock.requirements import read_specifiers

LOCK_VERSION = 1
KEYS = frozenset(
    "lock-version inputs content requires-python exclude-newer index-url environments pins hashes".split()
)
_PIN_KEYS = frozenset("version marker url git commit".split())
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def to_table(lock: Lock) -> dict[str, Any]:
    """Return the ``[tool.scriptlock]`` table of a lock, in the order it is written in, without ``content``.

    :raises InvalidFooter: if a URL of the lock carries credentials.
    """
    table: dict[str, Any] = {"lock-version": LOCK_VERSION, "inputs": lock.inputs}
    if lock.requires_python is not None:
        table["requires-python"] = str(lock.requires_python)
    if lock.exclude_newer is not None:
        table["exclude-newer"] = lock.exclude_newer.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if lock.index_url is not None:
        table["index-url"] = _clean(lock.index_url, "index-url")
    table["environments"] = [marker_text(marker) for marker in lock.environments]
    pins_of: dict[str, Any] = {}
    hashes_of: dict[str, list[str]] = {}
    for name, group in groupby(lock.pins, key=lambda pin: pin.name):
        pins = list(group)
        entries = [_pin_entry(pin) for pin in pins]
        pins_of[name] = entries[0] if len(entries) == 1 else entries
        if pins[0].hashes:
            hashes_of[name] = list(pins[0].hashes)
    tables = {"pins": pins_of, "hashes": hashes_of}
    return table | {key: value for key, value in tables.items() if value}


def _pin_entry(pin: Pin) -> str | dict[str, str]:
    entry = {"version": str(pin.version)}
    if pin.url is not None:
        entry["url"] = _clean(pin.url, pin.name)
    if pin.git is not None and pin.commit is not None:
        entry |= {"git": _clean(pin.git, pin.name), "commit": pin.commit}
    if pin.marker is not None:
        entry["marker"] = marker_text(pin.marker)
    return entry if len(entry) > 1 else entry["version"]


def marker_text(marker: Marker) -> str:
    """Return the marker as a footer spells it: in single quotes if nothing in it is one."""
    text = str(marker)
    return text if "'" in text else text.replace('"', "'")


def _clean(url: str, subject: str) -> str:
    if has_credentials(url):
        hint = "keep them in pip's configuration, a keyring or ~/.netrc"
        raise InvalidFooter(f"the URL of {subject} carries credentials", None, hint)
    return url


def has_credentials(url: str) -> bool:
    """Return whether a URL has a user, a password or a query; a user alone is no secret to ssh."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True  # what cannot be taken apart cannot be cleared
    is_ssh = parts.scheme.endswith("ssh") and parts.password is None
    return bool(parts.query) or ("@" in parts.netloc and not is_ssh)


def from_table(table: dict[str, Any], line_of: Callable[..., int]) -> Lock:
    """Return the lock that a footer's ``[tool.scriptlock]`` table says; ``content`` is not looked at.

    :param line_of: the line of the script where the key stands that the parts of a path lead to.
    :raises InvalidFooter: naming that line.
    """
    return _Reader(table, line_of).read()


@lru_cache(maxsize=1024)
def _read_version(text: str) -> tuple[Version, str]:
    """Return the version, and how it is written."""
    version = Version(text)
    return version, str(version)


class _Reader:
    """Takes values out of the table; whatever is not as the format says is an error with its line."""

    def __init__(self, table: dict[str, Any], line_of: Callable[..., int]) -> None:
        self.table = table
        self.line_of = line_of

    def wrong(self, reason: str, *path: str) -> InvalidFooter:
        return InvalidFooter(reason, self.line_of(*path), REMAKE)

    def read(self) -> Lock:
        unknown = next((key for key in self.table if key not in KEYS), None)
        if unknown is not None:
            raise self.wrong(f"the footer has an unknown key {unknown!r}", unknown)
        inputs = self.text("inputs")
        if inputs is None or not DIGEST.fullmatch(inputs):
            raise self.wrong("inputs is not `v1:` and 32 hex digits", "inputs")
        index_url = self.text("index-url")
        if index_url is not None and has_credentials(index_url):
            raise self.wrong("index-url carries credentials", "index-url")
        return Lock(
            pins=self.pins(),
            environments=self.environments(),
            inputs=inputs,
            requires_python=self.requires_python(),
            exclude_newer=self.exclude_newer(),
            index_url=index_url,
        )

    def text(self, key: str) -> str | None:
        value = self.table.get(key)
        if not isinstance(value, str | None):
            raise self.wrong(f"{key} is not a string", key)
        return value

    def subtable(self, key: str) -> dict[str, Any]:
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(f"{key} is not a table", key)
        return value

    def requires_python(self) -> SpecifierSet | None:
        text = self.text("requires-python")
        try:
            return None if text is None else read_specifiers(text)
        except ValueError as error:
            raise self.wrong(
                f"requires-python {text!r} is no version specifier", "requires-python"
            ) from error

    def exclude_newer(self) -> datetime | None:
        text = self.text("exclude-newer")
        try:
            if text is None or _TIME.fullmatch(text):
                return None if text is None else datetime.fromisoformat(text)
        except ValueError:  # no such day, say
            pass
        raise self.wrong(f"exclude-newer {text!r} is no UTC time", "exclude-newer")

    def environments(self) -> tuple[Marker, ...]:
        texts = self.table.get("environments")
        if not isinstance(texts, list) or not texts:
            raise self.wrong("environments is not a list of markers", "environments")
        return tuple(self.marker(text, "environments") for text in texts)

    def marker(self, text: object, *path: str) -> Marker:
        try:
            if isinstance(text, str):
                return read_marker(text)
        except InvalidMarker:
            pass
        raise self.wrong(f"{text!r} is no marker", *path)

    def pins(self) -> tuple[Pin, ...]:
        hashes = self.subtable("hashes")
        pins = self.subtable("pins")
        stray = next((name for name in hashes if name not in pins), None)
        if stray is not None:
            raise self.wrong(f"there are hashes of {stray}, but no pin", "hashes", stray)
        return tuple(
            pin
            for name in sorted(pins)
            for pin in self.pins_of(name, pins[name], self.hashes(name, hashes.get(name, [])))
        )

    def hashes(self, name: str, texts: object) -> tuple[str, ...]:
        if not isinstance(texts, list):
            raise self.wrong(f"the hashes of {name} are not a list", "hashes", name)
        if not are_hashes(texts):
            wrong = next(text for text in texts if not are_hashes([text]))
            raise self.wrong(f"{name}: {wrong!r} is not sha256 with 64 hex digits", "hashes", name)
        return tuple(sorted(set(texts)))

    def pins_of(self, name: str, value: object, hashes: tuple[str, ...]) -> tuple[Pin, ...]:
        if canonicalize_name(name) != name or not name:
            raise self.wrong(f"{name!r} is not a normalised name (PEP 503)", "pins", name)
        entries = value if isinstance(value, list) else [value]
        if not entries:
            raise self.wrong(f"{name} has no version", "pins", name)
        return tuple(self.pin(name, entry, hashes) for entry in entries)

    def pin(self, name: str, entry: object, hashes: tuple[str, ...]) -> Pin:
        is_version = isinstance(entry, str)  # as most are
        facts: dict[str, Any] = {"version": entry} if is_version else self.facts(name, entry)
        version = self.version(name, facts.pop("version", None))
        try:
            return Pin(name=canonicalize_name(name), version=version, hashes=hashes, **facts)
        except ValueError as error:
            raise self.wrong(str(error), "pins", name) from error

    def facts(self, name: str, table: object) -> dict[str, Any]:
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise self.wrong(f"the pin of {name} is neither a version nor a table of strings", "pins", name)
        unknown = next((key for key in table if key not in _PIN_KEYS), None)
        if unknown is not None:
            raise self.wrong(f"the pin of {name} has an unknown key {unknown!r}", "pins", name)
        if any(has_credentials(table[key]) for key in ("url", "git") if key in table):
            raise self.wrong(f"the URL of {name} carries credentials", "pins", name)
        if "commit" in table and not COMMIT.fullmatch(table["commit"]):
            raise self.wrong(f"{name}: a commit has 40 hex digits", "pins", name)
        marker = {"marker": self.marker(table["marker"], "pins", name)} if "marker" in table else {}
        return {**table, **marker}

    def version(self, name: str, text: str | None) -> Version:
        try:
            version, normalised = _read_version(text or "")
        except ValueError as error:  # too long a number, too
            raise self.wrong(f"{name}: {text!r} is no version", "pins", name) from error
        if normalised != text:
            raise self.wrong(
                f"{name}: {text!r} is not written as a normalised version, {version}", "pins", name
            )
        return version


REMAKE = "take the footer out with `scriptlock strip`, then run `scriptlock lock`"
"""What to do about a footer that cannot be trusted any more."""
