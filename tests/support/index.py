"""A package index on loopback that answers like the public one and remembers what it was asked."""

from __future__ import annotations

import base64
import contextlib
import random
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, cast
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from support.pages import JSON, Answer, Entry, Pages, sha256
from support.wheels import Distribution

UPLOADED = "2026-01-01T00:00:00Z"
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, and how it was answered."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    """Those of the request, names in lower case."""


class Index:
    """An index to use as a context manager, and to fill with ``add`` at any time.

    :param html: answer in HTML (PEP 503) even to those who would rather have JSON (PEP 691).
    :param metadata: offer each wheel's METADATA as a file of its own (PEP 658).
    :param hashes: tell sha256 hashes.
    :param upload_times: tell when files were uploaded (PEP 700, JSON only).
    :param credentials: user and password to ask for, on pages and on files.
    :param delay: seconds; each answer waits a random time up to it.
    :param etag: answer 304 to those who have the page already.
    :param ranges: send parts of files to those who ask for them.
    :param certificate: a file with its certificate and key, to be asked by https.
    """

    def __init__(
        self,
        *,
        html: bool = False,
        metadata: bool = True,
        hashes: bool = True,
        upload_times: bool = True,
        credentials: tuple[str, str] | None = None,
        delay: float = 0.0,
        etag: bool = True,
        ranges: bool = True,
        certificate: Path | None = None,
    ) -> None:
        self.html, self.metadata, self.hashes, self.upload_times = html, metadata, hashes, upload_times
        self.credentials, self.delay, self.etag, self.ranges = credentials, delay, etag, ranges
        self.entries: dict[str, list[Entry]] = {}
        self.log: list[Asked] = []
        self.broken: int | None = None
        self.on_request: Callable[[str], object] | None = None
        """Is called with the path of each request before it is answered; the asker waits meanwhile."""
        self._server = _Server(self)
        self._scheme = "https" if certificate else "http"
        if certificate:
            self._server.encrypt(certificate)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What to give pip as its index."""
        return f"{self._scheme}://127.0.0.1:{self.port}/simple/"

    @property
    def url_with_credentials(self) -> str:
        """The same, with user and password in it."""
        user, password = self.credentials or ("", "")
        return f"http://{user}:{password}@127.0.0.1:{self.port}/simple/"

    @property
    def requests(self) -> list[str]:
        """The paths it was asked for, in order."""
        return [asked.path for asked in self.log]

    @property
    def count(self) -> int:
        """How often it was asked."""
        return len(self.log)

    def reset(self) -> None:
        """Forget what was asked, not what is offered."""
        self.log.clear()

    def add(self, *files: Distribution, yanked: str | bool = False, upload_time: str = UPLOADED) -> None:
        """Offer files; one of the same name takes the place of the former."""
        for file in files:
            entries = self.entries.setdefault(file.name, [])
            entries[:] = [e for e in entries if e.distribution.filename != file.filename]
            entries.append(Entry(distribution=file, yanked=yanked, upload_time=upload_time))

    def remove(self, name: str, version: str | None = None) -> None:
        """Offer that version no longer, or without one the whole project."""
        entries = self.entries[canonicalize_name(name)]
        entries[:] = [e for e in entries if version is not None and str(e.distribution.version) != version]
        if not entries:
            del self.entries[canonicalize_name(name)]

    def break_down(self, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        """Answer everything with that status from now on."""
        self.broken = status

    def recover(self) -> None:
        """Answer as before the breakdown."""
        self.broken = None

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Return what a request gets; the names of its headers are in lower case."""
        if self.broken is not None:
            return Answer(body=b"out of order\n", status=self.broken)
        if self.credentials and headers.get("authorization") != _basic(*self.credentials):
            who = {"WWW-Authenticate": 'Basic realm="index"'}
            return Answer(body=b"who is it?\n", status=HTTPStatus.UNAUTHORIZED, headers=who)
        pages = Pages(metadata=self.metadata, hashes=self.hashes, upload_times=self.upload_times)
        as_json = not self.html and JSON in headers.get("accept", "")
        found: Answer | None = None
        match [unquote(part) for part in urlsplit(path).path.split("/") if part]:
            case ["simple"]:
                found = pages.names(sorted(self.entries), as_json=as_json)
            case ["simple", name] if name in self.entries:
                found = pages.project(name, self.entries[name], as_json=as_json)
            case ["files", filename]:
                found = pages.file(filename, list(chain.from_iterable(self.entries.values())))
        return found or Answer(body=b"no such thing\n", status=HTTPStatus.NOT_FOUND)


@contextlib.contextmanager
def nothing_listens() -> Iterator[str]:
    """Give the URL of an index whose port refuses every connection, and stays reserved meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/simple/"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _only_what_is_missing(answer: Answer, asked: Mapping[str, str]) -> Answer:
    """Return the answer less what the asker has already (If-None-Match), or did not ask for (Range)."""
    if answer.status != HTTPStatus.OK:
        return answer
    if "ETag" in answer.headers and asked.get("if-none-match") == answer.headers["ETag"]:
        return replace(answer, status=HTTPStatus.NOT_MODIFIED, body=b"")
    if "range" not in asked:
        return answer
    part, size = _part(asked["range"], len(answer.body)), len(answer.body)
    if part is None:
        headers = {**answer.headers, "Content-Range": f"bytes */{size}"}
        return replace(answer, status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, body=b"", headers=headers)
    headers = {**answer.headers, "Content-Range": f"bytes {part.start}-{part.stop - 1}/{size}"}
    return replace(answer, status=HTTPStatus.PARTIAL_CONTENT, body=answer.body[part], headers=headers)


def _part(wanted: str, size: int) -> slice | None:
    """Return the bytes that a Range header asks for, or None when it asks for none that are there."""
    found = RANGE.fullmatch(wanted)
    if not found or found.group() == "bytes=-":
        return None
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    return slice(start, stop) if start < stop else None


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for the threads, whose sockets are closed then
    request_queue_size = 128

    def __init__(self, index: Index) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.index = index
        self.connections: set[socket.socket] = set()

    def encrypt(self, certificate: Path) -> None:
        """Speak TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # With each client in its own thread, when it is first read from.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Take no notice of clients that go away before the end of their answer, or do not trust it."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as the caller's

    def hang_up(self) -> None:
        """End the connections that clients keep open for their next request."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize: ClassVar[int] = -1  # head and body leave in one packet
    server_version = "index"

    def setup(self) -> None:
        super().setup()
        cast(_Server, self.server).connections.add(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError):  # the client went away before the end of its answer
            super().finish()
        cast(_Server, self.server).connections.discard(self.connection)

    def do_GET(self) -> None:
        self._reply()

    def do_HEAD(self) -> None:
        self._reply()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the overridden method's
        """Say nothing: what counts is in the index's log."""

    def _reply(self) -> None:
        index = cast(_Server, self.server).index
        asked = {name.lower(): value for name, value in self.headers.items()}
        if index.on_request:
            index.on_request(self.path)
        if index.delay:
            time.sleep(random.uniform(0, index.delay))  # noqa: S311  # no secret
        answer = index.answer(self.path, asked)
        if index.etag and answer.status == HTTPStatus.OK:
            answer = replace(answer, headers={**answer.headers, "ETag": f'"{sha256(answer.body)}"'})
        if not index.ranges:
            asked.pop("range", None)
            answer = replace(answer, headers={**answer.headers, "Accept-Ranges": "none"})
        answer = _only_what_is_missing(answer, asked)
        index.log.append(Asked(method=self.command, path=self.path, status=answer.status, headers=asked))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
