"""From a file that was fetched to a wheel in the store."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

# Not in a function: when several threads import it at once, some find half of it.
from installer.scripts import Script
from installer.utils import parse_entrypoints

from scriptlock.errors import InstallError
from scriptlock.install.commands import Command
from scriptlock.install.record import record
from scriptlock.install.shelves import CONTENT, FORMAT, WHEEL, Shelves, timestamp
from scriptlock.install.wheels import Wheel, folders_of, unpack
from scriptlock.model import Pin

SAFE_COMMAND = re.compile(r"(?!\.+$)[^\s/\\:\0-][^/\\:\0]*")
"""What a command may be called: the name of a file, and of nothing else."""


def shelve(shelves: Shelves, archive: Path, filename: str, sha256: str, pin: Pin) -> None:
    """Verify a wheel, unpack it, and put it into the store.

    :param archive: the file itself, whose digest has been checked.
    :param sha256: that digest, 64 hex digits.
    :raises InstallError: if it is not what the pin names, or no sound wheel.
    :raises OSError: if it cannot be written.
    """
    with shelves.workplace() as folder:
        content = folder / CONTENT
        wheel = unpack(archive, filename, content, modified=timestamp(sha256))
        if (wheel.name, wheel.version) != (pin.name, pin.version):
            raise InstallError(
                f"{filename} was locked as {pin.name} {pin.version}, and is {wheel.name} {wheel.version}",
                "run `scriptlock lock` again",
            )
        text = json.dumps(_description(wheel, filename, content), separators=(",", ":"))
        (folder / WHEEL).write_text(text, "utf-8")
        shelves.place(folder, sha256)


def _description(wheel: Wheel, filename: str, content: Path) -> dict[str, object]:
    """Return what the store says of a wheel, as :class:`scriptlock.install.shelves.StoredWheel` reads it."""
    here = [file for file in wheel.files if file.source == file.path]
    return {
        "format": FORMAT,
        "filename": filename,
        "name": wheel.name,
        "version": str(wheel.version),
        "dist_info": wheel.dist_info,
        "root": wheel.root,
        "folders": sorted(folders_of(file.path for file in here)),
        "files": [(file.path, file.size) for file in here],
        "parts": [
            (file.scheme, file.path, file.source, file.size, file.digest)
            for file in wheel.files
            if file.source != file.path
        ],
        "commands": _commands(content / wheel.dist_info / "entry_points.txt", filename),
        "record": record((file.path, file.digest, file.size) for file in here),
    }


def _commands(declared: Path, filename: str) -> list[Command]:
    try:
        entry_points = list(parse_entrypoints(declared.read_text("utf-8")))
    except FileNotFoundError:
        return []
    except (configparser.Error, AssertionError, UnicodeDecodeError) as error:  # it asserts what it expects
        raise InstallError(f"{filename} has an entry_points.txt that cannot be read") from error
    for name, *_ in entry_points:
        if not SAFE_COMMAND.fullmatch(name):
            raise InstallError(f"{filename} has a command whose name is no file name: {name!r}")
    return [describe(section, name, module, attribute) for name, module, attribute, section in entry_points]


def describe(section: str, name: str, module: str, attribute: str) -> Command:
    """Return an entry point together with the text that is the same in every environment."""
    script = Script(name, module, attribute, section)  # type: ignore[arg-type]  # console or gui, it says itself
    _, text = script.generate("python", "posix")
    return section, name, module, attribute, text.partition(b"\n")[2].decode()
