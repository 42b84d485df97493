"""How long it takes to choose versions and hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness import Command, Comparison, measure
from workshop import LARGE, SMALL, Workshop, index, remove

UV = "uv pip compile --generate-hashes"
UV_UNIVERSAL = "uv pip compile --universal --generate-hashes"
UV_CHECK = "uv lock --check --script"
UV_UPGRADE = "uv pip compile --upgrade --generate-hashes"
DELAYS = (0, 20)
"""Milliseconds before each answer of the index."""


def comparisons(workshop: Workshop) -> Iterator[Comparison]:
    """Yield comparisons for one platform and for all, cold and warm."""
    for milliseconds in DELAYS:
        with index(workshop.store, milliseconds=milliseconds) as url:
            there, how = replace(workshop, index=url), f"{milliseconds} ms"
            for requirements in (SMALL, LARGE):
                for everywhere in (False, True):
                    yield _cold(there, requirements, everywhere=everywhere, how=how)
    with index(workshop.store, milliseconds=DELAYS[-1], is_encrypted=True) as url:
        for requirements in (SMALL, LARGE):
            yield _cold(
                replace(workshop, index=url), requirements, everywhere=False, how=f"{DELAYS[-1]} ms, https"
            )
    for requirements in (SMALL, LARGE):
        for everywhere in (False, True):
            yield _upgrade(workshop, requirements, everywhere=everywhere)
        yield _unchanged(workshop, requirements)


def _cold(workshop: Workshop, requirements: Sequence[str], *, everywhere: bool, how: str) -> Comparison:
    caches = workshop.folder / "cold"
    script = workshop.script("lock/cold.py", requirements, everywhere=everywhere)
    unlocked = script.read_bytes()

    def forget() -> None:
        remove(caches)
        script.write_bytes(unlocked)

    peer = UV_UNIVERSAL if everywhere else UV
    argv = _compile(workshop, requirements)
    commands = [
        workshop.command(
            "scriptlock lock", workshop.program("scriptlock"), "lock", script, caches=caches, prepare=forget
        ),
        workshop.command(
            peer, *argv, *(["--universal"] if everywhere else []), caches=caches, prepare=forget
        ),
    ]
    if requirements is SMALL and not everywhere:
        # It downloads every file of every pin to hash it: for the large set more than 2 GB.
        commands.append(_pip_compile(workshop, requirements, caches))
    figures = measure(commands, rounds=workshop.rounds)
    where = _where(everywhere=everywhere)
    title = f"lock for {where}, {' '.join(requirements)}, nothing cached, {how}"
    return Comparison(title=title, figures=figures, peers=[command.name for command in commands[1:]])


def _where(*, everywhere: bool) -> str:
    return "every platform" if everywhere else "one platform"


def _compile(workshop: Workshop, requirements: Sequence[str]) -> list[str | Path]:
    wanted, answer = workshop.folder / "compile.in", workshop.folder / "compile.txt"
    wanted.write_text("".join(f"{requirement}\n" for requirement in requirements))
    return [workshop.program("uv"), "pip", "compile", "-q", "--generate-hashes", wanted, "-o", answer]


def _pip_compile(workshop: Workshop, requirements: Sequence[str], caches: Path) -> Command:
    wanted, answer = workshop.folder / "pip.in", workshop.folder / "pip.txt"
    wanted.write_text("".join(f"{requirement}\n" for requirement in requirements))
    argv = (workshop.program("pip-compile"), "-q", "--generate-hashes", wanted, "-o", answer)
    return workshop.command(
        "pip-compile --generate-hashes", *argv, caches=caches, prepare=lambda: remove(caches, answer), share=5
    )


def _upgrade(workshop: Workshop, requirements: Sequence[str], *, everywhere: bool) -> Comparison:
    script = workshop.script("lock/upgrade.py", requirements, everywhere=everywhere)
    universal = ["--universal"] if everywhere else []
    commands = [
        workshop.command(
            "scriptlock lock --upgrade", workshop.program("scriptlock"), "lock", "--upgrade", script
        ),
        workshop.command(UV_UPGRADE, *_compile(workshop, requirements), "--upgrade", *universal),
    ]
    figures = measure(commands, rounds=workshop.rounds)
    where = _where(everywhere=everywhere)
    title = f"choose every version anew for {where}, {' '.join(requirements)}, all cached"
    return Comparison(title=title, figures=figures, peers=(UV_UPGRADE,))


def _unchanged(workshop: Workshop, requirements: Sequence[str]) -> Comparison:
    scriptlock, uv = workshop.program("scriptlock"), workshop.program("uv")
    ours = workshop.script("lock/ours.py", requirements)
    theirs = workshop.script("lock/theirs.py", requirements)
    workshop.do(scriptlock, "lock", ours)
    workshop.do(uv, "lock", "--script", theirs)
    commands = [
        workshop.command("scriptlock lock", scriptlock, "lock", ours),
        workshop.command("scriptlock check", scriptlock, "check", ours),
        workshop.command(UV_CHECK, uv, "lock", "--check", "--script", theirs),
    ]
    figures = measure(commands, rounds=workshop.rounds)
    return Comparison(title=f"nothing changed, {' '.join(requirements)}", figures=figures, peers=(UV_CHECK,))
