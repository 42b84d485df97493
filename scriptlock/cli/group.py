"""The verbs of the command line, as click has them, and how what becomes of them ends the process."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

from scriptlock.cli.outcome import INTERRUPTED, RUN_FAILED, TROUBLE
from scriptlock.cli.streams import nowhere

HOMES = {
    "lock": "locking",
    "check": "locking",
    "run": "running",
    "sync": "running",
    "which": "running",
    "install": "installing",
    "uninstall": "installing",
    "strip": "locking",
    "cache": "caching",
}
"""The module of each verb, in the order in which they are wanted."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


class _Verbs(click.Group):
    """Loads a verb when it is asked for: most of a start is the import of what the others need."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(HOMES)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in HOMES:
            return None
        verb: click.Command = getattr(import_module(f"scriptlock.cli.{HOMES[name]}"), name)
        return verb

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _keeping_broken_pipes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _keeping_broken_pipes():
            return super().invoke(ctx)


class _Unread(Exception):
    """Nobody reads any more what click prints."""


@contextmanager
def _keeping_broken_pipes() -> Iterator[None]:
    """Hide broken pipes from click, which ends the process with the status that says no."""
    try:
        yield
    except BrokenPipeError as error:
        raise _Unread from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scriptlock-toolkit", prog_name="scriptlock")
def verbs() -> None:
    """Lock single-file Python scripts: pins and hashes go into a footer of the script itself.

    \b
    Examples:
      scriptlock lock report.py           write or refresh the lock
      scriptlock run report.py --fast     run with exactly the pinned packages
      scriptlock check *.py               exit 1 if a lock is missing or stale

    \b
    Exit codes:
      0    yes, or done            3    the script changed while it was being locked
      1    the answer is no        4    somebody else still builds the environment
      2    trouble                 130  interrupted
    `run` exits with the script's own status; with 125 if the script could not be started.
    """


def start(words: Sequence[str]) -> NoReturn:
    """Do what a command line asks for, and exit with its status."""
    with ending(RUN_FAILED if words[:1] == ["run"] else TROUBLE):
        sys.exit(verbs.main(words, prog_name="scriptlock", standalone_mode=False))


@contextmanager
def ending(trouble: int = TROUBLE) -> Iterator[None]:
    """Exit with the status for what click raises inside.

    :param trouble: that of what click says itself.
    """
    try:
        yield
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        _tell(error.show)
        sys.exit(trouble)
    except _Unread:
        sys.stdout = nowhere()
        sys.exit(trouble)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            raise  # a bug: every verb tells of the files it deals with
        # Only click's own help and version are printed by click.
        sys.stdout = nowhere()
        why = f"scriptlock: the result cannot be written: {error.strerror}"
        _tell(lambda: click.echo(why, err=True))
        sys.exit(trouble)


def _tell(show: Callable[[], None]) -> None:
    try:
        show()
    except OSError:  # nobody can be told, but the command ends as it would
        sys.stderr = nowhere()
