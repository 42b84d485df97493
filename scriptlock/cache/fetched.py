"""Scripts out of the network, each fetched once, until somebody asks to look again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scriptlock.cache.layout import Cache
from scriptlock.cache.records import write_durably
from scriptlock.download import Page, download
from scriptlock.errors import CacheError, Offline
from scriptlock.pip_configuration import redact

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
LONGEST = 100
"""Characters of a file's name."""


def fetched_script(
    cache: Cache,
    url: str,
    *,
    refresh: bool = False,
    offline: bool = False,
    download: Callable[..., Page | None] = download,
) -> Path:
    """Return the file that holds the script of a URL, fetching it if that was never done.

    It lies in a folder of its own, so that it can import nothing that was fetched from elsewhere.

    :param refresh: look whether there is another one now.
    :param offline: raise instead of fetching.
    :param download: asks a server, as :func:`scriptlock.download.download` does.
    :raises Offline: if it would have to be fetched.
    :raises FetchError: as :func:`scriptlock.download.download`.
    :raises CacheError: if it cannot be kept.
    """
    cache.prepare()
    folder = cache.fetched / _key(url)
    script, memory = folder / _file_name(url), folder.with_suffix(".json")
    is_there = script.is_file()
    if is_there and not refresh:
        return script
    if offline:
        raise Offline("the script would have to be fetched")
    page = download(url, etag=_etag(memory, script) if is_there else None)
    if page is None:
        return script
    try:
        folder.mkdir(exist_ok=True)
        write_durably(script, page.text)
        told = {"url": redact(url), "etag": page.etag, "sha256": _digest(page.text)}
        write_durably(memory, json.dumps(told, indent=1).encode() + b"\n")
    except OSError as error:
        raise CacheError(f"the script cannot be kept in the cache: {error.strerror or error}") from error
    return script


def _key(url: str) -> str:
    parts = urlsplit(url)
    # Whose password it was fetched with makes no other script of it.
    place = parts.netloc.rpartition("@")[2]
    return _digest(parts._replace(netloc=place, fragment="").geturl().encode("utf-8", "surrogateescape"))[:32]


def _file_name(url: str) -> str:
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return _UNSAFE.sub("_", last)[-LONGEST:].lstrip(".-") or "script.py"


def _etag(memory: Path, script: Path) -> str | None:
    """Return the ETag that the script was fetched with, None if that is not known for sure."""
    with suppress(OSError, ValueError, AttributeError):
        told = json.loads(memory.read_bytes())
        if told.get("sha256") == _digest(script.read_bytes()):
            etag = told.get("etag")
            return etag if isinstance(etag, str) else None
    return None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
