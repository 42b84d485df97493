"""The one session through which the worker reaches indexes: it remembers pages and admits failures.

pip goes on without an index that does not answer, as if it held nothing. A lock made that way would
change with the weather, and a public package could take the place of a private one.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.pip_configuration import redact
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.freshness import VALIDATORS, validators
from scriptlock.resolve.kept import Answer, Kept
from scriptlock.resolve.once import Once
from scriptlock.resolve.urls import file_named_by, host

OFFLINE_HINT = "a script whose lock is fresh and whose environment is ready runs without any index"
PAGES = ("text/html", "application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+json")
"""The content types of index pages (PEP 503, PEP 691)."""
RENEWED = (*VALIDATORS, "Age", "Cache-Control", "Date", "Expires", "Vary")
"""What an answer may say that a page has not changed (RFC 9110, 15.4.5)."""
ANEW = "max-age=0"
"""What a request says that pip was told to ask anew, however fresh the page is that is kept."""


class Wire:
    """Stands in for ``session.request``. Several threads may ask at once.

    Each page is asked for once, so that all targets see the index in one state.

    :param send: the ``request`` of a session that keeps nothing.
    :param send_for_file: that of one that keeps files.
    :param kept: pages of earlier resolutions.
    """

    def __init__(
        self,
        borrowed: Borrowed,
        send: Callable[..., Any],
        send_for_file: Callable[..., Any] | None = None,
        kept: Kept | None = None,
    ) -> None:
        # What is wrong with a file of certificates, requests does not make an error of its own.
        self._errors = (borrowed.PipError, borrowed.RequestException, OSError)
        self._new_response = borrowed.Response
        self._send = send
        self._send_for_file = send_for_file or send
        self._kept = kept or Kept(None)
        self._has_asked = False
        self._listener: Callable[[], object] = lambda: None
        self._pages = Once[str, Any]()
        self._streams: list[Any] = []
        self._forbidden: set[str] = set()

    def listen(self, listener: Callable[[], object]) -> None:
        """Have somebody called whenever an index is asked for anything; now, if one was already."""
        self._listener = listener
        if self._has_asked:
            listener()

    @property
    def forbidden(self) -> set[str]:
        """Hosts that refused to say something (403), which some do about packages that they do not have."""
        return {*map(host, self._forbidden)}

    def forbidding(self, name: str) -> list[str]:
        """Return the hosts that refused to say what they have of a package."""
        return sorted({host(url) for url in self._forbidden if url.rstrip("/").endswith(f"/{name}")})

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Return the response, as ``requests.Session.request`` does.

        :raises IndexUnreachable: if there is none, or one that says nothing about packages.
        :raises ResolutionError: if there is no such file.
        """
        if urlsplit(url).scheme == "file":
            return self._send(method, url, *args, **kwargs)
        if method == "GET" and not kwargs.get("stream"):
            return self._pages.get(url, lambda: self._page(url, args, kwargs))
        response = self._ask(self._send_for_file, method, url, *args, **kwargs)
        self._streams.append(response)
        self._judge(url, response)
        self._refuse_missing(method, url, response)
        return response

    def metadata(self, url: str) -> bytes:
        """Return the metadata file of a wheel (PEP 658).

        :raises IndexUnreachable: if there is no answer, or one that says nothing about packages.
        :raises ResolutionError: if there is no such file.
        """
        response = self._kept_or_asked_for(url, lambda response: self._refuse_missing("GET", url, response))
        return bytes(response.content)

    def metadata_anew(self, url: str) -> bytes:
        """Return what :meth:`metadata` does, without believing or keeping anything by its URL."""
        response = self._ask(self._send, "GET", url)
        self._judge(url, response)
        self._refuse_missing("GET", url, response)
        return bytes(response.content)

    def close(self) -> None:
        """Close every response, those included that pip gave up reading."""
        for response in self._streams:
            response.close()

    def _page(self, url: str, args: Any, kwargs: Any) -> Any:
        return self._kept_or_asked_for(url, lambda response: self._judge_page(url, response), *args, **kwargs)

    def _kept_or_asked_for(self, url: str, judge: Callable[[Any], None], *args: Any, **kwargs: Any) -> Any:
        """Return a response with its whole body; ``judge`` raises if it is none that counts."""
        known = self._kept.answer(url)
        headers = kwargs.get("headers") or {}
        if known and known.is_fresh and headers.get("Cache-Control") != ANEW:
            return self._again(url, known)
        if known:
            kwargs["headers"] = {**headers, **validators(known.headers)}
        response = self._ask(self._send, "GET", url, *args, **kwargs)
        if known and response.status_code == HTTPStatus.NOT_MODIFIED:
            if response.history:  # it speaks of another page
                kwargs["headers"] = headers
                response = self._ask(self._send, "GET", url, *args, **kwargs)
            else:
                again = self._again(url, known)
                renewed = again.headers.copy()  # knows that names are the same in upper and lower case
                # What it does not repeat still holds, and what the page is does not change.
                renewed.update({name: told for name in RENEWED if (told := response.headers.get(name))})
                self._kept.keep_answer(url, renewed, known.body)
                return again
        self._judge(url, response)
        judge(response)
        if response.status_code == HTTPStatus.OK and not response.history and _has_an_end(response):
            self._kept.keep_answer(url, response.headers, response.content)
        return response

    def _again(self, url: str, known: Answer) -> Any:
        response = self._new_response()
        response.status_code, response.reason, response.url = HTTPStatus.OK, HTTPStatus.OK.phrase, url
        response.headers.update(known.headers)
        response.raw = BytesIO(known.body)
        _ = response.content  # read now, by one thread: several will get it
        return response

    def _ask(self, send: Callable[..., Any], method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        self._has_asked = True
        self._listener()
        try:
            return send(method, url, *args, **kwargs)
        except self._errors as error:
            raise IndexUnreachable(
                f"{host(url)} cannot be reached: {_cause(error)}", hint=OFFLINE_HINT
            ) from error

    def _refuse_missing(self, method: str, url: str, response: Any) -> None:
        if method == "GET" and response.status_code >= HTTPStatus.BAD_REQUEST:
            raise ResolutionError(
                f"{host(url)} has no {file_named_by(url)}: it answered {response.status_code}"
            )

    def _judge(self, url: str, response: Any) -> None:
        status = int(response.status_code)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
            if "Authorization" in response.request.headers:
                reason = f"{host(url)} refused the credentials of pip's configuration ({status})"
                raise IndexUnreachable(reason, hint="check user and password in pip's configuration")
            reason = f"{host(url)} asks for credentials ({status})"
            raise IndexUnreachable(reason, hint="put them into pip's configuration, or into ~/.netrc")
        if status == HTTPStatus.FORBIDDEN:
            self._forbidden.add(url)
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


def _has_an_end(response: Any) -> bool:
    """Return whether it can be told from the headers of an answer that nothing of it is missing."""
    is_chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return is_chunked or "Content-Length" in response.headers


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
