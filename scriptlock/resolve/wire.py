"""The one session through which the worker reaches indexes: it remembers pages and admits failures.

pip goes on without an index that does not answer, as if it held nothing. A lock made that way would
change with the weather, and a public package could take the place of a private one.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from copy import copy
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.pip_configuration import redact
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.references import file_named_by

OFFLINE_HINT = "a script whose lock is fresh and whose environment is ready runs without any index"
PAGES = ("text/html", "application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+json")
"""The content types of index pages (PEP 503, PEP 691)."""


class Wire:
    """Stands in for ``session.request``.

    Each page and each metadata file is asked for once, so that all targets see the index in one state.

    :param send: the session's own ``request``.
    """

    def __init__(self, borrowed: Borrowed, send: Callable[..., Any]) -> None:
        self._errors = (borrowed.PipError, borrowed.RequestException)
        self._send = send
        self._pages: dict[str, Any] = {}
        self._metadata: dict[str, Any] = {}
        self._streams: list[Any] = []
        self.forbidden: set[str] = set()
        """Hosts that refused to say something (403), which some do about packages that they do not have."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Return the response, as ``requests.Session.request`` does.

        :raises IndexUnreachable: if there is none, or one that says nothing about packages.
        :raises ResolutionError: if there is no such file.
        """
        if urlsplit(url).scheme == "file":
            return self._send(method, url, *args, **kwargs)
        is_page = method == "GET" and not kwargs.get("stream")
        if is_page and url in self._pages:
            return self._pages[url]
        if url in self._metadata:
            return _again(self._metadata[url])
        try:
            response = self._send(method, url, *args, **kwargs)
            if method == "GET" and response.status_code == HTTPStatus.OK and _is_metadata(url):
                self._metadata[url] = copy(response)  # reads it to its end
                return _again(self._metadata[url])
        except self._errors as error:
            raise IndexUnreachable(
                f"{host(url)} cannot be reached: {_cause(error)}", hint=OFFLINE_HINT
            ) from error
        if not is_page:
            self._streams.append(response)
        self._judge(url, response)
        if is_page:
            self._judge_page(url, response)
            self._pages[url] = response
        elif method == "GET" and response.status_code >= HTTPStatus.BAD_REQUEST:
            raise ResolutionError(
                f"{host(url)} has no {file_named_by(url)}: it answered {response.status_code}"
            )
        return response

    def close(self) -> None:
        """Close every response, those included that pip gave up reading."""
        for response in self._streams:
            response.close()

    def _judge(self, url: str, response: Any) -> None:
        status = int(response.status_code)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
            if "Authorization" in response.request.headers:
                reason = f"{host(url)} refused the credentials of pip's configuration ({status})"
                raise IndexUnreachable(reason, hint="check user and password in pip's configuration")
            reason = f"{host(url)} asks for credentials ({status})"
            raise IndexUnreachable(reason, hint="put them into pip's configuration, or into ~/.netrc")
        if status == HTTPStatus.FORBIDDEN:
            self.forbidden.add(host(url))
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = f"{host(url)} is out of order: it answered {status} {response.reason or ''}".rstrip()
            raise IndexUnreachable(reason, hint=OFFLINE_HINT)

    def _judge_page(self, url: str, response: Any) -> None:
        kind = str(response.headers.get("Content-Type", "nothing that it would name"))
        if response.status_code == HTTPStatus.OK and not kind.lower().startswith(PAGES):
            raise IndexUnreachable(
                f"{host(url)} is no package index: it answered with {kind.partition(';')[0]}",
                hint="check index-url, extra-index-url and find-links in pip's configuration",
            )


def _is_metadata(url: str) -> bool:
    return urlsplit(url).path.endswith(".whl.metadata")


def _again(response: Any) -> Any:
    """Return a response whose whole content is known, for somebody else to read."""
    response.raw = BytesIO(response.content)
    response.headers["Content-Length"] = str(len(response.content))
    return response


def refuse_insecure(options: Any, is_secure: Callable[[Any], bool], borrowed: Borrowed) -> None:
    """Return if pip would quietly ignore none of the indexes.

    :param options: pip's, as it parsed them.
    :param is_secure: what pip's session says of a link.
    :raises ResolutionError: if it would, because nothing is encrypted on the way there.
    """
    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    for url in [*indexes, *options.find_links]:
        if url.startswith("http:") and not is_secure(borrowed.Link(url)):
            raise ResolutionError(
                f"pip ignores {host(url)}, which is asked without encryption",
                hint=f"use https, or `trusted-host = {host(url)}` in pip's configuration",
            )


def host(url: str) -> str:
    """Return the host of a URL, with the port if it has one, and nothing secret."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def _cause(error: BaseException) -> str:
    """Return what the operating system or the server said at the bottom of it all, in a few words."""
    innermost = error
    while True:
        if isinstance(innermost, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({innermost.verify_message})"
        if isinstance(innermost, OSError) and innermost.strerror:
            return innermost.strerror
        if isinstance(innermost, TimeoutError):
            return "no answer in time"
        inside = innermost.__cause__ or innermost.__context__
        if inside is None:
            return redact(" ".join(str(innermost).split()))
        innermost = inside
