from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.markers import Marker

from scriptlock import api
from scriptlock.by_text import declared, prepare, usable_lock
from scriptlock.cache.layout import Cache
from scriptlock.errors import EnvironmentBusy
from scriptlock.install.shelves import Shelves
from scriptlock.model import Lock
from scriptlock.script import embed, parse
from support.installers import pin_of
from support.scripts import script
from support.wheels import wheel


def test_a_lock_for_another_python_is_left_to_the_python_that_will_run() -> None:
    text = script()
    header = parse(text).header
    assert header is not None
    lock = Lock(pins=(), environments=(Marker("python_version == '2.7'"),), inputs=header.inputs)

    found = usable_lock(parse(embed(text, lock)), locked=True, frozen=False)

    assert found == lock


def test_a_script_that_declares_nothing_asks_for_nothing() -> None:
    header = declared(b"print()\n").header

    assert header is not None
    assert header.dependencies == ()


@pytest.mark.parametrize("options", [{"frozen": True, "upgrade": True}, {"locked": True, "upgrade": True}])
def test_a_lock_is_not_kept_and_changed_at_once(tmp_path: Path, options: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="at once"):
        prepare(b"", cache=Cache(root=tmp_path / "cache"), **options)  # type: ignore[arg-type]  # all are flags

    assert list(tmp_path.iterdir()) == []


def synced(text: bytes, *, cache: Cache, notify: Callable[[str], None]) -> None:
    api.sync(parse(text), cache=cache, notify=notify)


@pytest.mark.parametrize("build", [prepare, synced])
def test_waiting_for_what_somebody_else_fetches_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: Callable[..., object]
) -> None:
    monkeypatch.setenv("SCRIPTLOCK_LOCK_TIMEOUT", "1")
    text = script("demo").encode()
    header = parse(text).header
    assert header is not None
    pins = (pin_of(wheel("demo", "1.0")),)
    lock = Lock(pins=pins, environments=(Marker("os_name != 'plan9'"),), inputs=header.inputs)
    cache = Cache(root=tmp_path / "cache")
    cache.prepare()
    told: list[str] = []

    with Shelves(cache).fetching(["demo"]), pytest.raises(EnvironmentBusy) as caught:
        build(embed(text, lock), cache=cache, notify=told.append)

    assert told == [f"waiting for process {os.getpid()} to finish fetching packages"]
    assert str(caught.value) == f"waited 1 s for process {os.getpid()} to finish fetching packages"
