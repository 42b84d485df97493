"""Commands that start a script with nothing but a shell in front of its environment's python.

A launcher is a small ``sh`` program in the user's folder of commands. It goes straight to the environment
as long as script and interpreter are what they were when it was written, which the shell can see from
their times alone, and by ``scriptlock run`` otherwise.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scriptlock.cache.environments import RECEIPT, python_in, read_receipt
from scriptlock.cache.layout import VARIABLE, Cache
from scriptlock.errors import LauncherError

MARK = "#!/bin/sh\n# A launcher of scriptlock, format 1; `scriptlock uninstall` takes it away.\n"
LONGEST = 1 << 17
"""More bytes than any of ours has."""
SECOND = 10**9
"""In nanoseconds."""


def commands_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the user's own commands are: ``XDG_BIN_HOME``, or ``~/.local/bin``.

    :raises LauncherError: if nobody knows the user's home.
    """
    named = Path(environ.get("XDG_BIN_HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path.home() / ".local" / "bin"
    except RuntimeError as error:
        raise LauncherError("the user has no home", "set XDG_BIN_HOME to a folder for commands") from error


def launcher_path(folder: Path, name: str) -> Path:
    """Return where the launcher of that name is, or is to be.

    :raises LauncherError: if it cannot be the name of a command.
    """
    if os.name != "posix":
        raise LauncherError("a launcher is a program for sh, which this system does not have")
    if name in {"", ".", "..", "scriptlock"} or "/" in name or "\0" in name:
        raise LauncherError(f"{name!r} cannot be the name of a command here", "choose another with --name")
    return folder / name


def started_script(launcher: Path) -> Path | None:
    """Return the script that a launcher starts, None if there is no launcher.

    :raises LauncherError: if there is something else, or it cannot be read.
    """
    try:
        with launcher.open("rb") as file:
            text = os.fsdecode(file.read(LONGEST))
    except FileNotFoundError:
        if not launcher.is_symlink():
            return None
        text = ""
    except OSError as error:
        raise LauncherError(f"{launcher} cannot be read: {error.strerror}") from error
    if text.startswith(MARK):
        with suppress(ValueError):  # somebody changed it
            colon, starts, script, *_ = shlex.split(text.removeprefix(MARK))
            if (colon, starts) == (":", "starts"):
                return Path(script)
    raise LauncherError(
        f"{launcher} is none of ours", "choose another name with --name, or remove it yourself"
    )


def require_free(launcher: Path, script: Path) -> None:
    """Return if a launcher can be written there for the script.

    :raises LauncherError: if something else has its name, or it cannot be read.
    """
    other = started_script(launcher)
    if other not in (None, script):
        raise LauncherError(
            f"{launcher} starts {other} already", "choose another name with --name, or uninstall that first"
        )


def write_launcher(
    launcher: Path,
    script: Path,
    environment: Path,
    cache: Cache,
    *,
    modified: int | None,
    command: Sequence[str] = (),
) -> bool:
    """Write it, in place of one of ours for the same script; return whether it ever goes there straight.

    :param script: absolute.
    :param environment: ready, and what the script runs in.
    :param modified: the script's time, in nanoseconds since the epoch, from before anybody read it; None
        if it must never go there straight.
    :param command: what starts scriptlock; this one by default.
    :raises LauncherError: if something else has its name, or it cannot be written.
    """
    require_free(launcher, script)
    try:
        guards = list(_guards(_stamps(launcher, cache), script, environment, modified))
        launcher.parent.mkdir(parents=True, exist_ok=True)
        written = launcher.with_name(
            f".{hashlib.sha256(os.fsencode(launcher)).hexdigest()[:16]}.{os.getpid()}"
        )
        written.write_bytes(os.fsencode(launcher_text(script, environment, guards, command or own_command())))
        written.chmod(0o755)
        written.replace(launcher)
    except OSError as error:
        raise LauncherError(f"{launcher} cannot be written: {error.strerror}") from error
    return bool(guards)


def remove_launcher(launcher: Path, cache: Cache) -> Path:
    """Remove it and what belongs to it; return the script that it started.

    :raises LauncherError: if there is none of ours, or it cannot be removed.
    """
    script = started_script(launcher)
    if script is None:
        raise LauncherError(f"there is no {launcher}")
    try:
        launcher.unlink()
    except OSError as error:
        raise LauncherError(f"{launcher} cannot be removed: {error.strerror}") from error
    for stamp in _stamps(launcher, cache).values():
        stamp.unlink(missing_ok=True)
    return script


def own_command() -> list[str]:
    """Return what starts this scriptlock from any folder."""
    beside = Path(sys.executable).with_name("scriptlock")
    return [str(beside)] if os.access(beside, os.X_OK) else [sys.executable, "-P", "-m", "scriptlock"]


def launcher_text(script: Path, environment: Path, guards: Sequence[str], command: Sequence[str]) -> str:
    """Return the program.

    :param guards: conditions of the shell that all have to hold; without any it never goes there straight.
    """
    # No variable of the shell but those that the script is to see: it would see the others as well,
    # where somebody exported one of that name.
    quoted, python = shlex.quote(str(script)), shlex.quote(str(python_in(environment)))
    conditions = " &&\n  ".join(guards)
    straight = [
        f"if {conditions}",
        "then",
        f'  : "${{PATH={os.defpath}}}"',
        f"  PATH={shlex.quote(str(python_in(environment).parent))}${{PATH:+:$PATH}}",
        f"  VIRTUAL_ENV={shlex.quote(str(environment))}",
        "  export PATH VIRTUAL_ENV",
        f'  exec {python} {quoted} "$@"',
        "fi",
    ]
    lines = [
        f": starts {quoted}",
        *(straight if guards else ()),
        f'[ -x {shlex.quote(command[0])} ] && exec {shlex.join(command)} run {quoted} "$@"',
        f'exec scriptlock run {quoted} "$@"',
    ]
    return MARK + "".join(f"{line}\n" for line in lines)


def _stamps(launcher: Path, cache: Cache) -> dict[str, Path]:
    """Return files whose times are right before and right after those of script and interpreter."""
    key = hashlib.sha256(os.fsencode(launcher)).hexdigest()[:32]
    names = ("script-older", "script-newer", "python-older", "python-newer")
    return {name: cache.root / "v1" / "launchers" / f"{key}.{name}" for name in names}


def _guards(
    stamps: Mapping[str, Path], script: Path, environment: Path, modified: int | None
) -> Iterator[str]:
    """Make the stamps; yield what has to hold, or nothing if the shell could not see all that matters."""
    python = Path(str(read_receipt(environment)["interpreter"]["path"]))
    # Whole seconds are what archives keep and deployments make up: another script could have them, too.
    if modified is None or modified % SECOND == 0:
        return
    times = {"script": modified, "python": python.stat().st_mtime_ns}
    for name, path in stamps.items():
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        about, _, side = name.partition("-")
        time = times[about] + (-1 if side == "older" else 1)
        os.utime(path, ns=(time, time))
        if path.stat().st_mtime_ns != time:
            return  # no file system that is exact enough
    # The receipt must be the user's own: who borrows somebody else's command has another cache.
    yield f"[ -O {shlex.quote(str(environment / RECEIPT))} ]"
    yield f'[ "${{{VARIABLE}-}}" = {shlex.quote(os.environ.get(VARIABLE, ""))} ]'
    for about, file in {"script": script, "python": python}.items():
        older, newer = (shlex.quote(str(stamps[f"{about}-{side}"])) for side in ("older", "newer"))
        # Each condition has to hold for what is there: where a shell knows no -nt, or only whole seconds,
        # one of them does not. To some, any file is newer than one that is missing.
        yield f"[ -f {older} ]"
        yield f"[ {shlex.quote(str(file))} -nt {older} ]"
        yield f"[ {shlex.quote(str(file))} -ot {newer} ]"
