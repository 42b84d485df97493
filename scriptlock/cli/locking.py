"""The verbs that deal with the lock in the script: lock, check, strip."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from scriptlock import api, by_path, memo
from scriptlock.by_text import must_be_locked
from scriptlock.cli import options
from scriptlock.cli.outcome import worst
from scriptlock.cli.progress import Progress
from scriptlock.cli.report import check_json, complain, count, lock_json, out, remark, show_changes, warn
from scriptlock.errors import NotLocked, ScriptlockError, StaleLock


@click.command()
@options.paths
@options.upgrade
@click.option(
    "-P", "--upgrade-package", "upgrade_packages", multiple=True, metavar="NAME", help="Choose this one anew."
)
@click.option("--from-cache", is_flag=True, help="Write the lock that `run` keeps in the cache; ask nobody.")
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 if something would change.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would change.")
@click.option(
    "--environment",
    "environments",
    multiple=True,
    metavar="NAME",
    help="Cover this: linux, macos, windows, another platform, or a PEP 508 marker.",
)
@click.option("--here/--universal", "here", help="Cover only this platform and Python, or all usual ones.")
@options.locked_only
@options.python
@options.offline
@options.as_json
def lock(paths: Sequence[Path], *, check_only: bool, dry_run: bool, as_json: bool, **wishes: Any) -> None:
    """Write the exact versions and hashes of a script's dependencies into the script.

    Nothing is resolved for a script whose lock still answers its header.

    \b
    Examples:
      scriptlock lock report.py
      scriptlock lock --upgrade-package idna *.py
      scriptlock lock --upgrade --dry-run report.py
    """
    options.refuse_contradictions(wishes)
    if check_only and not (wishes["upgrade"] or wishes["upgrade_packages"] or wishes["from_cache"]):
        sys.exit(_check(paths, locked_only=wishes["locked_only"], as_json=as_json)[0])
    name = memo.fresh_now("lock", os.fspath(paths[0]))
    answers, codes, is_fresh = [], [], False
    with Progress(f"locking {count(paths)}") as progress:
        for result in by_path.lock_files(paths, write=not (check_only or dry_run), **wishes):
            with progress.pause():
                _report_lock(result, named=len(paths) > 1, quietly=as_json)
            answers.append(lock_json(result))
            changed = bool(result.changes) or result.written
            codes.append(result.error.exit_code if result.error else int(check_only and changed))
            is_odd = bool(result.notes or (result.script and result.script.warnings))
            is_fresh = bool(result.lock) and not (changed or is_odd)
    # With any option, the answer may be another.
    if len(paths) == 1 and is_fresh and not (check_only or dry_run or any(wishes.values())):
        memo.note_fresh(name, "lock", os.fspath(paths[0]))
    if as_json:
        out(json.dumps(answers, indent=2))
    sys.exit(worst(codes))


def _report_lock(result: by_path.LockResult, *, named: bool, quietly: bool) -> None:
    if result.script:
        warn(result.path, result.script.warnings)
    for note in result.notes:
        remark(result.path, note)
    if result.error:
        complain(result.path, result.error)
    elif not quietly:
        show_changes(result, named=named)


@click.command()
@options.paths
@options.locked_only
@options.as_json
def check(paths: Sequence[Path], *, locked_only: bool, as_json: bool) -> None:
    """Exit 1 if a script's lock is missing or stale; asks no network.

    \b
    Examples:
      scriptlock check report.py
      scriptlock check --locked-only *.py
    """
    name = memo.fresh_now("check", os.fspath(paths[0]))
    code, is_quiet = _check(paths, locked_only=locked_only, as_json=as_json)
    if len(paths) == 1 and code == 0 and is_quiet and not locked_only:
        memo.note_fresh(name, "check", os.fspath(paths[0]))
    sys.exit(code)


def _check(paths: Iterable[Path], *, locked_only: bool, as_json: bool) -> tuple[int, bool]:
    """Return the exit code, and whether there was nothing to say."""
    answers, codes, is_quiet = [], [], True
    for path in paths:
        error = None
        try:
            _, script = by_path.read(path)
            warn(path, script.warnings)
            is_quiet = is_quiet and not script.warnings
            if not locked_only or must_be_locked(script):
                api.check(script)
        except ScriptlockError as problem:
            error = problem
            is_answer = isinstance(error, NotLocked | StaleLock)
            complain(path, error, with_hint=not is_answer)
            codes.append(1 if is_answer else error.exit_code)
        answers.append(check_json(path, error))
    if as_json:
        out(json.dumps(answers, indent=2))
    return worst(codes), is_quiet


@click.command()
@options.paths
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
    sys.exit(worst(codes))
