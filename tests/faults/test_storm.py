from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.locks import lock_by_hand
from faults.storm import Storm
from support.cli import Cli
from support.index import Index

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def switching() -> Iterator[None]:
    """Let the threads of this process not wait for each other longer than they have to."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching")
def test_no_storm_breaks_anything(index: Index, tmp_path: Path, cli: Cli, minutes: float) -> None:
    count, runners, seconds = (4, 16, minutes * 60) if minutes else (2, 3, 3)
    scripts = [lock_by_hand(index, tmp_path / "scripts", f"{number}.0") for number in range(count)]
    storm = Storm(scripts, tmp_path)

    storm.rage(seconds, runners=runners)
    verified = cli("cache", "verify")
    after = [cli("run", script.path) for script in scripts]
    cli("cache", "prune", "--older-than", "0h")
    left = json.loads(cli("cache", "list", "--json").out)

    print(json.dumps(storm.tally, sort_keys=True))  # noqa: T201 - the figures of a long run
    assert (storm.wrong, storm.tally["stuck"], verified.code) == ([], 0, 0)
    assert all(script.is_right(done.out) for script, done in zip(scripts, after, strict=True))
    assert [script.path.read_bytes() for script in scripts] == [script.text for script in scripts]
    assert storm.tally["right"] > 0
    assert left == []
