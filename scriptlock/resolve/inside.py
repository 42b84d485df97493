"""Metadata out of wheels on indexes that have no files of it, without fetching the rest of the wheel."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from scriptlock.resolve.borrowed import NAMES, Borrowed, borrow
from scriptlock.resolve.urls import host

CHUNK = 1 << 18
"""Bytes to ask for at once: in most wheels, the metadata and the list of the files are at the end."""
MOST = 16
"""How many chunks to ask for before the whole wheel is better."""
BORROWED = ("HTTPRangeRequestUnsupported", "LazyZipOverHTTP", "Response")
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


class Inside:
    """Looks into the wheels of a session. Several threads may ask at once.

    :param session: pip's.
    :param sizes: in bytes, by URL, where the index tells them (PEP 700).
    """

    def __init__(self, session: Any, sizes: Mapping[str, Any]) -> None:
        self._session, self._sizes = session, sizes
        self._refusing: set[str] = set()

    def metadata(self, wheel: Any) -> bytes | None:
        """Return the metadata of a wheel, or None if only the whole wheel tells.

        :param wheel: pip's link.
        """
        url = wheel.url_without_fragment
        if host(url) in self._refusing:
            return None
        borrowed = borrow({name: NAMES[name] for name in BORROWED})
        parts = _Parts(self._session, borrowed, self._sizes.get(url))
        try:
            with (
                borrowed.LazyZipOverHTTP(url, parts, CHUNK) as file,
                zipfile.ZipFile(file) as archive,
            ):
                (path,) = filter(_METADATA.fullmatch, archive.namelist())
                return archive.read(path) if _is_of(wheel.filename, path) else None
        except borrowed.HTTPRangeRequestUnsupported:
            self._refusing.add(host(url))
            return None
        except Exception:  # noqa: BLE001 - whatever it is, who fetches all of it will say so
            return None


class _Parts:
    """A session that gives parts of one file and nothing else: pip's reader does not look what it gets.

    :param size: of the file, in bytes; None to ask for it.
    """

    def __init__(self, session: Any, borrowed: Borrowed, size: Any) -> None:
        self._session, self._borrowed, self._size = session, borrowed, size
        self._asked = 0

    def head(self, url: str, **kwargs: Any) -> Any:
        if not isinstance(self._size, int):
            return self._session.head(url, allow_redirects=True, **kwargs)
        response = self._borrowed.Response()
        response.status_code = HTTPStatus.OK
        response.headers.update({"Content-Length": str(self._size), "Accept-Ranges": "bytes"})
        return response

    def get(self, url: str, **kwargs: Any) -> Any:
        self._asked += 1
        if self._asked > MOST:
            raise ValueError("what is looked for is too far from the end")
        response = self._session.get(url, **kwargs)
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            response.close()
            raise self._borrowed.HTTPRangeRequestUnsupported
        if _is_exposed(url, response):
            response.close()
            raise ValueError("what somebody on the way may have changed is not to be kept")
        return response


def _is_of(filename: str, path: str) -> bool:
    """Return whether pip takes a file for the metadata of a wheel of that name."""
    name = canonicalize_name(filename.partition("-")[0])
    return canonicalize_name(path).startswith(name)


def _is_exposed(url: str, response: Any) -> bool:
    """Return whether a URL that is encrypted led to one that is not."""
    way = (one.url for one in (*response.history, response))
    return urlsplit(url).scheme == "https" and any(urlsplit(one).scheme != "https" for one in way)
