#!/usr/bin/env -S scriptlock run
# /// script
# requires-python = ">=3.11"
# dependencies = ["requests<3", "rich"]
# ///
"""Ask a few addresses and print how they answered; without any, those of a small site on this machine."""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from rich.console import Console
from rich.table import Table

PAGES = {"/": (200, b"<h1>Hello</h1>"), "/report.json": (200, b'{"ok": true}'), "/old": (404, b"gone")}


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = PAGES.get(self.path, (404, b"no such page"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Leave the terminal to the report."""


def local_site() -> list[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return [f"http://127.0.0.1:{server.server_port}{page}" for page in PAGES]


def report(addresses: list[str]) -> bool:
    table = Table("address", "status", "bytes", "ms")
    well = True
    for address in addresses:
        started = time.perf_counter()
        try:
            answer = requests.get(address, timeout=10)
        except requests.RequestException as error:
            table.add_row(address, f"[red]{type(error).__name__}", "", "")
            well = False
            continue
        colour = "green" if answer.ok else "yellow"
        milliseconds = (time.perf_counter() - started) * 1000
        table.add_row(
            address, f"[{colour}]{answer.status_code}", str(len(answer.content)), f"{milliseconds:.0f}"
        )
    Console().print(table)
    return well


if __name__ == "__main__":
    sys.exit(0 if report(sys.argv[1:] or local_site()) else 1)
