"""A process that opens the environment of one wheel as soon as it is told to, for tests of several at once.

``python -m support.builders CACHE LOG ROLE`` says "ready", waits for a line, opens the environment in
the way of its role, says where it is, and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scriptlock.cache.environments import environment_key, open_environment
from scriptlock.cache.layout import Cache
from scriptlock.install.installer import EmptyEnvironment, Installer
from scriptlock.install.pip import PipInstaller
from scriptlock.install.store import StoreInstaller
from scriptlock.interpreters import Interpreter, find_interpreter
from scriptlock.model import Pin
from support.installers import Unpacker, pin_of
from support.wheels import wheel

DEMO = wheel("demo", "1.0")
TESTS = Path(__file__).parent.parent

WAITS = "import sys; print('running', flush=True); sys.stdin.readline()"
STRAYS = """
import pathlib, sys
print("writing", flush=True)
sys.stdin.readline()
site = pathlib.Path(sys.argv[1])
site.mkdir(parents=True, exist_ok=True)
(site / "stray.py").touch()
"""
"""A child of an installer that does its damage only when it is told to."""


class Builder:
    """Such a process, seen from a test."""

    def __init__(self, cache: Cache, log: Path, role: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.builders", str(cache.root), str(log), role],
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self, *, about_waiting: bool = False) -> str:
        """Return the next line that it says, or an empty string if it will say no more.

        :param about_waiting: that it waits is a line as well, and not just a matter of how busy the
            machine is.
        """
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline().rstrip("\n")
            if about_waiting or not line.startswith("waiting for "):
                return line

    def tell(self) -> None:
        """Let it go on, or whoever has inherited its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it with SIGKILL, and nobody else."""
        self.process.kill()
        self.process.wait()


@contextmanager
def builders(cache: Cache, log: Path, *roles: str) -> Iterator[list[Builder]]:
    """Start a builder for each role, and wait until all are ready."""
    started = [Builder(cache, log, role) for role in roles]
    try:
        assert [builder.hear() for builder in started] == ["ready"] * len(roles)
        yield started
    finally:
        for builder in started:
            builder.process.communicate(
                timeout=60
            )  # its standard input ends, and so does whoever waits for a line


def key() -> str:
    """Return the key of the environment that they all open."""
    return environment_key(find_interpreter(None, None), [pin_of(DEMO)])


class _Logged(Unpacker):
    def __init__(self, log: Path) -> None:
        super().__init__(DEMO)
        self.log = log

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        with self.log.open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        super().install(pins, environment, offline=offline)


def _nobody_compiles(cache: Cache, interpreter: Interpreter, digests: Sequence[str]) -> None:
    """Leave nobody behind who is still at work when the test is over."""


class _Straying:
    """Unpacks nothing itself; the child that it starts is not to be trusted."""

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        argv = [sys.executable, "-c", STRAYS, str(environment.schemes["purelib"])]
        subprocess.run(argv, pass_fds=[environment.lease], check=True)


def _link_slowly(source: str, target: str) -> None:
    """Link a file, and before the last one of the wheel wait until somebody says so."""
    if target.endswith("/INSTALLER"):
        say("linking")
        sys.stdin.readline()
    os.link(source, target)


def say(line: str) -> None:
    """Let the test hear it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(root: str, log: str, role: str) -> None:
    """Be one of them."""
    cache = Cache(root=Path(root))
    installers: dict[str, Installer] = {
        "stray": _Straying(),
        "pip": PipInstaller(),
        "store": StoreInstaller(cache, compile_wheels=_nobody_compiles),
        "linking": StoreInstaller(cache, link=_link_slowly, compile_wheels=_nobody_compiles),
    }
    interpreter = find_interpreter(None, None)
    say("ready")
    if not sys.stdin.readline():
        return
    environment = open_environment(
        cache,
        interpreter,
        [pin_of(DEMO)],
        installers.get(role, _Logged(Path(log))),
        notify=say,
    )
    if role == "exec":
        environment.keep_over_exec()
        argv = [str(environment.python), "-c", WAITS]
        os.execv(argv[0], argv)  # noqa: S606 - what a script is started by
    say(str(environment.path))


if __name__ == "__main__":
    main(*sys.argv[1:])
