"""Where it is measured: a folder with a home, caches and an index of its own, and the programs to compare."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness import Command, nothing
from pip._vendor import certifi

SMALL = ("requests<3", "rich")
"""9 packages."""
LARGE = ("fastapi[standard]", "sqlalchemy", "httpx", "pandas")
"""64 packages."""
HUGE = ("jupyterlab", "rich", "sqlalchemy", "httpx", "pandas")
"""About 100 packages."""
TLS = Path(__file__).resolve().parents[1] / "tests" / "data" / "tls"
"""A certificate for loopback, and who signed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Everything that a benchmark needs."""

    folder: Path
    index: str
    store: Path
    """What the index keeps."""
    rounds: int

    @property
    def python(self) -> Path:
        """The interpreter that all environments are made from."""
        return Path(getattr(sys, "_base_executable", sys.executable)).resolve()

    def program(self, name: str) -> Path:
        """Return a program that is installed beside the Python that runs this."""
        return Path(sys.executable).with_name(name)

    def environ(self, *, caches: Path | None = None) -> dict[str, str]:
        """Return the variables that every program gets: a home where nobody ever was, and our index.

        :param caches: the folder of all caches.
        """
        home, caches = self.folder / "home", caches or self.folder / "caches"
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TERM", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "HOME": str(home),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(home / "bin"), os.defpath)),
            "XDG_BIN_HOME": str(home / "bin"),
            "XDG_CACHE_HOME": str(caches),
            "SCRIPTLOCK_CACHE_DIR": str(caches / "scriptlock"),
            "UV_CACHE_DIR": str(caches / "uv"),
            "PIP_CACHE_DIR": str(caches / "pip"),
            "PIPX_HOME": str(caches / "pipx"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": self.index,
            **self._trust(),
            "PIPX_DEFAULT_PYTHON": str(self.python),
            "UV_DEFAULT_INDEX": self.index,
            "UV_NO_CONFIG": "1",
            "UV_PYTHON": str(self.python),
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def _trust(self) -> dict[str, str]:
        if self.index.startswith("http:"):
            return {"PIP_TRUSTED_HOST": "127.0.0.1"}  # else pip caches nothing that was not encrypted
        # As many certificates as a system has, and one more.
        every = self.folder / "certificates.pem"
        every.write_bytes(Path(certifi.where()).read_bytes() + (TLS / "authority.pem").read_bytes())
        return {"SSL_CERT_FILE": str(every), "SSL_CERT_DIR": str(self.folder / "nowhere")}

    def script(
        self, name: str, requirements: Sequence[str], *, body: str = "", everywhere: bool = False
    ) -> Path:
        """Return a new script that wants these packages.

        :param everywhere: for every platform and Python that is locked for by default; else this one alone.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        here = f"sys_platform == '{sys.platform}' and platform_machine == '{platform.machine()}'"
        lines = [
            "# /// script",
            f'# requires-python = ">={version}"' if everywhere else f'# requires-python = "=={version}.*"',
            "# dependencies = [",
            *(f'#   "{requirement}",' for requirement in requirements),
            "# ]",
            *(() if everywhere else ("# [tool.scriptlock]", f'# environments = ["{here}"]')),
            "# ///",
        ]
        path.write_text("\n".join(["#!/usr/bin/env -S scriptlock run", *lines, body]))
        path.chmod(0o755)
        return path

    def command(
        self,
        name: str,
        *argv: str | Path,
        caches: Path | None = None,
        prepare: Callable[[], object] = nothing,
        share: int = 1,
    ) -> Command:
        """Return a command to measure, run in a folder where nothing is."""
        nowhere = self.folder / "nowhere"
        nowhere.mkdir(exist_ok=True)
        return Command(
            name=name,
            argv=argv,
            environ=self.environ(caches=caches),
            cwd=nowhere,
            prepare=prepare,
            share=share,
        )

    def do(self, *argv: str | Path, caches: Path | None = None) -> str:
        """Run a program that is not measured; return what it prints."""
        done = subprocess.run(
            argv, env=self.environ(caches=caches), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{argv} exits with {done.returncode}:\n{done.stderr}")
        return done.stdout.strip()


def remove(*paths: Path) -> None:
    """Remove files and folders that may be there, though somebody may still be writing into them."""
    for path in paths:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        while path.is_dir():  # bytecode is compiled in the background
            with suppress(OSError):
                shutil.rmtree(path, onerror=_remove_read_only)


def _remove_read_only(remove: Callable[..., object], path: str, _: object) -> None:
    # A store keeps folders from being written to.
    Path(path).parent.chmod(0o700)
    remove(path)


@contextmanager
def index(store: Path, *, milliseconds: float = 0, is_encrypted: bool = False) -> Iterator[str]:
    """Serve the index in a process of its own; give its URL."""
    argv = [
        sys.executable,
        str(Path(__file__).with_name("index.py")),
        str(store),
        "--delay",
        str(milliseconds),
        *(["--certificate", str(TLS / "trusted.pem")] if is_encrypted else []),
    ]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate()
