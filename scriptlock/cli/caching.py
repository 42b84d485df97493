"""The verbs that deal with the cache: what is in it, what may go, and whether it is sound."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from scriptlock.cache import registry
from scriptlock.cache.damage import condemn, examine
from scriptlock.cache.inventory import Entry, entries, find, real_path, short_keys, sizes
from scriptlock.cache.layout import Cache
from scriptlock.cache.prune import Pruned
from scriptlock.cache.prune import clean as clean_cache
from scriptlock.cache.prune import prune as prune_cache
from scriptlock.cache.removal import Kept, Removed, remove
from scriptlock.cache.usage import processes
from scriptlock.cli import listing, options
from scriptlock.cli.outcome import TROUBLE
from scriptlock.cli.quantities import read_age, read_size, show_size
from scriptlock.cli.report import confess, out
from scriptlock.errors import CacheError, ScriptlockError


class _Verbs(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are wanted, not of the alphabet

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; say what went wrong."""
        try:
            return super().invoke(ctx)
        except ScriptlockError as error:
            confess(error)
            sys.exit(error.exit_code)


@click.group(cls=_Verbs)
def cache() -> None:
    """Look after the cache. None of this ever waits for a script that runs.

    \b
    Examples:
      scriptlock cache list
      scriptlock cache prune --older-than 30d --dry-run
      scriptlock cache protect report.py
    """


names = click.argument("names", nargs=-1, required=True, metavar="PATH|KEY...")


@cache.command("list")
@options.as_json
def list_(*, as_json: bool) -> None:
    """Show the environments, the scripts that use them, and the processes.

    \b
    Example:
      scriptlock cache list --json
    """
    found, seen = entries(_readable()), processes()
    if as_json:
        out(json.dumps([listing.entry_json(entry, seen) for entry in found], indent=2))
    elif found:
        for line in listing.table(found, short_keys(found), seen):
            out(line)


@cache.command()
@click.option(
    "--older-than",
    callback=options.read_by(read_age),
    metavar="AGE",
    help="Remove those, too, that no script used for so long: 30d, 12h, 4w.",
)
@click.option(
    "--max-size",
    callback=options.read_by(read_size),
    metavar="SIZE",
    help="Remove what was used least recently until the cache is no larger: 5GB, 500MB.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; print what would be removed.")
@options.as_json
def prune(*, older_than: timedelta | None, max_size: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove the environments of scripts that are gone, and what only they needed.

    What is in use, protected, or belongs to a script that exists is kept; the last unless --older-than
    or --max-size asks for it.

    \b
    Examples:
      scriptlock cache prune
      scriptlock cache prune --older-than 30d --dry-run
      scriptlock cache prune --max-size 5GB
    """
    pruned = prune_cache(_prepared(), older_than=older_than, max_size=max_size, dry_run=dry_run)
    _show(pruned, dry_run=dry_run, as_json=as_json)


@cache.command()
@options.paths
def protect(paths: Sequence[Path]) -> None:
    """Keep the environments of scripts, whatever their age and even if the scripts are gone.

    \b
    Example:
      scriptlock cache protect report.py
    """
    cache = _prepared()
    for path in paths:
        real = real_path(path)
        if not real.is_file() and all(use.script != real for use in registry.uses(cache)):
            reason = f"there is no script {click.format_filename(path)}, and the cache knows of none"
            raise CacheError(reason, "`scriptlock cache list` shows the scripts it knows")
        registry.protect(cache, real)


@cache.command()
@options.paths
def unprotect(paths: Sequence[Path]) -> None:
    """Keep the environments of scripts no longer than others.

    \b
    Example:
      scriptlock cache unprotect report.py
    """
    cache = _prepared()
    for path in paths:
        if not registry.unprotect(cache, real_path(path)):
            raise CacheError(f"{click.format_filename(path)} is not protected")


@cache.command("remove")
@names
@options.as_json
def remove_(names: Sequence[str], *, as_json: bool) -> None:
    """Remove the environments of a script, or one by its key, unless it is in use or protected.

    \b
    Examples:
      scriptlock cache remove report.py
      scriptlock cache remove 3f2a/91c04d2e
    """
    chosen = _chosen(entries(_prepared()), names)
    for entry in chosen:
        if entry.is_protected:
            raise CacheError(f"{entry.key} is protected", "run `scriptlock cache unprotect` first")
    done = [remove(entry, "it was asked for") for entry in chosen]
    kept = tuple(one for one in done if isinstance(one, Kept))
    pruned = Pruned(removed=tuple(one for one in done if isinstance(one, Removed)), kept=kept)
    _show(pruned, as_json=as_json)
    sys.exit(TROUBLE if kept else 0)


@cache.command()
@click.option("--force", is_flag=True, help="Remove the rest, too, and name the processes that it hurts.")
@options.as_json
def clean(*, force: bool, as_json: bool) -> None:
    """Remove all that is idle and not protected; list the rest.

    \b
    Example:
      scriptlock cache clean
    """
    _show(clean_cache(_prepared(), force=force), as_json=as_json)


@cache.command("dir")
def dir_() -> None:
    """Print where the cache is.

    \b
    Example:
      scriptlock cache dir
    """
    out(os.fspath(Cache.default().root))


@cache.command()
@options.as_json
def size(*, as_json: bool) -> None:
    """Print how large the cache is; what several environments share counts once.

    \b
    Example:
      scriptlock cache size --json
    """
    found = sizes(_readable())
    total = sum(found.values())
    if as_json:
        out(json.dumps({"total": total, "folders": found}, indent=2))
        return
    for name, bytes_ in sorted(found.items(), key=lambda item: -item[1]):
        if bytes_:
            out(f"{show_size(bytes_):>9}  {name}")
    out(f"{show_size(total):>9}  in all")


@cache.command()
@click.argument("names", nargs=-1, metavar="[PATH|KEY]...")
@click.option("--repair", is_flag=True, help="Have what is damaged built anew at its next run.")
@options.as_json
def verify(names: Sequence[str], *, repair: bool, as_json: bool) -> None:
    """Compare environments with what was installed; exit 1 if one is damaged.

    Files are compared with RECORD, what no package brought is listed, and so are the .pth files, which
    Python reads at every start.

    \b
    Examples:
      scriptlock cache verify
      scriptlock cache verify --repair report.py
    """
    found = entries(_prepared() if repair else _readable())
    short, answers, is_sound = short_keys(found), [], True
    for entry in _chosen(found, names) if names else found:
        if not entry.is_ready:
            continue
        health = examine(entry)
        is_sound &= not health.damage
        kept = condemn(health) if health.damage and repair else None
        is_condemned = bool(health.damage) and repair and kept is None
        answers.append(listing.health_json(health, is_condemned=is_condemned))
        if not as_json:
            for line in listing.health_lines(health, short[entry.key], is_condemned=is_condemned):
                out(line)
            if kept:
                out(listing.kept_line(kept))
    if as_json:
        out(json.dumps(answers, indent=2))
    sys.exit(0 if is_sound else 1)


def _readable() -> Cache:
    cache = Cache.default()
    cache.check_readable()
    return cache


def _prepared() -> Cache:
    cache = Cache.default()
    cache.prepare()
    return cache


def _chosen(found: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    """Return the environments that are meant, each once."""
    return list({entry.key: entry for name in names for entry in find(found, name)}.values())


def _show(pruned: Pruned, *, as_json: bool, dry_run: bool = False) -> None:
    if as_json:
        out(json.dumps(listing.pruned_json(pruned), indent=2))
        return
    for line in listing.pruned_lines(pruned, dry_run=dry_run):
        out(line)
