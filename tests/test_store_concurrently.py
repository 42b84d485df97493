"""Those who fill an environment out of the wheel store, and are killed while they do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from scriptlock.cache.environments import is_ready
from scriptlock.cache.layout import Cache
from scriptlock.install.shelves import Shelves
from scriptlock.interpreters import find_interpreter
from support.builders import DEMO, builders, key
from support.index import Index
from support.stocked import stock


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


class Gate:
    """Keeps whoever asks an index for a file waiting until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, path: str) -> None:
        if path.startswith("/files/"):
            self.reached.set()
            assert self.opened.wait(60)


def test_one_that_is_killed_while_it_fetches_leaves_a_whole_wheel_or_none(
    index: Index, cache: Cache, tmp_path: Path
) -> None:
    index.add(DEMO)
    index.on_request = gate = Gate()
    with builders(cache, tmp_path / "log", "store", "store") as (doomed, successor):
        doomed.tell()
        assert gate.reached.wait(60)
        doomed.kill()
        before = Shelves(cache).find(DEMO.sha256)
        successor.tell()
        gate.opened.set()
        place = Path(successor.hear())

    assert before is None
    assert is_ready(place, key(), find_interpreter(None, None))
    # What the one who was killed had started went on, and the other waited for it.
    assert index.requests.count(f"/files/{DEMO.filename}") == 1
    assert [path.name for path in cache.wheels.iterdir()] == [DEMO.sha256]


def test_one_that_is_killed_while_it_links_is_succeeded(cache: Cache, tmp_path: Path) -> None:
    stock(cache, DEMO)
    with builders(cache, tmp_path / "log", "linking", "store") as (doomed, successor):
        doomed.tell()
        assert doomed.hear() == "linking"
        doomed.kill()
        half_built = [path.name for path in (cache.environments / key()).rglob("demo")]
        successor.tell()
        place = Path(successor.hear())

    assert half_built == ["demo"]
    assert is_ready(place, key(), find_interpreter(None, None))
    assert [*place.rglob("demo-1.0.dist-info/RECORD")] != []
    assert list(cache.trash.iterdir()) == []
