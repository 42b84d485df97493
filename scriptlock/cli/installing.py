"""The verbs that make a script a command of the user: install, uninstall."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from scriptlock import by_path, launcher, memo
from scriptlock.cache import registry
from scriptlock.cache.layout import Cache
from scriptlock.cli import options
from scriptlock.cli.progress import Progress
from scriptlock.cli.report import complain, confess, out, remark
from scriptlock.errors import FileTrouble, LauncherError, ScriptChanged, ScriptlockError


@click.command()
@options.path
@click.option("--name", help="What to call it; the script's own name without .py otherwise.")
@options.offline
def install(path: Path, *, name: str | None, offline: bool) -> None:
    """Make a script a command that starts it from its environment, with nothing but a shell in front.

    The environment is built now and protected from `cache prune`. What the script says of its
    dependencies may change later: the command notices, and goes by `scriptlock run`.

    \b
    Examples:
      scriptlock install report.py
      scriptlock install --name monthly-report report.py
    """
    try:
        _install(path, path.name.removesuffix(".py") if name is None else name, offline=offline)
    except ScriptlockError as error:
        complain(path, error)
        sys.exit(error.exit_code)


def _install(path: Path, name: str, *, offline: bool) -> None:
    folder = launcher.commands_folder()
    command = launcher.launcher_path(folder, name)
    cache = Cache.default()
    try:
        script = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute() leaves .. in it
    except FileNotFoundError as error:  # the working folder is gone
        raise FileTrouble("there is no such file") from error
    _require_lasting(script)
    launcher.require_free(command, script)  # before a long build and the protection, not after them
    for _ in range(2):  # the first time, its lock may be refreshed
        modified = _modified(script)
        with Progress(f"preparing {click.format_filename(path)}") as progress:

            def notify(message: str, progress: Progress = progress) -> None:
                with progress.pause():
                    remark(path, message)

            environment = by_path.sync_file(path, offline=offline, cache=cache, notify=notify)
        with environment:
            if _modified(script) == modified:
                break
    else:
        raise ScriptChanged
    is_sure = memo.carries_its_lock(str(script))
    registry.protect_for(cache, script.resolve(), command)
    is_straight = launcher.write_launcher(
        command, script, environment.path, cache, modified=modified if is_sure else None
    )
    out(click.format_filename(command))
    if not is_straight:
        why = "the shell could not tell when it is changed" if is_sure else "it does not carry its lock"
        remark(path, f"the command goes by `scriptlock run`, for {why}")
    if (found := shutil.which(name)) is None:
        remark(path, f"{folder} is not on PATH")
    elif not os.path.samefile(found, command):  # noqa: PTH121 - two strings
        remark(path, f"{name} is {found}, which comes before it on PATH")


def _require_lasting(script: Path) -> None:
    """Return if the script's path may lead to it later, too.

    :raises LauncherError: if it is that of a pipe, or of a file that some process has open.
    """
    is_standard_input = script.name == "-" and not script.exists()
    is_of_a_process = script.is_relative_to("/proc") or script.is_relative_to("/dev/fd")
    if is_standard_input or is_of_a_process or script == Path("/dev/stdin") or script.is_fifo():
        reason = "it is not a file that is still there when the command is called"
        raise LauncherError(reason, "save the script, and install that file")


def _modified(script: Path) -> int:
    try:
        return script.stat().st_mtime_ns
    except OSError as error:
        raise FileTrouble(f"it cannot be read: {error.strerror}") from error


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def uninstall(names: tuple[str, ...]) -> None:
    """Remove commands that `scriptlock install` made, and the protection of their environments.

    \b
    Example:
      scriptlock uninstall report
    """
    codes = []
    for name in names:
        try:
            _uninstall(name)
        except ScriptlockError as error:
            confess(error)
            codes.append(error.exit_code)
    sys.exit(max(codes, default=0))


def _uninstall(name: str) -> None:
    cache = Cache.default()
    command = launcher.launcher_path(launcher.commands_folder(), name)
    script = launcher.remove_launcher(command, cache)
    registry.release(cache, Path(os.path.realpath(script)), command)
