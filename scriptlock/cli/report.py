"""How results and trouble look: sentences for people, JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from scriptlock.by_path import LockResult
from scriptlock.cli.outcome import TROUBLE
from scriptlock.cli.streams import nowhere
from scriptlock.errors import ScriptlockError, StaleLock
from scriptlock.grid import covered
from scriptlock.model import Lock, Notice, Pin
from scriptlock.pin_changes import Change
from scriptlock.targets import Target, select

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def out(text: str) -> None:
    """Print a line of the result.

    :raises click.ClickException: if it cannot be written, as where the disk is full.
    """
    try:
        click.echo(text, color=_coloured())
    except BrokenPipeError as error:
        # Whoever read it has seen enough. Of the error itself, click makes a status that says no.
        sys.stdout = nowhere()
        raise click.exceptions.Exit(TROUBLE) from error
    except OSError as error:
        sys.stdout = nowhere()
        raise click.ClickException(f"the result cannot be written: {error.strerror}") from error


def complain(path: Path | str, error: ScriptlockError, *, with_hint: bool = True) -> None:
    """Say on stderr what went wrong with a script, where, and what to do."""
    _say(path, error.line, str(error))
    if with_hint:
        _advise(error)


def confess(error: ScriptlockError) -> None:
    """Say on stderr what went wrong with no script in particular, and what to do."""
    _tell(f"scriptlock: {error}")
    _advise(error)


def _advise(error: ScriptlockError) -> None:
    if error.hint:
        _tell(f"{click.style('hint:', fg='cyan')} {error.hint}")


def remark(path: Path | str, message: str) -> None:
    """Say on stderr what was done to a script."""
    _say(path, None, message)


def warn(path: Path, notices: Iterable[Notice], *, but: ScriptlockError | None = None) -> None:
    """Say on stderr what is odd about a script, but for what will be said as an error."""
    for notice in notices:
        if but is None or (notice.line, notice.message) != (but.line, str(but)):
            _say(path, notice.line, f"warning: {notice.message}")


def _say(path: Path | str, line: int | None, message: str) -> None:
    place = click.format_filename(path) + (f":{line}" if line else "")
    _tell(f"scriptlock: {place}: {message}")


def _tell(text: str) -> None:
    try:
        click.echo(text, err=True, color=_coloured())
    except OSError:  # nobody can be told, but what was done, and how the command ends, is the same
        sys.stderr = nowhere()


def _coloured() -> bool | None:
    # None leaves it to whether somebody watches.
    return False if os.environ.get("NO_COLOR") else None


def count(paths: Sequence[Path]) -> str:
    """Return the path's name if there is one, and how many there are if not."""
    return click.format_filename(paths[0]) if len(paths) == 1 else f"{len(paths)} scripts"


def show_changes(result: LockResult, *, named: bool) -> None:
    """Print what became of the pins, a line each; with the path above them if there are several scripts."""
    if not result.changes:
        return
    lines = [f"{click.format_filename(result.path)}:"] if named else []
    for change in result.changes:
        sign, rest = str(change).split(" ", 1)
        lines.append(f"{click.style(sign, fg=_COLOURS[sign])} {rest}")
    out("\n".join(lines))  # at once: each time, whoever reads is waited for


def lock_json(result: LockResult) -> dict[str, Any]:
    """Return what locking a script came to, as JSON values."""
    return {
        "path": click.format_filename(result.path),
        "written": result.written,
        "changes": [
            {
                "name": change.name,
                "before": [str(version) for version in change.before],
                "after": [str(version) for version in change.after],
                **_commits_json(change),
            }
            for change in result.changes
        ],
        "environments": [str(marker) for marker in result.lock.environments] if result.lock else [],
        "targets": [_target_json(result.lock, target) for target in covered(result.lock)]
        if result.lock
        else [],
        "pins": [_pin_json(pin) for pin in result.lock.pins] if result.lock else [],
        "notes": list(result.notes),
        "error": _error_json(result.error),
    }


def _commits_json(change: Change) -> dict[str, Any]:
    """Return the commits of what is from a repository."""
    told = {"before_commit": change.before_commit, "after_commit": change.after_commit}
    return told if any(told.values()) else {}


def check_json(path: Path | str, error: ScriptlockError | None) -> dict[str, Any]:
    """Return what checking a script came to, as JSON values."""
    return {"path": click.format_filename(path), "error": _error_json(error)}


def sync_json(path: Path | str, python: Path | None, error: ScriptlockError | None) -> dict[str, Any]:
    """Return which python a script's environment has, as JSON values."""
    return {**check_json(path, error), "python": str(python) if python else None}


def _target_json(lock: Lock, target: Target) -> dict[str, Any]:
    adds = [f"{pin.name}=={pin.version}" for pin in select(lock, target.markers) if pin.marker]
    return {"name": str(target), "adds": adds}


def _pin_json(pin: Pin) -> dict[str, Any]:
    return {
        "name": pin.name,
        "version": str(pin.version),
        "marker": str(pin.marker) if pin.marker else None,
        "hashes": list(pin.hashes),
        "url": pin.url,
        "git": pin.git,
        "commit": pin.commit,
    }


def _error_json(error: ScriptlockError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    facts = (
        {"added": list(error.added), "removed": list(error.removed)} if isinstance(error, StaleLock) else {}
    )
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "line": error.line,
        "hint": error.hint,
        **facts,
    }
