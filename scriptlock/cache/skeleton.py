"""The empty environment: made by virtualenv once for each interpreter, from its own notes after that."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scriptlock.errors import ToolError
from scriptlock.interpreters import Interpreter
from scriptlock.process import clean_environment

FORMAT = 1
HERE = "\0"
"""Stands for the environment's own path, in which there can be no such character."""
SMALL = 1 << 16
"""Bytes; a larger file is a copy of something, and better copied again."""
EXECUTABLE = 0o111
"""Bits of the mode of a program, which is a copy of something, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """What an empty environment consists of; all paths are relative to it."""

    python: str
    schemes: Mapping[str, str]
    """Where the parts of a wheel go (PEP 427)."""
    folders: tuple[str, ...]
    """Parents first."""
    links: Mapping[str, str]
    """What each symbolic link holds."""
    files: Mapping[str, str]
    """The text of each file."""


def make(folder: Path, interpreter: Interpreter, memory: Path) -> Skeleton:
    """Make an empty virtual environment, as virtualenv does, and return what it consists of.

    :param memory: a folder for what virtualenv made, since to import and ask it takes longer than
        all the rest of a small environment.
    :raises ToolError: if virtualenv failed.
    """
    notes = memory / f"{_name(interpreter)}.json"
    with suppress(OSError, ValueError, TypeError):  # not noted yet, or not by us
        skeleton = Skeleton(**json.loads(notes.read_bytes()))
        _draw(skeleton, folder)
        return skeleton
    skeleton, is_complete = _by_virtualenv(folder, interpreter, memory)
    if is_complete:
        with suppress(OSError):  # it is only slower without
            written = notes.with_suffix(f".{os.urandom(4).hex()}")
            written.write_text(json.dumps(asdict(skeleton)), "utf-8")
            written.replace(notes)
    return skeleton


def _name(interpreter: Interpreter) -> str:
    # Another release of virtualenv makes something else; its version would take 20 ms to ask for.
    spec = find_spec("virtualenv")
    origin = Path((spec and spec.origin) or os.devnull)
    stat = origin.with_name("version.py").stat() if origin.with_name("version.py").exists() else origin.stat()
    facts = [FORMAT, dict(interpreter.identity), str(origin), stat.st_mtime_ns, stat.st_ino]
    return f"skeleton-{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]}"


def _draw(skeleton: Skeleton, folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in skeleton.folders:
        (folder / path).mkdir()
    for path, target in skeleton.links.items():
        (folder / path).symlink_to(target)
    for path, text in skeleton.files.items():
        (folder / path).write_text(text.replace(HERE, str(folder)), "utf-8")


def _by_virtualenv(folder: Path, interpreter: Interpreter, memory: Path) -> tuple[Skeleton, bool]:
    """Return what virtualenv made, and whether notes can tell all of it."""
    import logging

    from virtualenv import session_via_cli

    # Without a handler, its warnings would end up on stderr.
    logging.getLogger("virtualenv").addHandler(logging.NullHandler())
    # What virtualenv notes of an interpreter is found again by path and time, which another may share.
    notes = memory / _name(interpreter)
    argv = [
        str(folder),
        "--python",
        str(interpreter.executable),
        "--app-data",
        str(notes),
        "--activators",
        "",
    ]
    argv += ["--without-pip", "--no-download", "--no-periodic-update", "--no-vcs-ignore"]
    environ = clean_environment(os.environ) | {"VIRTUALENV_CONFIG_FILE": os.devnull}
    try:
        with session_via_cli(argv, setup_logging=False, env=environ) as session:
            session.run()
    except (Exception, SystemExit) as error:  # it has no exception of its own, and argparse exits
        reason = f"virtualenv cannot make an environment from {interpreter.executable}: {error}"
        raise ToolError(reason) from error
    creator = session.creator
    home = Path(creator.dest)  # where the folder really is: a parent may be a link
    python = ".".join(map(str, creator.interpreter.version_info[:2]))
    schemes = {
        "data": home,
        # No package may write among the headers of Python itself, which some platforms link here.
        "headers": home / "include" / "site" / f"python{python}",
        "platlib": Path(creator.platlib),
        "purelib": Path(creator.purelib),
        "scripts": Path(creator.script_dir),
    }
    seen = look(home)
    skeleton = Skeleton(
        python=Path(creator.exe).relative_to(home).as_posix(),
        schemes={name: path.relative_to(home).as_posix() for name, path in schemes.items()},
        **(seen or {"folders": (), "links": {}, "files": {}}),
    )
    return skeleton, seen is not None


def look(folder: Path) -> dict[str, Any] | None:
    """Return the folders, links and files of a skeleton, or None if notes cannot tell all of it."""
    folders, links, files = [], {}, {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_dir():
            folders.append(name)
        elif path.stat().st_size > SMALL or path.stat().st_mode & EXECUTABLE:
            return None
        else:
            files[name] = path.read_text("utf-8").replace(str(folder), HERE)
    return {"folders": tuple(folders), "links": links, "files": files}
