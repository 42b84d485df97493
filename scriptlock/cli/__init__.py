"""The command line: what it takes, what it prints, and what it exits with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NoReturn

from scriptlock.cli import plain
from scriptlock.cli.outcome import INTERRUPTED


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    with ExitStack() as stack:
        try:
            plain.start(words)
            if words[:1] == ["lock"]:
                from scriptlock.cli import ahead

                stack.enter_context(ahead.begun(words))
            from scriptlock.cli import group
        except KeyboardInterrupt:
            print(file=sys.stderr)  # noqa: T201 - what follows the ^C of a terminal; click does the same
            sys.exit(INTERRUPTED)
        group.start(words)
