"""How what is in the cache looks: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from scriptlock.cache.damage import Health
from scriptlock.cache.inventory import Entry
from scriptlock.cache.prune import Pruned
from scriptlock.cache.registry import Fate, Use
from scriptlock.cache.removal import Kept, Removed
from scriptlock.cache.usage import Process
from scriptlock.cli.quantities import show_age, show_size

_TITLES = ("KEY", "PYTHON", "PACKAGES", "SIZE", "LAST USED", "IN USE BY", "SCRIPTS")


def table(found: Sequence[Entry], short: Mapping[str, str], seen: tuple[Process, ...]) -> Iterator[str]:
    """Yield the lines of a table with a row for each environment, and one more for each further script."""
    rows: list[tuple[str, ...]] = [_TITLES]
    for entry in found:
        first, *others = [_script(entry, use) for use in entry.uses] or ["-"]
        rows.append(
            (
                short[entry.key],
                entry.python if entry.is_ready else "(unfinished)",
                str(len(entry.pins)),
                show_size(entry.size),
                show_age(datetime.now(UTC) - entry.last_used),
                " ".join(map(str, entry.users(seen))) or "-",
                first,
            )
        )
        rows += [("",) * (len(_TITLES) - 1) + (other,) for other in others]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _script(entry: Entry, use: Use) -> str:
    notes = {Fate.GONE: "gone", Fate.UNKNOWN: "unreachable"}
    remarks = [notes[use.fate]] if use.fate in notes else []
    remarks += ["protected"] if entry.protects(use) else []
    return click.format_filename(use.script) + (f" ({', '.join(remarks)})" if remarks else "")


def entry_json(entry: Entry, seen: tuple[Process, ...]) -> dict[str, Any]:
    """Return what is known of an environment, as JSON values; sizes in bytes, times in UTC."""
    return {
        "key": entry.key,
        "path": os.fspath(entry.folder),
        "ready": entry.is_ready,
        "python": entry.python if entry.is_ready else None,
        "interpreter": entry.identity.get("path"),
        "packages": list(entry.pins),
        "size": entry.size,
        "last_used": entry.last_used.isoformat(timespec="seconds"),
        "pids": list(entry.users(seen)),
        "scripts": [
            {
                "path": click.format_filename(use.script),
                "fate": use.fate.value,
                "protected": entry.protects(use),
                "lock": use.lock,
            }
            for use in entry.uses
        ],
    }


def removed_line(removed: Removed, *, tense: str) -> str:
    """Return what to say of an environment that is gone, or would be.

    :param tense: "removed" or "would remove".
    """
    hurt = f"; it was in use by {_processes(removed.hurt)}" if removed.hurt else ""
    return f"{tense} {removed.name} ({show_size(removed.size)}): {removed.why}{hurt}"


def kept_line(kept: Kept) -> str:
    """Return what to say of an environment that was to go and is still there."""
    by = f" by {_processes(kept.users)}" if kept.users else ""
    return f"kept {kept.entry.key}: {kept.why}{by}"


def _processes(pids: Sequence[int]) -> str:
    return f"process{'es' if len(pids) > 1 else ''} {', '.join(map(str, pids))}"


def pruned_lines(pruned: Pruned, *, dry_run: bool) -> Iterator[str]:
    """Yield a line for each environment that was to go, one for the rest, and one for the whole."""
    tense = "would remove" if dry_run else "removed"
    kinds: dict[str, list[Removed]] = {}
    for removed in pruned.removed:
        kinds.setdefault(removed.kind, []).append(removed)
    for removed in kinds.pop("environment", []):
        yield removed_line(removed, tense=tense)
    for kept in pruned.kept:
        yield kept_line(kept)
    for kind, several in kinds.items():
        size = show_size(sum(removed.size for removed in several))
        yield f"{tense} {len(several)} {kind}{'s' if len(several) > 1 else ''} ({size})"
    if pruned.removed:
        yield f"{show_size(pruned.freed)} {'would be ' if dry_run else ''}free"
    elif not pruned.kept:
        yield "nothing to remove"


def pruned_json(pruned: Pruned) -> dict[str, Any]:
    """Return what became of the cache, as JSON values; sizes in bytes."""
    return {
        "removed": [
            {
                "kind": removed.kind,
                "name": removed.name,
                "why": removed.why,
                "size": removed.size,
                "hurt": list(removed.hurt),
            }
            for removed in pruned.removed
        ],
        "kept": [{"key": kept.entry.key, "why": kept.why, "pids": list(kept.users)} for kept in pruned.kept],
        "freed": pruned.freed,
    }


def health_lines(health: Health, short: str, *, is_condemned: bool) -> Iterator[str]:
    """Yield a line that says how an environment is, and one for each finding."""
    verdict = "damaged" if health.damage else "as it was built"
    yield f"{short}: {verdict}{'; it will be built anew at its next run' if is_condemned else ''}"
    yield from (f"  {sentence}" for sentence in health.damage)
    yield from (f"  extra: {path}" for path in health.extra)
    yield from (f"  .pth: {line}" for line in health.pth)


def health_json(health: Health, *, is_condemned: bool) -> dict[str, Any]:
    """Return how an environment is, as JSON values."""
    return {
        "key": health.entry.key,
        "damage": list(health.damage),
        "extra": list(health.extra),
        "pth": list(health.pth),
        "repaired_at_next_run": is_condemned,
    }
