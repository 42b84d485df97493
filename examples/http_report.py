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


# >>> scriptlock >>>
# | # Locked dependencies of this script. Refresh: scriptlock lock
# | [tool.scriptlock]
# | lock-version = 1
# | inputs = "v1:7e8a40c3011964a55cd46fa001ba3698"
# | content = "v1:9b65295ce13d15980a3ec91b67f99857"
# | requires-python = ">=3.11"
# | environments = [
# |   "sys_platform == 'linux' and platform_machine == 'x86_64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'linux' and platform_machine == 'aarch64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'darwin' and platform_machine == 'arm64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'win32' and platform_machine == 'AMD64' and python_version >= '3.11' and python_version < '3.16'",
# | ]
# |
# | [tool.scriptlock.pins]
# | certifi = "2026.10.18"
# | charset-normalizer = "3.5.2"
# | idna = "3.20"
# | markdown-it-py = "4.3.0"
# | mdurl = "0.1.2"
# | pygments = "2.21.0"
# | requests = "2.34.2"
# | rich = "15.0.0"
# | urllib3 = "2.8.0"
# |
# | [tool.scriptlock.hashes]
# | certifi = [
# | "sha256:73191c47aaa79da394e8fee2dbc2ec827432cab56311122c9e47abf79e390f62",
# | ]
# | charset-normalizer = [
# | "sha256:211d5a3eb6af8f513b8d4ca19a8c1b7accab1b5f0d3175f9826b03c1a920dc1f",
# | "sha256:34276fd796040bf0993ab33a369aa572e6979c7aab225a88893667ad8eac8f7a",
# | "sha256:3d21b8b13c7592db2ac5e544a6d83187b995257472b0c9e8351b6d507ae37ed6",
# | "sha256:3d31298449090ab8d47b7b1b2a555ff73cac7ed438a08b7ac160980c7ebed649",
# | "sha256:3df041de8887954562c9b261cba85ca0e9ded74048daf125f45edcfaa4832229",
# | "sha256:6045373d5a89a5ec71afde535db987ca28e76dfa276c2d4c818265b375d4b055",
# | "sha256:7218e8f32b0956cfcd048fd42d9d5779809745ca1d86113ca56f66e7ae1549c4",
# | "sha256:780fbe7cab297b81dad9fb8dc5eb003c0468ffb0d9e5f65068c53a34661a96bc",
# | "sha256:78456a747de8dc58360ffa581f30a002baf5aa28cb262536545e91f113ed7639",
# | "sha256:849df64e889b2e17230d58410a03dba311a65b163508fd33679b2b737d4b7858",
# | "sha256:87475fabc8d9996fd9c27debb395e642e8c838d78a00b6e932227a0e06b81e26",
# | "sha256:87e50a3e7cb90af586b6c5faf23e302a970415ac73bd7bd90a515a04b427ef96",
# | "sha256:89b53f3cda69831909888e0494f4fa0bcd3537e3e138dabeb620bd6ad946bae8",
# | "sha256:8d86d6fc60743dc916eb79e2eb1ec4818e21e427731543af40a3021851174a13",
# | "sha256:9409a8bf35cf78353942504b24a57de3d75b708997a1e4bd8db71ac8633ce364",
# | "sha256:b91363207bd9dc966a691e959bb47f64b30f7ac4b072be9968b366982f7db77c",
# | "sha256:d760fe2a4d7c3b226cb9026d6a842868d52a7901bd98420e1baf14e80da85cf5",
# | "sha256:e4e81e09c1578b8df602e3db08b0b3ea0a6947ad612f52bf8dc5ea8d47691f0c",
# | "sha256:ed2a239c0ea213acc1908150a3037257083c7c083128f1a4cec2ec4b97dca491",
# | "sha256:fcff63213e8e6e47770541a4607175404f47cbb3ebea7b6058cc82d524a0e424",
# | ]
# | idna = [
# | "sha256:ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c",
# | ]
# | markdown-it-py = [
# | "sha256:7aa1511a46c39138de78d9eba92ce47e63124d8003fc98b3a351909e04239efa",
# | ]
# | mdurl = [
# | "sha256:84008a41e51615a49fc9966191ff91509e3c40b939176e643fd50a5c2196b8f8",
# | ]
# | pygments = [
# | "sha256:2363c69b61c4a97c838da3b130dcd6468f4848992b21a82f2a63ec34377137d9",
# | ]
# | requests = [
# | "sha256:2a0d60c172f83ac6ab31e4554906c0f3b3588d37b5cb939b1c061f4907e278e0",
# | ]
# | rich = [
# | "sha256:33bd4ef74232fb73fe9279a257718407f169c09b78a87ad3d296f548e27de0bb",
# | ]
# | urllib3 = [
# | "sha256:0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3",
# | ]
# <<< scriptlock <<<
