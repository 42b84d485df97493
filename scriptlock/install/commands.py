"""The programs of an environment: scripts that are run by its interpreter."""

from __future__ import annotations

import os
from pathlib import Path

SHEBANG = b"#!python"
"""How a script begins that wants the environment's interpreter (PEP 427)."""
LONGEST = 127
"""Bytes of a first line that every system reads to its end."""

Command = tuple[str, str, str, str, str]
"""An entry point to run: section (console or gui), name, module, attribute, and the lines below the first."""


def write(command: Command, python: Path) -> tuple[str, bytes]:
    """Return the name and the content of the file that starts an entry point."""
    section, name, module, attribute, text = command
    if os.name == "posix" and is_simple(python):
        return name, shebang(python) + text.encode()
    # Windows has launchers, and other paths need to be quoted: that is worth the import.
    from installer.scripts import Script
    from installer.utils import get_launcher_kind

    script = Script(name, module, attribute, section)  # type: ignore[arg-type]  # JSON knows no Literal
    return script.generate(str(python), get_launcher_kind())


def adapt(text: bytes, python: Path) -> bytes:
    """Return a script of a wheel, with the environment's interpreter in it if it asks for that."""
    return shebang(python) + text.partition(b"\n")[2] if text.startswith(SHEBANG) else text


def is_simple(python: Path) -> bool:
    """Return whether the path can stand behind ``#!`` as it is."""
    path = os.fsencode(python)
    return b" " not in path and len(path) + len(b"#!\n") <= LONGEST


def shebang(python: Path) -> bytes:
    """Return the first line of a script for an interpreter, or the first two, where one would not do."""
    path = os.fsencode(python)
    if is_simple(python):
        return b"#!" + path + b"\n"
    # A shell starts it again by Python, to which the same lines are a string that means nothing.
    return b"#!/bin/sh\n'''exec' \"" + path + b'" "$0" "$@"\n\' \'\'\'\n'
