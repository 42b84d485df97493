"""`run PATH ARGS…` and `sync PATH…` without an option: what they mean is plain without a parser.

To load click takes as long as to build a small environment.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

VARIABLES = ("SCRIPTLOCK_OFFLINE", "SCRIPTLOCK_LOCKED", "_SCRIPTLOCK_COMPLETE")
"""What stands for an option, or makes of the command something else."""


def start(words: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Do what a command line asks for, and end with its status; return if that takes a parser to know.

    :param words: the command line without the program.
    """
    if not is_plain(words, environ):
        return
    # Hardly anything of what is loaded or made from here on is garbage, and to look for some takes as
    # long as to read the script.
    gc.disable()
    from scriptlock.cli import ahead

    verb, *rest = words
    if verb == "sync" and len(rest) > 1:
        gc.enable()
    with ahead.begun(words, environ):
        from scriptlock.cli import preparing

        if verb == "run":
            preparing.run_script(rest[0], rest[1:], preparing.NO_WISHES)
        preparing.sync_scripts(rest, preparing.NO_WISHES, say=say)


def say(text: str) -> None:
    """Print a line of the result; end the process if that cannot be done."""
    if sys.stdout is not None and text.isascii() and text.isprintable():
        with suppress(OSError):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            return
    # What else may be in a path, and what goes wrong, is click's business.
    from scriptlock.cli import group, report

    with group.ending():
        report.out(text)


def is_plain(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether a command line is a verb of ours, scripts, and the script's own words."""
    if os.name == "nt" or any(map(environ.get, VARIABLES)):
        return False
    verb, *rest = words or [""]
    ours = {"run": rest[:1], "sync": rest}.get(verb, [])
    return bool(ours) and all(word and not word.startswith("-") for word in ours)
