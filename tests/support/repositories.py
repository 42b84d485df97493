"""A git repository on loopback, served as plain files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

IDENTITY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What is served, and where it lies."""

    url: str
    """What git would be told to clone."""
    folder: Path

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        """Add a commit with these files; return its 40 hex digits."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "change")
        self._git("update-server-info")
        return self._git("rev-parse", "HEAD").strip()

    def forget(self) -> None:
        """Put a commit without any parent in the place of the newest, and keep no other."""
        self._git("checkout", "--quiet", "--orphan", "other")
        self._git("commit", "--quiet", "--message", "anew")
        self._git("branch", "--quiet", "--force", "main")
        self._git("checkout", "--quiet", "main")
        self._git("branch", "--quiet", "-D", "other")
        self._git("reflog", "expire", "--expire=now", "--all")
        self._git("gc", "--quiet", "--prune=now")
        self._git("update-server-info")

    def tag(self, name: str) -> None:
        """Give the newest commit a name."""
        self._git("tag", name)
        self._git("update-server-info")

    def _git(self, *argv: str) -> str:
        done = subprocess.run(
            ["git", *IDENTITY, *argv],  # noqa: S607  # the one that pip would find
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the overridden method's name
        """Say nothing."""


@contextmanager
def repository(folder: Path) -> Iterator[Repository]:
    """Serve a new repository without any commit."""
    subprocess.run(
        ["git", "init", "--quiet", "--initial-branch", "main", str(folder)],  # noqa: S607  # as above
        check=True,
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Repository(url=f"http://127.0.0.1:{server.server_address[1]}/.git", folder=folder)
        finally:
            server.shutdown()
            thread.join()
