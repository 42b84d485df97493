"""The verbs of the command line, and what they exit with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from scriptlock import api, by_path, launch
from scriptlock.cache.environments import Environment
from scriptlock.errors import NotLocked, ScriptlockError, StaleLock
from scriptlock.progress import Progress
from scriptlock.report import check_json, complain, lock_json, out, remark, show_changes, warn

RUN_FAILED = 125
"""What `run` exits with when the script was never started."""
INTERRUPTED = 130

_paths = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
_path = click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
_python = click.option("--python", metavar="PYTHON", help="A path or a version, such as 3.12 or pypy3.11.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_offline = click.option(
    "--offline", is_flag=True, envvar="SCRIPTLOCK_OFFLINE", show_envvar=True, help="Never use the network."
)
_locked = click.option(
    "--locked",
    is_flag=True,
    envvar="SCRIPTLOCK_LOCKED",
    show_envvar=True,
    help="Fail where the lock is missing or stale.",
)
_frozen = click.option("--frozen", is_flag=True, help="Use the lock as it stands, stale or not.")
_locked_only = click.option("--locked-only", is_flag=True, help="Pass over scripts that carry no lock.")


class _Verbs(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are wanted, not of the alphabet


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scriptlock-toolkit", prog_name="scriptlock")
def cli() -> None:
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


@cli.command()
@_paths
@click.option("-U", "--upgrade", is_flag=True, help="Choose every version anew.")
@click.option(
    "-P", "--upgrade-package", "upgrade_packages", multiple=True, metavar="NAME", help="Choose this one anew."
)
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 if something would change.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would change.")
@_locked_only
@_python
@_offline
@_json
def lock(paths: Sequence[Path], *, check_only: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Write the exact versions and hashes of a script's dependencies into the script.

    Nothing is resolved for a script whose lock still answers its header.

    \b
    Examples:
      scriptlock lock report.py
      scriptlock lock --upgrade-package idna *.py
      scriptlock lock --upgrade --dry-run report.py
    """
    if check_only and not (options["upgrade"] or options["upgrade_packages"]):
        sys.exit(_check(paths, locked_only=options["locked_only"], as_json=as_json))
    answers, codes = [], []
    with Progress(f"locking {_count(paths)}") as progress:
        for result in by_path.lock_files(paths, write=not (check_only or dry_run), **options):
            with progress.pause():
                _report_lock(result, named=len(paths) > 1, quietly=as_json)
            answers.append(lock_json(result))
            changed = bool(result.changes) or result.written
            codes.append(result.error.exit_code if result.error else int(check_only and changed))
    if as_json:
        out(json.dumps(answers, indent=2))
    sys.exit(_worst(codes))


def _report_lock(result: by_path.LockResult, *, named: bool, quietly: bool) -> None:
    if result.script:
        warn(result.path, result.script.warnings)
    for note in result.notes:
        remark(result.path, note)
    if result.error:
        complain(result.path, result.error)
    elif not quietly:
        show_changes(result, named=named)


@cli.command()
@_paths
@_locked_only
@_json
def check(paths: Sequence[Path], *, locked_only: bool, as_json: bool) -> None:
    """Exit 1 if a script's lock is missing or stale; asks no network.

    \b
    Examples:
      scriptlock check report.py
      scriptlock check --locked-only *.py
    """
    sys.exit(_check(paths, locked_only=locked_only, as_json=as_json))


def _check(paths: Iterable[Path], *, locked_only: bool, as_json: bool) -> int:
    answers, codes = [], []
    for path in paths:
        error = None
        try:
            _, script = by_path.read(path)
            warn(path, script.warnings)
            if not locked_only or by_path.must_be_locked(script):
                api.check(script)
        except ScriptlockError as problem:
            error = problem
            is_answer = isinstance(error, NotLocked | StaleLock)
            complain(path, error, with_hint=not is_answer)
            codes.append(1 if is_answer else error.exit_code)
        answers.append(check_json(path, error))
    if as_json:
        out(json.dumps(answers, indent=2))
    return _worst(codes)


