"""A package index on loopback that answers like the public one and remembers what it was asked."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import random
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self, cast
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from support.wheels import Distribution, Wheel

JSON = "application/vnd.pypi.simple.v1+json"
UPLOADED = "2026-01-01T00:00:00Z"
PAGE_AGE = "max-age=600, public"
FILE_AGE = "max-age=365000000, immutable, public"
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file as the index offers it."""

    distribution: Distribution
    yanked: str | bool
    upload_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, and how it was answered."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    """Those of the request, names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    cache: str = "no-cache"
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


class Index:
    """An index to use as a context manager, and to fill with ``add`` at any time.

    :param html: answer in HTML (PEP 503) even to those who would rather have JSON (PEP 691).
    :param metadata: offer each wheel's METADATA as a file of its own (PEP 658).
    :param hashes: tell sha256 hashes.
    :param upload_times: tell when files were uploaded (PEP 700, JSON only).
    :param credentials: user and password to ask for, on pages and on files.
    :param delay: seconds; each answer waits a random time up to it.
    :param etag: answer 304 to those who have the page already.
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
    ) -> None:
        self.html, self.metadata, self.hashes, self.upload_times = html, metadata, hashes, upload_times
        self.credentials, self.delay, self.etag = credentials, delay, etag
        self.entries: dict[str, list[Entry]] = {}
        self.log: list[Asked] = []
        self.broken: int | None = None
        self._server = _Server(self)
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
        return f"http://127.0.0.1:{self.port}/simple/"

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

    def answer(self, path: str, headers: Mapping[str, str]) -> _Answer:
        """Return what a request gets; the names of its headers are in lower case."""
        if self.broken is not None:
            return _Answer(body=b"out of order\n", status=self.broken)
        if self.credentials and headers.get("authorization") != _basic(*self.credentials):
            who = {"WWW-Authenticate": 'Basic realm="index"'}
            return _Answer(body=b"who is it?\n", status=HTTPStatus.UNAUTHORIZED, headers=who)
        found: _Answer | None = None
        match [unquote(part) for part in urlsplit(path).path.split("/") if part]:
            case ["simple"]:
                found = self._names(wants_json=self._wants_json(headers))
            case ["simple", name] if name in self.entries:
                found = self._page(name, wants_json=self._wants_json(headers))
            case ["files", filename]:
                found = self._file(filename)
        return found or _Answer(body=b"no such thing\n", status=HTTPStatus.NOT_FOUND)

    def _wants_json(self, headers: Mapping[str, str]) -> bool:
        return not self.html and JSON in headers.get("accept", "")

    def _names(self, *, wants_json: bool) -> _Answer:
        names = sorted(self.entries)
        if wants_json:
            return _json({"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]})
        return _html([f'<a href="/simple/{name}/">{name}</a>' for name in names])

    def _page(self, name: str, *, wants_json: bool) -> _Answer:
        entries = self.entries[name]
        if not wants_json:
            return _html([self._anchor(entry) for entry in entries])
        versions = sorted({entry.distribution.version for entry in entries})
        page = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "versions": [str(version) for version in versions],
            "files": [self._row(entry) for entry in entries],
        }
        return _json(page)

    def _row(self, entry: Entry) -> dict[str, object]:
        file = entry.distribution
        row: dict[str, object] = {
            "filename": file.filename,
            "url": f"../../files/{file.filename}",
            "hashes": {"sha256": file.sha256} if self.hashes else {},
            "size": len(file.content),
            "yanked": entry.yanked,
        }
        if file.requires_python is not None:
            row["requires-python"] = file.requires_python
        if self.upload_times:
            row["upload-time"] = entry.upload_time
        if self.metadata and isinstance(file, Wheel):
            row["core-metadata"] = {"sha256": _sha256(file.metadata)} if self.hashes else True
        return row

    def _anchor(self, entry: Entry) -> str:
        file = entry.distribution
        attributes = {"href": f"../../files/{file.filename}"}
        if self.hashes:
            attributes["href"] += f"#sha256={file.sha256}"
        if file.requires_python is not None:
            attributes["data-requires-python"] = file.requires_python
        if entry.yanked is not False:
            attributes["data-yanked"] = "" if entry.yanked is True else entry.yanked
        if self.metadata and isinstance(file, Wheel):
            attributes["data-core-metadata"] = f"sha256={_sha256(file.metadata)}" if self.hashes else "true"
        written = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
        return f"<a{written}>{file.filename}</a>"

    def _file(self, filename: str) -> _Answer | None:
        for entry in (entry for entries in self.entries.values() for entry in entries):
            file = entry.distribution
            if filename == file.filename:
                return _Answer(body=file.content, kind="application/octet-stream", cache=FILE_AGE)
            if self.metadata and isinstance(file, Wheel) and filename == f"{file.filename}.metadata":
                return _Answer(body=file.metadata, kind="application/octet-stream", cache=FILE_AGE)
        return None


@contextlib.contextmanager
def nothing_listens() -> Iterator[str]:
    """Give the URL of an index whose port refuses every connection, and stays reserved meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/simple/"


def _json(page: object) -> _Answer:
    return _Answer(body=json.dumps(page).encode(), kind=JSON, cache=PAGE_AGE)


def _html(anchors: list[str]) -> _Answer:
    head = '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1"></head><body>\n'
    page = head + "".join(f"{anchor}<br>\n" for anchor in anchors) + "</body></html>\n"
    return _Answer(body=page.encode(), kind="text/html; charset=utf-8", cache=PAGE_AGE)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


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
        if index.delay:
            time.sleep(random.uniform(0, index.delay))  # noqa: S311  # no secret
        answer = index.answer(self.path, asked)
        status, body, headers = int(answer.status), answer.body, dict(answer.headers)
        if status == HTTPStatus.OK:
            headers |= {"Accept-Ranges": "bytes", "Cache-Control": answer.cache, "Vary": "Accept"}
            part = _part(asked["range"], len(body)) if "range" in asked else slice(0, len(body))
            if index.etag:
                headers["ETag"] = f'"{_sha256(body)}"'
            if index.etag and asked.get("if-none-match") == headers["ETag"]:
                status, body = HTTPStatus.NOT_MODIFIED, b""
            elif part is None:
                headers["Content-Range"] = f"bytes */{len(body)}"
                status, body = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b""
            elif "range" in asked:
                headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(body)}"
                status, body = HTTPStatus.PARTIAL_CONTENT, body[part]
        index.log.append(Asked(method=self.command, path=self.path, status=status, headers=asked))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
