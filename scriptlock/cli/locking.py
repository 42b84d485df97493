"""The verbs that deal with the lock in the script: lock, check, strip."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from packaging.utils import canonicalize_name

from scriptlock import api, by_path, memo
from scriptlock.by_text import must_be_locked
from scriptlock.cli import ahead, options
from scriptlock.cli.outcome import worst
from scriptlock.cli.progress import Progress
from scriptlock.cli.report import check_json, complain, count, lock_json, out, remark, show_changes, warn
from scriptlock.errors import NotLocked, Offline, ScriptlockError, StaleLock, UncoveredHost
from scriptlock.files import read_script
from scriptlock.interpreters import find_interpreter
from scriptlock.model import Notice
from scriptlock.script import Script, parse
from scriptlock.targets import covers, require_covered


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
@click.option(
    "--here/--universal", "here", default=None, help="Cover only this platform and Python, or all usual ones."
)
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
    may_be_fresh_and_change = "upgrade upgrade_packages from_cache environments python".split()
    if check_only and wishes["here"] is None and not any(wishes[name] for name in may_be_fresh_and_change):
        changes = (NotLocked, StaleLock, UncoveredHost)
        locked_only = wishes["locked_only"]
        sys.exit(_check("lock", paths, _require_kept, changes, locked_only=locked_only, as_json=as_json))
    # With any option, the answer may be another.
    is_plain = not (check_only or dry_run or any(wishes.values()) or wishes["here"] is False)
    fresh = memo.FreshLocks("lock")
    may_know = is_plain and not as_json
    pending = [path for path in paths if not (may_know and fresh.knows(os.fspath(path)))]
    answers, codes = [], []
    missing = dict.fromkeys(wishes["upgrade_packages"])
    begun = ahead.workers()
    with Progress(f"locking {count(paths)}") as progress:
        for result in by_path.lock_files(
            pending,
            write=not (check_only or dry_run),
            worker=begun.resolver if begun else None,
            **wishes,
        ):
            with progress.pause():
                _report_lock(result, named=len(paths) > 1, quietly=as_json)
            missing = {name: None for name in missing if canonicalize_name(name) not in _names(result)}
            if as_json:
                answers.append(lock_json(result))
            changed = result.is_new or result.written
            codes.append(result.error.exit_code if result.error else int(check_only and changed))
            if is_plain and result.script and result.lock and not (changed or result.notes):
                _note(fresh, result.script)
    fresh.save()
    # Only that all of them lack it is odd: who upgrades one package names many scripts.
    if missing and worst(codes) <= 1:
        whose = "its lock has" if len(paths) == 1 else "their locks have"
        remark(count(paths), f"{whose} no {', '.join(missing)}")
    if as_json:
        out(json.dumps(answers, indent=2))
    sys.exit(worst(codes))


def _names(result: by_path.LockResult) -> set[str]:
    """Return what a script asks for, or is or was locked to."""
    script = result.script
    header = script.header if script else None
    asked = {canonicalize_name(one.name) for one in header.dependencies} if header else set()
    locks = (result.lock, script.lock if script else None)
    return asked.union(pin.name for lock in locks if lock for pin in lock.pins)


def _report_lock(result: by_path.LockResult, *, named: bool, quietly: bool) -> None:
    if result.script:
        warn(result.path, result.script.warnings, but=result.error)
    for note in result.notes:
        remark(result.path, note)
    if result.error:
        complain(result.path, result.error)
    elif not quietly:
        show_changes(result, named=named)
        if result.is_new and not result.changes and result.script and result.script.lock:
            verb = "was" if result.written else "would be"
            remark(result.path, f"its lock {verb} refreshed: no pin changed")


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
    noes = (NotLocked, StaleLock)
    sys.exit(_check("check", paths, api.check, noes, locked_only=locked_only, as_json=as_json))


def _require_kept(script: Script) -> None:
    """Return if a plain `lock` would leave the script's lock as it is, though it may not cover the host.

    :raises UncoveredHost: if it would add the host.
    :raises ScriptlockError: as :func:`scriptlock.check` does, and if no Python fits.
    """
    header, lock = api.fresh(script)
    host = find_interpreter(None, header.requires_python).markers
    if covers(lock, host):
        return
    with suppress(Offline):
        if api.lock(script, offline=True) is lock:
            return
    with api.naming_the_line(header, host):
        require_covered(lock, host)


def _check(
    verb: str,
    paths: Iterable[Path],
    look: Callable[[Script], None],
    noes: tuple[type[ScriptlockError], ...],
    *,
    locked_only: bool,
    as_json: bool,
) -> int:
    """Say what is wrong with which script; return the exit code, 1 if it is nothing but these.

    :param verb: for which a lock that is found to be fresh is.
    :param look: raises what is wrong.
    """
    answers, codes = [], []
    fresh = memo.FreshLocks(verb)
    for path in paths:
        error = None
        notices: tuple[Notice, ...] = ()
        try:
            text = read_script(path).text
            if text not in fresh:
                script = parse(text)
                notices = script.warnings
                if not locked_only or must_be_locked(script):
                    look(script)
                    _note(fresh, script)
        except ScriptlockError as problem:
            error = problem
        warn(path, notices, but=error)
        if error:
            is_answer = isinstance(error, noes)
            complain(path, error, with_hint=not is_answer)
            codes.append(1 if is_answer else error.exit_code)
        answers.append(check_json(path, error))
    fresh.save()
    if as_json:
        out(json.dumps(answers, indent=2))
    return worst(codes)


def _note(fresh: memo.FreshLocks, script: Script) -> None:
    """Note that a script need not be looked at again, unless there is something to say of it every time."""
    if not script.warnings and isinstance(script.text, bytes):
        fresh.add(script.text)


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
