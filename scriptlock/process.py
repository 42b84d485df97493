"""Starting other programs so that nothing lying around can change what they do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

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

    It is killed if the block ends in an error.
    """
    import subprocess
    import tempfile

    # A module in the working folder would be imported before the real one. The same folder is for its
    # temporary files: pip leaves them behind when it is killed.
    with (
        tempfile.TemporaryDirectory(prefix="scriptlock-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as given,
    ):
        given.write(text.encode())  # not a pipe: nobody has to wait until all of it is read
        given.seek(0)
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
        # Libraries look for a home as soon as they are imported, and a user without one is no reason to fail.
        if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path.expanduser() raises
            temporary["HOME"] = folder
        with subprocess.Popen(
            list(argv),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=clean_environment(os.environ) | temporary | dict(environ or {}),
            pass_fds=tuple(inherit),
            encoding="utf-8",
            errors="replace",
        ) as process:

            def finish() -> subprocess.CompletedProcess[str]:
                said = process.communicate()
                return subprocess.CompletedProcess(process.args, process.returncode, *said)

            try:
                yield finish
            except BaseException:
                process.kill()
                raise
