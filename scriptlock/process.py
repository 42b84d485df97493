"""Starting other programs so that nothing lying around can change what they do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

Finish = Callable[[], "subprocess.CompletedProcess[str]"]
"""Waits for the end of a program, and returns its output."""

PIP_VARIABLES = frozenset(
    f"PIP_{name}"
    for name in (
        "CERT CLIENT_CERT CONFIG_FILE DEFAULT_TIMEOUT EXTRA_INDEX_URL FIND_LINKS INDEX_URL KEYRING_PROVIDER "
        "NO_INDEX PROXY RETRIES TIMEOUT TRUSTED_HOST"
    ).split()
)
"""What pip reads from the environment to reach an index; everything else it reads could only do harm here."""

FOLDER = "scriptlock-"
"""How the name of the folder of such a program begins."""
PATIENCE = 1.0
"""Seconds to wait for a program to end by itself."""


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables a child may see: none that steer Python, virtualenv or pip's other options.

    ``PIP_TARGET``, say, makes pip succeed without installing anything where it should.
    """
    foreign = ("PYTHON", "PIP_", "_PIP_", "VIRTUALENV_", "__PYVENV")
    return {
        name: value
        for name, value in environ.items()
        if name in PIP_VARIABLES or not name.upper().startswith(foreign)
    }


class Begun:
    """A program that runs in a folder of its own, which is empty.

    :param given: its standard input; None for a pipe to it.
    :param environ: what it may see on top of the cleaned environment of this process.
    :param inherit: descriptors it keeps open.
    :raises OSError: if it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        given: IO[bytes] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        import subprocess
        import tempfile

        # A module in the working folder would be imported before the real one. The same folder is for its
        # temporary files: pip leaves them behind when it is killed.
        self._folder = tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True)
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder.name)
        # Libraries look for a home as soon as they are imported, and a user without one is no reason to fail.
        if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path.expanduser() raises
            temporary["HOME"] = self._folder.name
        # No pipe: nobody would empty it while an answer is waited for.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - close()
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE if given is None else given,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=self._folder.name,
                env=clean_environment(os.environ) | temporary | dict(environ or {}),
                # On Windows nobody can: there, whoever is killed leaves nobody who holds a lease.
                pass_fds=tuple(inherit) if os.name == "posix" else (),
                encoding="utf-8",
                errors="replace",
            )
        except BaseException:
            self._remove()
            raise

    def ask(self, line: str) -> str:
        """Return the line that it answers to a line, nothing if it ends instead."""
        reading = self._process.stdout
        return reading.readline() if self._say(line) and reading else ""

    def hand(self, text: str) -> None:
        """Give it a text, in a file of its folder whose name it reads as a line.

        So nobody waits until it has read all of it.

        :raises OSError: if that cannot be written.
        """
        path = Path(self._folder.name, "text")
        path.write_text(text, "utf-8")
        self._say(path.name)  # the folder may be in no encoding; who waits for its end learns why it ended

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Let it run to its end; return its output, whatever its status."""
        import subprocess

        # communicate() would close its standard input, by which it tells whether we are still there.
        stdout = self._process.stdout.read() if self._process.stdout else ""
        status = self._process.wait()
        self._errors.seek(0)
        return subprocess.CompletedProcess(self._process.args, status, stdout, self._errors.read())

    def dismiss(self) -> None:
        """End it, but let it finish the file that it is writing; leave nothing of it."""
        self._process.terminate()
        with suppress(OSError):  # on Windows, where it has no time to finish anything
            self._wait_for_end()
        self.close()

    def kill(self) -> None:
        """End it, if it has not ended; who waits for an answer gets none."""
        self._process.kill()

    def close(self) -> None:
        """End it, if it has not ended, and leave nothing of it."""
        self._process.kill()
        with suppress(OSError), self._process:  # what was not written to it is of no use to anybody
            pass
        self._remove()

    def _say(self, line: str) -> bool:
        writing = self._process.stdin
        with suppress(OSError):
            if writing:
                writing.write(f"{line}\n")
                writing.flush()
                return True
        return False

    def _wait_for_end(self) -> None:
        """Wait until nobody writes to its standard output any more, but not for ever.

        ``Popen.wait()`` with a timeout would sleep between two looks, for up to 50 ms.
        """
        import selectors

        output, end = self._process.stdout, time.monotonic() + PATIENCE
        # Not select.select(), which refuses descriptors from 1024 on.
        with selectors.DefaultSelector() as selector:
            if output:
                selector.register(output, selectors.EVENT_READ)
            while output and (left := end - time.monotonic()) > 0:
                if not (selector.select(left) and os.read(output.fileno(), 1 << 16)):
                    break

    def _remove(self) -> None:
        self._errors.close()
        self._folder.cleanup()


def run(
    argv: Sequence[str],
    *,
    text: str = "",
    environ: Mapping[str, str] | None = None,
    inherit: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end in a folder of its own that is empty; return its output, whatever its status.

    :param text: its standard input; ours is left for the script.
    :param environ: what it may see on top of the cleaned environment of this process.
    :param inherit: descriptors it keeps open.
    :raises OSError: if it cannot be started.
    """
    with start(argv, text=text, environ=environ, inherit=inherit) as finish:
        return finish()


@contextmanager
def start(
    argv: Sequence[str],
    *,
    text: str = "",
    environ: Mapping[str, str] | None = None,
    inherit: Sequence[int] = (),
) -> Iterator[Finish]:
    """Start a program as :func:`run` does, and give what waits for its end and returns its output.

    It is killed if it has not ended by the end of the block.
    """
    import tempfile

    with tempfile.TemporaryFile() as given:
        given.write(text.encode())  # not a pipe: nobody has to wait until all of it is read
        given.seek(0)
        begun = Begun(argv, given, environ=environ, inherit=inherit)
        try:
            yield begun.finish
        finally:
            begun.close()
