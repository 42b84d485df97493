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

    def metadata(self, sha256: str) -> bytes | None:
        """Return the file with a sha256, if it was kept."""
        (content,) = self._read("metadata", _name(sha256))  # an index may call anything a sha256
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def keep_metadata(self, content: bytes) -> None:
        """Keep a file, for good: it is known by what is in it."""
        self._write("metadata", _name(hashlib.sha256(content).hexdigest()), content)

    def _is_trusted(self, url: str) -> bool:
        parts = urlsplit(url)
        with_port = parts.netloc.rpartition("@")[2]
        return parts.scheme == "https" or not self._trusted.isdisjoint({with_port, parts.hostname})

    def _read(self, kind: str, name: str, *, lines: int = 0) -> list[bytes]:
        """Return the first lines of a file, and all behind them; a page is large, and not to be copied."""
        with suppress(OSError):
            if self._folder:
                with (self._folder / kind / name).open("rb") as file:
                    return [*(file.readline() for _ in range(lines)), file.read()]
        return [b""] * (lines + 1)

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


def _checksum(about: bytes, body: bytes) -> bytes:
    return b"%08x\n" % zlib.crc32(body, zlib.crc32(about))


def _name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
