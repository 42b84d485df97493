from __future__ import annotations

from pathlib import Path

import pytest
from packaging.markers import Marker

from scriptlock.by_text import declared, prepare, usable_lock
from scriptlock.cache.layout import Cache
from scriptlock.model import Lock
from scriptlock.script import embed, parse
from support.scripts import script


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