@cli.command(context_settings={"allow_interspersed_args": False})
@_path
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@_python
@_locked
@_frozen
@_offline
def run(path: Path, args: Sequence[str], **options: Any) -> NoReturn:
    """Run a script with exactly the packages that its lock pins.

    A lock that no longer answers the header is refreshed first, in the script. A script without a
    lock gets one in the cache; the script is left alone. Options for scriptlock go before PATH, all
    that follows it is the script's.

    \b
    Examples:
      scriptlock run report.py --fast
      scriptlock run --python 3.12 --locked report.py
      #!/usr/bin/env -S scriptlock run        as the first line of an executable script
    """
    try:
        environment = _prepare(path, options)
    except ScriptlockError as error:
        complain(path, error)
        sys.exit(RUN_FAILED)
    if not any(options.values()):
        launch.remember(str(environment.path), os.fspath(path))
    _start(environment, path, args)


def _prepare(path: Path, options: Mapping[str, Any]) -> Environment:
    with Progress(f"preparing {click.format_filename(path)}") as progress:

        def notify(message: str) -> None:
            with progress.pause():
                remark(path, message)

        return by_path.sync_file(path, notify=notify, **options)


def _start(environment: Environment, path: Path, args: Sequence[str]) -> NoReturn:
    if os.name == "nt":
        sys.exit(subprocess.run([environment.python, path, *args], check=False).returncode)
    environment.keep_over_exec()
    launch.become(str(environment.path), os.fspath(path), args)


@cli.command()
@_paths
@_python
@_locked
@_frozen
@_offline
@_json
def sync(paths: Sequence[Path], *, as_json: bool, **options: Any) -> None:
    """Build what a script needs, without running it; print its environment's python.

    \b
    Example:
      "$(scriptlock sync report.py)" -m pdb report.py
    """
    answers, codes = [], []
    for path in paths:
        try:
            with _prepare(path, options) as environment:
                answer = sync_json(path, environment.python, None)
        except ScriptlockError as error:
            complain(path, error)
            codes.append(error.exit_code)
            answer = sync_json(path, None, error)
        answers.append(answer)
        if answer["python"] and not as_json:
            out(answer["python"])
    if as_json:
        out(json.dumps(answers, indent=2))
    sys.exit(_worst(codes))


@cli.command()
@_paths
def strip(paths: Sequence[Path]) -> None:
    """Take the lock out of a script again; every other byte stays as it is.

    \b
    Example:
      scriptlock strip report.py
    """
    codes = []
    for path in paths:
        try:
            by_path.strip_file(path)
        except ScriptlockError as error:
            complain(path, error)
            codes.append(error.exit_code)
    sys.exit(_worst(codes))


@cli.command()
@_path
@_python
def which(path: Path, *, python: str | None) -> None:
    """Print the python of a script's environment if it is built; exit 1 if it is not. Builds nothing.

    \b
    Example:
      scriptlock which report.py
    """
    try:
        found = by_path.which_file(path, python=python)
    except ScriptlockError as error:
        complain(path, error)
        sys.exit(error.exit_code)
    if found is None:
        remark(path, "its environment is not built; `scriptlock sync` builds it")
        sys.exit(1)
    out(str(found))


def _count(paths: Sequence[Path]) -> str:
    return click.format_filename(paths[0]) if len(paths) == 1 else f"{len(paths)} scripts"


def _worst(codes: Iterable[int]) -> int:
    """Return the one thing that went wrong, plain trouble for several, 0 for nothing."""
    trouble = set(codes) - {0}
    if trouble - {1}:
        trouble.discard(1)
    return trouble.pop() if len(trouble) == 1 else 2 if trouble else 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    trouble = RUN_FAILED if words[:1] == ["run"] else 2
    try:
        sys.exit(cli.main(words, prog_name="scriptlock", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(trouble)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain of it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(trouble)
