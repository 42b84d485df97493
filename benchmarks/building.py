"""How long it takes until an environment is there, and until a script that needs it says something."""

from __future__ import annotations

import fcntl
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness import Command, Comparison, measure
from workshop import LARGE, SMALL, Workshop, index

UV = "uv sync --script"
UV_RUN = "uv run --script"
SAYS_SOMETHING = "import pandas, fastapi, sqlalchemy\nprint('ready')\n"


def comparisons(workshop: Workshop) -> Iterator[Comparison]:
    """Yield comparisons with wheels at hand, without them, and of first runs."""
    for requirements, share in ((SMALL, 3), (LARGE, 5)):
        for is_cold in (False, True):
            yield _builds(workshop, requirements, is_cold=is_cold, share=share)
    figures = measure(_first_runs(workshop), rounds=workshop.rounds)
    yield Comparison(
        title="no environment yet, until the script has said something", figures=figures, peers=(UV_RUN,)
    )
    with index(workshop.store, milliseconds=20) as url:
        for requirements in (SMALL, LARGE):
            yield _new(replace(workshop, index=url), requirements)
    with index(workshop.store, is_encrypted=True) as url:
        for requirements, share in ((SMALL, 3), (LARGE, 5)):
            yield _builds(replace(workshop, index=url), requirements, is_cold=True, share=share)


def _builds(workshop: Workshop, requirements: Sequence[str], *, is_cold: bool, share: int) -> Comparison:
    figures = measure(_syncs(workshop, requirements, is_cold=is_cold, share=share), rounds=workshop.rounds)
    wheels = "wheels from the index" if is_cold else "wheels at hand"
    how = ", https" if workshop.index.startswith("https:") else ""
    title = f"build an environment, {' '.join(requirements)}, {wheels}{how}"
    return Comparison(title=title, figures=figures, peers=(UV, "pip"))


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

    def forget(cache: Path, *others: Path) -> None:
        forget_environments(caches)
        put_aside(caches, *others, *([cache] if is_cold else []))

    make = f"{workshop.python} -m venv --without-pip {made}"
    fill = f"{workshop.program('pip')} --python {made} install -q -r {wanted}"
    return [
        workshop.command(
            "scriptlock sync", scriptlock, "sync", ours, prepare=lambda: forget(caches / "scriptlock")
        ),
        workshop.command(UV, uv, "sync", "--script", theirs, prepare=lambda: forget(caches / "uv")),
        workshop.command(
            "pip",
            "/bin/sh",
            "-c",
            f"{make} && exec {fill}",
            prepare=lambda: forget(caches / "pip", made),
            share=share,
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


def _new(workshop: Workshop, requirements: Sequence[str]) -> Comparison:
    """Compare first runs of a script that carries no lock, on a machine with nothing in its caches."""
    names = [re.match(r"\w+", requirement) for requirement in requirements]
    body = f"import {', '.join(name[0] for name in names if name)}\nprint('ready')\n"
    script, caches = workshop.script("build/new.py", requirements, body=body), workshop.folder / "new"

    def forget() -> None:
        wait_for_bytecode(caches)
        put_aside(caches, caches)

    scriptlock, uv = workshop.program("scriptlock"), workshop.program("uv")
    commands = [
        workshop.command("scriptlock run", scriptlock, "run", script, caches=caches, prepare=forget),
        workshop.command(UV_RUN, uv, "run", "--script", script, caches=caches, prepare=forget),
    ]
    title = f"run a new script, {' '.join(requirements)}, nothing cached, an index with a delay of 20 ms"
    return Comparison(title=title, figures=measure(commands, rounds=workshop.rounds), peers=(UV_RUN,))


def _locked(workshop: Workshop, requirements: Sequence[str]) -> tuple[Path, Path]:
    ours = workshop.script("build/ours.py", requirements, body=SAYS_SOMETHING)
    theirs = workshop.script("build/theirs.py", requirements, body=SAYS_SOMETHING)
    workshop.do(workshop.program("scriptlock"), "lock", ours)
    workshop.do(workshop.program("uv"), "lock", "--script", theirs)
    return ours, theirs


def forget_environments(caches: Path) -> None:
    """Take the environments away, ours and uv's, and leave what they are built from."""
    wait_for_bytecode(caches)
    put_aside(caches, *caches.glob("scriptlock/v1/environments/*"), *caches.glob("uv/environments-v*"))


def put_aside(caches: Path, *paths: Path) -> None:
    """Take files and folders away without deleting them; the room on the disk comes back in the end.

    Where ten thousand files have just been deleted, a file system takes several times as long to make
    new ones (ext4 passes over every inode that was freed within the last minutes).
    """
    aside = caches.with_name("aside")
    aside.mkdir(exist_ok=True)
    for path in paths:
        with suppress(FileNotFoundError):
            path.rename(aside / secrets.token_hex(8))


def wait_for_bytecode(caches: Path) -> None:
    """Return when nobody is compiling in the background any more, which would disturb who comes next."""
    with suppress(FileNotFoundError), (caches / "scriptlock/v1/leases/wheels").open("rb") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
