"""The verbs that deal with the environment of a script: run, sync, which."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from scriptlock import by_path, launch
from scriptlock.cache.environments import Environment
from scriptlock.cli import options
from scriptlock.cli.outcome import RUN_FAILED, worst
from scriptlock.cli.progress import Progress
from scriptlock.cli.report import complain, out, remark, sync_json
from scriptlock.errors import ScriptlockError, ToolError


@click.command(context_settings={"allow_interspersed_args": False})
@options.path
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@options.python
@options.locked
@options.frozen
@options.offline
def run(path: Path, args: Sequence[str], **wishes: Any) -> NoReturn:
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
    name = _memo_name(path)
    try:
        environment = _prepare(path, wishes)
    except ScriptlockError as error:
        complain(path, error)
        sys.exit(RUN_FAILED)
    # With any other option, the result is what it would be without.
    if name and not (wishes["python"] or wishes["frozen"]):
        launch.remember(name, os.fspath(path), str(environment.path))
    _start(environment, path, args)


def _memo_name(path: Path) -> str | None:
    with suppress(OSError, ValueError):  # whoever reads it next says why it cannot be read
        return launch.memo_name(os.fspath(path))
    return None


def _prepare(path: Path, wishes: Mapping[str, Any]) -> Environment:
    with Progress(f"preparing {click.format_filename(path)}") as progress:

        def notify(message: str) -> None:
            with progress.pause():
                remark(path, message)

        return by_path.sync_file(path, notify=notify, **wishes)


def _start(environment: Environment, path: Path, args: Sequence[str]) -> NoReturn:
    if os.name == "nt":
        sys.exit(subprocess.run([environment.python, path, *args], check=False).returncode)
    environment.keep_over_exec()
    try:
        launch.become(str(environment.path), os.fspath(path), args)
    except OSError as error:
        complain(path, ToolError(f"it cannot be started: {error.strerror}"))
        sys.exit(RUN_FAILED)


@click.command()
@options.paths
@options.python
@options.locked
@options.frozen
@options.offline
@options.as_json
def sync(paths: Sequence[Path], *, as_json: bool, **wishes: Any) -> None:
    """Build what a script needs, without running it; print its environment's python.

    \b
    Example:
      "$(scriptlock sync report.py)" -m pdb report.py
    """
    answers, codes = [], []
    for path in paths:
        try:
            with _prepare(path, wishes) as environment:
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
    sys.exit(worst(codes))


@click.command()
@options.path
@options.python
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
