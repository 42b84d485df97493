"""Many scripts at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from harness import Comparison, measure
from workshop import SMALL, Workshop, remove

from scriptlock.script import embed, parse

MANY = 1000
DISTINCT, COPIES = 20, 10
PACKAGES = "requests rich httpx sqlalchemy pydantic click attrs packaging idna tomlkit".split()
ONE, FIRST, AGAIN = "check of 1 script", f"check of {MANY} scripts", f"check of {MANY} scripts again"


def comparisons(workshop: Workshop) -> Iterator[Comparison]:
    """Yield comparisons of few scripts with many."""
    yield _checks(workshop)
    yield _locks(workshop)


def _checks(workshop: Workshop) -> Comparison:
    scriptlock = workshop.program("scriptlock")
    body = "".join(f"print({line})\n" for line in range(200))
    first = workshop.script("check/0.py", SMALL, body=body, everywhere=True)
    workshop.do(scriptlock, "lock", first)
    paths = [first, *(_another(first, number) for number in range(1, MANY))]
    known = workshop.folder / "caches" / "scriptlock" / "v1" / "fresh"
    commands = [
        workshop.command(ONE, scriptlock, "check", first, prepare=lambda: remove(known)),
        workshop.command(FIRST, scriptlock, "check", *paths, prepare=lambda: remove(known)),
        workshop.command(AGAIN, scriptlock, "check", *paths),
    ]
    one, every, again = measure(commands, rounds=workshop.rounds)
    rate = (MANY - 1) / (every.median - one.median)
    size = first.stat().st_size
    return Comparison(
        title="check",
        figures=(one, every, again),
        peers=(ONE,),
        remark=f"{rate:,.0f} scripts of {size:,} bytes a second, after start-up",
    )


def _another(first: Path, number: int) -> Path:
    """Return a script beside the first that differs from it in header, body and every hash."""
    text = (
        first.read_text().replace("print(0)", f"print({number})", 1).replace("rich", f"rich>=0.{number}", 1)
    )
    script, old = parse(text), parse(first.read_text())
    assert script.header is not None
    assert old.lock is not None
    pins = tuple(replace(pin, hashes=_others(pin.hashes, number)) for pin in old.lock.pins)
    lock = replace(old.lock, pins=pins, inputs=script.header.inputs)
    path = first.with_name(f"{number}.py")
    path.write_text(embed(text, lock))
    return path


def _others(hashes: tuple[str, ...], number: int) -> tuple[str, ...]:
    return tuple(sorted(f"sha256:{sha256(f'{one}{number}'.encode()).hexdigest()}" for one in hashes))


def _locks(workshop: Workshop) -> Comparison:
    scriptlock = workshop.program("scriptlock")
    texts: dict[Path, bytes] = {}
    for number in range(DISTINCT):
        wants = (
            PACKAGES[number % len(PACKAGES)],
            PACKAGES[(number * 3 + 1) % len(PACKAGES)],
            f"idna>={number % 3}",
        )
        for copy in range(COPIES):
            path = workshop.script(f"many/{copy}/{number}.py", wants)
            texts[path] = path.read_bytes()
    distinct = list(texts)[::COPIES]

    def unlock() -> None:
        for path, text in texts.items():
            path.write_bytes(text)

    few = f"lock of {DISTINCT} scripts"
    commands = [
        workshop.command(few, scriptlock, "lock", *distinct, prepare=unlock),
        workshop.command(
            f"lock of {len(texts)}, {DISTINCT} distinct", scriptlock, "lock", *texts, prepare=unlock
        ),
    ]
    return Comparison(title="lock", figures=measure(commands, rounds=workshop.rounds), peers=(few,))
