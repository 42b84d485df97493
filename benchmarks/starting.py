"""How long a script takes to start whose environment is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import Command, Comparison, measure
from workshop import HUGE, SMALL, Workshop

PYTHON, UV = "the environment's python", "uv run --script"


def comparisons(workshop: Workshop) -> Iterator[Comparison]:
    """Yield a comparison for a small and for a large environment."""
    for requirements in (SMALL, HUGE):
        count, commands = _commands(workshop, requirements)
        figures = measure(commands, rounds=workshop.rounds)
        yield Comparison(title=f"warm start, {count} packages", figures=figures, peers=(PYTHON, UV))


def _commands(workshop: Workshop, requirements: Sequence[str]) -> tuple[int, list[Command]]:
    scriptlock, uv, pipx = map(workshop.program, ("scriptlock", "uv", "pipx"))
    locked, unlocked, installed, theirs = (
        workshop.script(f"start-{len(requirements)}/{name}.py", requirements)
        for name in ("locked", "unlocked", "installed", "theirs")
    )
    workshop.do(scriptlock, "lock", locked, installed)
    python = workshop.do(scriptlock, "sync", locked)
    launcher = workshop.do(scriptlock, "install", "--name", f"start-{len(requirements)}", installed)
    workshop.do(uv, "lock", "--script", theirs)
    count = workshop.do(uv, "pip", "list", "--python", python).count("\n") - 1
    commands = [
        workshop.command(PYTHON, python, locked),
        workshop.command("scriptlock run", scriptlock, "run", locked),
        workshop.command("by its first line", locked),
        workshop.command("scriptlock run, lock in the cache", scriptlock, "run", unlocked),
        workshop.command("scriptlock install", launcher),
        workshop.command(UV, uv, "run", "--script", theirs),
    ]
    if requirements is SMALL:
        commands.append(workshop.command("pipx run", pipx, "run", unlocked))
    return count, commands
