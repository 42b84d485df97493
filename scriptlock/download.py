"""Fetching one text over HTTP by the standard library, with its trust store and the environment's proxies."""

from __future__ import annotations

import urllib.error
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage
from typing import IO, TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

from scriptlock.errors import FetchError
from scriptlock.pip_configuration import redact

if TYPE_CHECKING:
    from urllib.request import OpenerDirector, Request

LARGEST = 8 * 1024 * 1024
"""Bytes; nobody writes such scripts."""
SECONDS = 30.0
"""How long a server may be silent."""
CONNECT = "check the address, the connection, and the proxy and certificates of the environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a server answered."""

    text: bytes
    etag: str | None
    """What to ask with the next time, as the server wrote it."""


def download(url: str, *, etag: str | None = None, seconds: float = SECONDS) -> Page | None:
    """Return what is there now, or None if it is what had that ETag.

    A user and password in the URL go to its own server, and nowhere it may redirect to.

    :raises FetchError: if there is nothing, or it is too large, or a web page about it.
    """
    parts = _split(url)
    shown = redact(url)
    try:
        with _opener().open(_request(parts, etag), timeout=seconds) as answer:
            _refuse_web_page(answer.headers, shown)
            text: bytes = answer.read(LARGEST + 1)
            promised = answer.headers.get("Content-Length", "")
            found = answer.headers.get("ETag")
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.NOT_MODIFIED and etag is not None:
                return None
            raise FetchError(_reason(error.code, shown), _hint(error.code)) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        said = redact(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__)
        raise FetchError(f"no answer from {shown}: {said}", CONNECT) from None
    if len(text) > LARGEST:
        raise FetchError(f"{shown} is larger than {LARGEST // 1024 // 1024} MiB")
    if promised.isdigit() and len(text) < int(promised):
        raise FetchError(f"{shown} ended after {len(text)} of {promised} bytes", "run the command again")
    return Page(text=text, etag=found)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise FetchError(f"{redact(url)} is no address") from None
    if not parts.hostname or not url.isprintable():
        raise FetchError(f"{redact(url)} is no address")
    return parts


def _request(parts: SplitResult, etag: str | None) -> Request:
    from urllib.request import Request

    place = parts.netloc.rpartition("@")[2]
    plain = quote(parts._replace(netloc=place, fragment="").geturl(), safe="%/:?#[]@!$&'()*+,;=~")
    request = Request(plain)  # noqa: S310 - is_url() was asked
    request.add_header("User-Agent", "scriptlock")
    # Not sent again to where it is redirected.
    if parts.username is not None:
        who = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_unredirected_header("Authorization", f"Basic {b64encode(who).decode()}")
    if etag is not None:
        request.add_header("If-None-Match", etag)
    return request


def _opener() -> OpenerDirector:
    from urllib import request

    class Redirects(request.HTTPRedirectHandler):
        def redirect_request(  # noqa: PLR0917 - as the overridden method
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> Request | None:
            if req.type == "https" and urlsplit(newurl).scheme != "https":
                raise FetchError(
                    f"{redact(req.full_url)} redirects to {redact(newurl)}, which is not encrypted"
                )
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    # Not build_opener(): that one also opens files, and FTP.
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.ProxyBasicAuthHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _refuse_web_page(headers: Mapping[str, str], shown: str) -> None:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise FetchError(f"{shown} is a web page, not a script", "give the address of the raw file")


def _reason(status: int, shown: str) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{shown} redirects too often, or to what is no web address"
    return f"{shown} answered with status {status}"


def _hint(status: int) -> str | None:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "put user and password into the address: https://user:password@host/script.py"
    return "check the address" if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE} else None
