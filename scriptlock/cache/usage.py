"""Who uses an environment without holding its lease.

A script's lease goes to its children with a descriptor, and some close it: daemons, multiprocessing's
server of forks, ``subprocess`` with its defaults. So before anything is removed, every process is looked
at. It uses an environment if its program, working folder, an open file or mapped library lies there, if
its command line names something there, or if it is the interpreter that the environment was made from,
started in an environment of variables that names it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What can be seen of a process."""

    pid: int
    program: str = ""
    """The real path of its executable."""
    files: frozenset[str] = field(default=frozenset(), repr=False)
    """All that it has open or mapped, its program and its working folder; real paths."""
    words: bytes = field(default=b"", repr=False)
    """Its command line."""
    variables: bytes = field(default=b"", repr=False)
    """Those it was started with."""


def processes(proc: Path = PROC) -> tuple[Process, ...]:
    """Return the processes of this machine, with as much as we may know of each.

    Of this one only the environment that it runs in counts, not what it holds or was told to look at.

    :param proc: where the system shows them; if it does not, ``ps`` is asked.
    """
    if not (proc / "self").exists():
        return (_ourselves(), *_told_by_ps())
    entries = (entry for entry in proc.iterdir() if entry.name.isdigit())
    return tuple(_ourselves() if int(entry.name) == os.getpid() else _look(entry) for entry in entries)


def users(
    seen: tuple[Process, ...], folder: Path, *, lease: Path | None = None, interpreter: str = ""
) -> tuple[int, ...]:
    """Return which of the processes use an environment, by their pids.

    :param folder: the environment's.
    :param lease: its file; whoever has it open uses the environment, or is about to.
    :param interpreter: the real path of the interpreter that it was made from.
    """
    real = os.path.realpath(folder)
    held = os.path.realpath(lease) if lease else None
    names = b"|".join(re.escape(os.fsencode(name)) for name in {real, os.fspath(folder)})
    named = re.compile(rb"(?<![\w.-])(?:" + names + rb")(?=[/:\0])")
    named_inside = re.compile(rb"(?<![\w.-])(?:" + names + rb")/")

    def is_user(process: Process) -> bool:
        if any(file in {real, held} or file.startswith(f"{real}{os.sep}") for file in process.files):
            return True
        if named_inside.search(process.words):
            return True
        # A bare `python` from PATH names the environment nowhere else. Programs other than that one are
        # left out: a browser that a script opened would keep its environment for weeks.
        is_python = bool(interpreter) and process.program == interpreter
        return is_python and bool(named.search(process.variables))

    return tuple(sorted(process.pid for process in seen if is_user(process)))


def _ourselves() -> Process:
    return Process(pid=os.getpid(), files=frozenset({os.path.realpath(sys.prefix)}))


def _look(entry: Path) -> Process:
    program = _link(entry / "exe")
    files = {program, _link(entry / "cwd"), *_open_files(entry / "fd"), *_mapped(entry / "maps")}
    return Process(
        pid=int(entry.name),
        program=program,
        files=frozenset(files - {""}),
        words=_bytes(entry / "cmdline"),
        variables=_bytes(entry / "environ"),
    )


def _link(path: Path) -> str:
    try:
        # What was deleted, or replaced by an upgrade, is still in use by that name.
        return os.fspath(path.readlink()).removesuffix(" (deleted)")
    except OSError:  # it ended meanwhile, is the kernel's, or somebody else's
        return ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _open_files(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        for entry in folder.iterdir():
            yield _link(entry)


def _mapped(path: Path) -> Iterator[str]:
    # address perms offset device inode path
    for line in set(_bytes(path).splitlines()):
        _, slash, rest = line.partition(b" /")
        if slash:
            yield "/" + os.fsdecode(rest).removesuffix(" (deleted)")


def _told_by_ps() -> Iterator[Process]:
    with suppress(OSError):  # Windows has none, and there nothing that is in use can be renamed
        done = subprocess.run(
            ["ps", "-axww", "-o", "pid=,command="],  # noqa: S607 - it is in different places on different systems
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            pid, _, words = line.strip().partition(b" ")
            if pid.isdigit() and int(pid) != os.getpid():
                yield Process(pid=int(pid), words=words)
