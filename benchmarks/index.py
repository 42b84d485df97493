"""A package index on loopback that behaves like the public one, to measure resolvers and installers against.

Pages come as JSON (PEP 691) or HTML, compressed, with an ETag and ten minutes of freshness; files never
change; each wheel's METADATA is a file of its own (PEP 658); every answer can be delayed. What is served
comes from the index that pip asks by default, and is kept on disk: the second run asks nobody.

    python benchmarks/index.py STORE [--delay MILLISECONDS] [--certificate FILE]

It prints its URL, and serves until its standard input ends.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

from pip._internal.models.index import PyPI  # says what the default index is, so that nobody else has to

JSON = "application/vnd.pypi.simple.v1+json"
FRESH = "max-age=600, public"
FOREVER = "max-age=365000000, immutable, public"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A row of a page."""

    name: str
    url: str
    """Where the real one is."""
    sha256: str
    requires_python: str | None
    yanked: bool


class _Rows(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.files, self._attributes = base, list[File](), dict[str, str | None]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes = dict(attrs) if tag == "a" else {}

    def handle_data(self, data: str) -> None:
        if not (self._attributes.get("href") and data.strip()):
            return
        url, fragment = urldefrag(urljoin(self.base, self._attributes["href"] or ""))
        self.files.append(
            File(
                name=data.strip(),
                url=url,
                sha256=fragment.removeprefix("sha256="),
                requires_python=self._attributes.get("data-requires-python"),
                yanked="data-yanked" in self._attributes,
            )
        )
        self._attributes = {}


class Page:
    """What the index says of one package, in both ways."""

    def __init__(self, name: str, files: list[File], here: str) -> None:
        self._name, self._files, self._here = name, files, here

    @cached_property
    def json(self) -> bytes:
        """As PEP 691 has it, compressed."""
        rows = [
            {
                "filename": file.name,
                "url": self._here + urlsplit(file.url).path,
                "hashes": {"sha256": file.sha256} if file.sha256 else {},
                "requires-python": file.requires_python,
                "core-metadata": file.name.endswith(".whl"),
                "yanked": file.yanked,
            }
            for file in self._files
        ]
        page = {"meta": {"api-version": "1.1"}, "name": self._name, "files": rows}
        return gzip.compress(json.dumps(page).encode(), 5)

    @cached_property
    def html(self) -> bytes:
        """As PEP 503 has it, compressed."""
        rows = []
        for file in self._files:
            said = {
                "data-requires-python": (file.requires_python or "")
                .replace("<", "&lt;")
                .replace(">", "&gt;"),
                "data-yanked": "yes" if file.yanked else "",
                "data-core-metadata": "true" if file.name.endswith(".whl") else "",
            }
            attributes = "".join(f' {name}="{value}"' for name, value in said.items() if value)
            url = f"{self._here}{urlsplit(file.url).path}#sha256={file.sha256}"
            rows.append(f'<a href="{url}"{attributes}>{file.name}</a><br>\n')
        return gzip.compress(f"<!DOCTYPE html><html><body>\n{''.join(rows)}</body></html>".encode(), 5)

    @cached_property
    def etag(self) -> str:
        """What changes with the page."""
        return f'"{hashlib.sha256(self.json).hexdigest()[:32]}"'


class Store:
    """What was fetched, on disk.

    :param here: the address under which it is served.
    """

    def __init__(self, folder: Path, here: str) -> None:
        self._folder, self._here = folder, here
        self._pages: dict[str, Page | None] = {}
        self._urls: dict[str, str] = {}
        self._lock = threading.RLock()

    def page(self, name: str) -> Page | None:
        """Return the page of a package, None if there is no such package."""
        with self._lock:
            if name not in self._pages:
                self._pages[name] = self._load(name)
            return self._pages[name]

    def _load(self, name: str) -> Page | None:
        url = f"{PyPI.simple_url}/{name}/"
        html = self._fetch(url, self._folder / "simple" / f"{name}.html")
        if html is None:
            return None
        rows = _Rows(url)
        rows.feed(html.read_text("utf-8"))
        self._urls |= {urlsplit(file.url).path: file.url for file in rows.files}
        return Page(name, rows.files, self._here)

    def file(self, path: str) -> Path | None:
        """Return a distribution, or the METADATA of one; None if no page that was served names it."""
        wheel = path.removesuffix(".metadata")
        with self._lock:
            url = self._urls.get(wheel)
        if url is None:
            return None
        kept = self._folder / "files" / path.lstrip("/")
        if wheel == path or kept.exists():
            return self._fetch(url, kept)
        return self._fetch(f"{url}.metadata", kept) or self._unpack(
            self._fetch(url, kept.with_suffix("")), kept
        )

    def _fetch(self, url: str, kept: Path) -> Path | None:
        with self._lock:
            if kept.exists():
                return kept
            kept.parent.mkdir(parents=True, exist_ok=True)
            written = kept.with_name(f"{kept.name}.{os.getpid()}")
            try:
                with urllib.request.urlopen(url) as answer, written.open("wb") as file:  # noqa: S310 - pip's index
                    shutil.copyfileobj(answer, file)
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.NOT_FOUND:
                    raise
                return None
            return written.replace(kept)

    def _unpack(self, wheel: Path | None, kept: Path) -> Path | None:
        if wheel is None:
            return None
        with zipfile.ZipFile(wheel) as opened:
            (name,) = (name for name in opened.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            kept.write_bytes(opened.read(name))
        return kept


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer waits for nothing
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        time.sleep(self.server.delay)
        path = urlsplit(self.path).path
        if found := re.fullmatch(r"/simple/([^/]+)/?", path):
            page = self.server.store.page(re.sub(r"[-_.]+", "-", found[1]).lower())
            return self._missing() if page is None else self._show(page)
        file = self.server.store.file(path)
        return self._missing() if file is None else self._send_file(file)

    def _show(self, page: Page) -> None:
        if self.headers.get("If-None-Match") == page.etag:
            return self._send(HTTPStatus.NOT_MODIFIED, b"", {"ETag": page.etag, "Cache-Control": FRESH})
        wants_json = JSON in self.headers.get("Accept", "")
        headers = {
            "Content-Type": JSON if wants_json else "text/html; charset=utf-8",
            "Content-Encoding": "gzip",
            "ETag": page.etag,
            "Cache-Control": FRESH,
            "Vary": "Accept, Accept-Encoding",
        }
        return self._send(HTTPStatus.OK, page.json if wants_json else page.html, headers)

    def _send_file(self, file: Path) -> None:
        size = file.stat().st_size
        headers = {
            "Cache-Control": FOREVER,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        first, last, status = 0, size - 1, HTTPStatus.OK
        if found := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            first = int(found[1]) if found[1] else size - int(found[2])
            last = min(int(found[2]), last) if found[1] and found[2] else last
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        with file.open("rb") as opened:
            opened.seek(first)
            self._send(status, opened.read(last - first + 1), headers)

    def _missing(self) -> None:
        self._send(HTTPStatus.NOT_FOUND, b"", {})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(io.BytesIO(body).getbuffer())

    def log_message(self, *_: object) -> None:
        """Say nothing: whoever measures has no use for it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, delay: float, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.delay = delay
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # With each client in its own thread, when it is first read from.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.here = f"{scheme}://127.0.0.1:{self.server_address[1]}"
        self.store = Store(folder, self.here)


def main() -> None:
    """Serve until nobody listens any more."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, help="where to keep what was fetched")
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds before each answer")
    parser.add_argument("--certificate", type=Path, help="to speak TLS with: a certificate and its key")
    options = parser.parse_args()
    server = _Server(options.store, options.delay / 1000, options.certificate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{server.here}/simple/", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
