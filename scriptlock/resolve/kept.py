"""Answers of indexes on the disk, for the next resolution: by URL, or by sha256 where that is known.

Whatever is wrong with the folder or with what is in it, the answer is asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scriptlock.resolve.freshness import VALIDATORS, lifetime, validators

TOLD = ("Content-Type", *VALIDATORS)
"""The headers that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One with the status 200."""

    headers: Mapping[str, str]
    body: bytes
    is_fresh: bool
    """Whether it need not be asked for again."""


class Kept:
    """What was kept.

    As pip has it, nothing is kept that somebody on the way may have changed.

    :param folder: where; None for nowhere.
    :param trusted: hosts, with a port or without, that are believed without encryption.
    """

    def __init__(self, folder: Path | None, trusted: Collection[str] = ()) -> None:
        self._folder = folder
        self._trusted = frozenset(trusted)

    def answer(self, url: str) -> Answer | None:
        """Return what a URL answered, if it was kept."""
        checksum, about, body = self._read("answers", _name(url), lines=2)
        if checksum != _checksum(about, body):
            return None
        told = json.loads(about)
        is_fresh = told["kept"] <= time.time() < told["until"]
        return Answer(headers=told["headers"], body=body, is_fresh=is_fresh)

    def keep_answer(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an answer as long as it says, or longer if the index can tell whether it still holds."""
        seconds = lifetime(headers)
        if not self._is_trusted(url) or seconds is None or not (seconds or validators(headers)):
            return
        now = time.time()  # the URL is not written: there may be a password in it
        told = {name: headers[name] for name in TOLD if name in headers}
        about = {"headers": told, "kept": now, "until": now + seconds}
        line = json.dumps(about).encode() + b"\n"
        self._write("answers", _name(url), _checksum(line, body), line, body)

    def rows(self, url: str, name: str, body: bytes) -> KeptRows | None:
        """Return what was kept of a page's rows, if it was this very page.

        :param name: of the package whose rows they are.
        """
        path = self._path("rows", _name(f"{url}\n{name}"))
        with suppress(OSError):
            if path:
                with path.open("rb") as file:
                    checksum, about = file.readline(), file.readline()
                    told = json.loads(about) if checksum == _checksum(about) else {}
                    if told.get("page") == hashlib.sha256(body).hexdigest():
                        return KeptRows(path, file.tell(), told["versions"], told["places"])
        return None

    def keep_rows(
        self,
        url: str,
        name: str,
        body: bytes,
        versions: Collection[str],
        rows: Mapping[str, Collection[Mapping[str, Any]]],
    ) -> None:
        """Keep what versions a page lists, and the rows of some of them, if the page itself is kept."""
        page = self._path("answers", _name(url))
        if page is None or not page.is_file():
            return
        parts, places, end = [], {}, 0
        for version, told in rows.items():
            parts.append(json.dumps(told).encode())
            places[version] = (end, len(parts[-1]), zlib.crc32(parts[-1]))
            end += len(parts[-1])
        about = {"page": hashlib.sha256(body).hexdigest(), "versions": [*versions], "places": places}
        line = json.dumps(about).encode() + b"\n"
        self._write("rows", _name(f"{url}\n{name}"), _checksum(line), line, *parts)

    def metadata(self, sha256: str) -> bytes | None:
        """Return the file with a sha256, if it was kept."""
        (content,) = self._read("metadata", _name(sha256))  # an index may call anything a sha256
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def keep_metadata(self, content: bytes) -> None:
        """Keep a file, for good: it is known by what is in it."""
        self._write("metadata", _name(hashlib.sha256(content).hexdigest()), content)

    def metadata_of(self, sha256: str, url: str) -> bytes | None:
        """Return the metadata of the wheel with a sha256 that is at a URL, if it was kept."""
        checksum, content = self._read("wheels", _name(f"{url}\n{sha256}"), lines=1)
        return content if content and checksum == _checksum(content) else None

    def keep_metadata_of(self, sha256: str, url: str, content: bytes) -> None:
        """Keep the metadata of a wheel, for good.

        :param sha256: that of the wheel, as an index tells it: nobody has looked.
        :param url: where the wheel is; what is elsewhere may be called the same and be another.
        """
        if self._is_trusted(url):
            self._write("wheels", _name(f"{url}\n{sha256}"), _checksum(content), content)

    def _is_trusted(self, url: str) -> bool:
        parts = urlsplit(url)
        with_port = parts.netloc.rpartition("@")[2]
        return parts.scheme == "https" or not self._trusted.isdisjoint({with_port, parts.hostname})

    def _read(self, kind: str, name: str, *, lines: int = 0) -> list[bytes]:
        """Return the first lines of a file, and all behind them; a page is large, and not to be copied."""
        path = self._path(kind, name)
        with suppress(OSError):
            if path:
                with path.open("rb") as file:
                    return [*(file.readline() for _ in range(lines)), file.read()]
        return [b""] * (lines + 1)

    def _path(self, kind: str, name: str) -> Path | None:
        return self._folder / kind / name if self._folder else None

    def _write(self, kind: str, name: str, *parts: bytes) -> None:
        if not self._folder:
            return
        with suppress(OSError):
            folder = self._folder / kind
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, begun = tempfile.mkstemp(dir=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.writelines(parts)
                Path(begun).replace(folder / name)
            except OSError:
                Path(begun).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Of a page on the disk: all versions, and the rows of those that were asked for."""

    path: Path
    start: int
    """Where the rows begin in the file."""
    versions: Collection[str]
    places: Mapping[str, tuple[int, int, int]]
    """By version: where its rows are from there on, how many bytes they are, and their checksum."""

    def of(self, version: str) -> list[Mapping[str, Any]] | None:
        """Return the rows of a version (PEP 691); None if they were not kept, or are damaged."""
        place, length, checksum = self.places.get(version, (0, 0, 0))
        with suppress(OSError):
            if length:
                with self.path.open("rb") as file:
                    file.seek(self.start + place)
                    content = file.read(length)
                if zlib.crc32(content) == checksum:
                    rows: list[Mapping[str, Any]] = json.loads(content)
                    return rows
        return None


def _checksum(about: bytes, body: bytes = b"") -> bytes:
    return b"%08x\n" % zlib.crc32(body, zlib.crc32(about))


def _name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
