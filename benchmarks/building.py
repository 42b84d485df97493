"""How long it takes until an environment is there, and until a script that needs it says something."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness import Command, Comparison, measure
from workshop import LARGE, SMALL, Workshop, remove

UV = "uv sync --script"
UV_RUN = "uv run --script"
SAYS_SOMETHING = "import pandas, fastapi, sqlalchemy\nprint('ready')\n"


def comparisons(workshop: Workshop) -> Iterator[Comparison]:
    """Yield comparisons with wheels at hand, without them, and of a first run."""
    for requirements, share in ((SMALL, 3), (LARGE, 5)):
        for is_cold in (False, True):
            commands = _syncs(workshop, requirements, is_cold=is_cold, share=share)
            figures = measure(commands, rounds=workshop.rounds)
            wheels = "wheels from the index" if is_cold else "wheels at hand"
            title = f"build an environment, {' '.join(requirements)}, {wheels}"
            yield Comparison(title=title, figures=figures, peers=(UV, "pip"))
    figures = measure(_first_runs(workshop), rounds=workshop.rounds)
    yield Comparison(
        title="no environment yet, until the script has said something", figures=figures, peers=(UV_RUN,)
    )


def _syncs(workshop: Workshop, requirements: Sequence[str], *, is_cold: bool, share: int) -> list[Command]:
    ours, theirs = _locked(workshop, requirements)
    scriptlock, uv, caches = (
        workshop.program("scriptlock"),
        workshop.program("uv"),
        workshop.folder / "caches",
    )
    wanted, made = workshop.folder / "requirements.txt", workshop.folder / "made-by-pip"
    wanted.write_text(
        workshop.do(uv, "export", "--script", theirs, "--format", "requirements.txt", "--no-header") + "\n"
    )
    forget: dict[str, Callable[[], None]] = {
        "scriptlock": lambda: remove(caches / "scriptlock") if is_cold else forget_environments(caches),
        "uv": lambda: remove(caches / "uv") if is_cold else forget_environments(caches),
        "pip": lambda: remove(made, *([caches / "pip"] if is_cold else [])),
    }
    make = f"{workshop.python} -m venv --without-pip {made}"
    fill = f"{workshop.program('pip')} --python {made} install -q -r {wanted}"
    return [
        workshop.command("scriptlock sync", scriptlock, "sync", ours, prepare=forget["scriptlock"]),
        workshop.command(UV, uv, "sync", "--script", theirs, prepare=forget["uv"]),
        workshop.command(
            "pip", "/bin/sh", "-c", f"{make} && exec {fill}", prepare=forget["pip"], share=share
        ),
    ]


def _first_runs(workshop: Workshop) -> list[Command]:
    ours, theirs = _locked(workshop, LARGE)
    scriptlock, uv, caches = (
        workshop.program("scriptlock"),
        workshop.program("uv"),
        workshop.folder / "caches",
    )
    return [
        workshop.command(
            "scriptlock run", scriptlock, "run", ours, prepare=lambda: forget_environments(caches)
        ),
        workshop.command(UV_RUN, uv, "run", "--script", theirs, prepare=lambda: forget_environments(caches)),
    ]


def _locked(workshop: Workshop, requirements: Sequence[str]) -> tuple[Path, Path]:
    ours = workshop.script("build/ours.py", requirements, body=SAYS_SOMETHING)
    theirs = workshop.script("build/theirs.py", requirements, body=SAYS_SOMETHING)
    workshop.do(workshop.program("scriptlock"), "lock", ours)
    workshop.do(workshop.program("uv"), "lock", "--script", theirs)
    return ours, theirs


def forget_environments(caches: Path) -> None:
    """Put the environments out of the way, ours and uv's, and leave what they are built from.

    Not removed: where ten thousand files have just been deleted, a file system takes five times as long
    to make a folder (ext4 passes over every inode that was freed within the last minutes).
    """
    for folder in (*caches.glob("scriptlock/v1/environments/*"), *caches.glob("uv/environments-v*")):
        aside = caches.with_name("forgotten")
        aside.mkdir(exist_ok=True)
        folder.rename(aside / secrets.token_hex(8))
