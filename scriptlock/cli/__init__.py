"""The command line: what it takes, what it prints, and what it exits with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from scriptlock.cli.caching import cache
from scriptlock.cli.installing import install, uninstall
from scriptlock.cli.locking import check, lock, strip
from scriptlock.cli.outcome import INTERRUPTED, RUN_FAILED, TROUBLE
from scriptlock.cli.running import run, sync, which


class _Verbs(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are wanted, not of the alphabet


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


for verb in (lock, check, run, sync, which, install, uninstall, strip, cache):
    verbs.add_command(verb)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    trouble = RUN_FAILED if words[:1] == ["run"] else TROUBLE
    try:
        sys.exit(verbs.main(words, prog_name="scriptlock", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(trouble)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain of it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(trouble)
