"""What the functions of the library take, where it is not what the command gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

from scriptlock import api
from scriptlock.by_path import lock_file, lock_files, sync_file, which_file
from scriptlock.cache.layout import Cache
from scriptlock.errors import NotLocked, StaleLock, UncoveredHost
from scriptlock.interpreters import find_interpreter
from scriptlock.model import Lock
from scriptlock.script import Script, parse
from support.resolvers import FakeResolver
from support.scripts import script
from support.wheels import wheel

HOST = find_interpreter(None, None)
OLD = replace(HOST, markers={**HOST.markers, "python_version": "3.9", "python_full_version": "3.9.1"})
"""The Python that runs the tests, which passes for another one."""
TOOL = FakeResolver([wheel("tool", "1.0")])


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def locked_for(marker: str) -> Script:
    """Return a script without dependencies, with a lock that covers nothing but what the marker says."""
    asking = parse(script())
    assert asking.header is not None
    lock = Lock(pins=(), environments=(Marker(marker),), inputs=asking.header.inputs)
    return replace(asking, lock=lock)


def test_the_python_that_is_chosen_decides_whether_it_is_covered(cache: Cache) -> None:
    for_old = locked_for("python_version == '3.9'")

    with api.sync(for_old, python=OLD, cache=cache) as environment:
        assert environment.python.exists()
    for locked, python in ((for_old, HOST), (locked_for("python_version != '3.9'"), OLD)):
        with pytest.raises(UncoveredHost) as caught:
            api.sync(locked, python=python, cache=cache)
        assert python.markers["python_version"] in caught.value.host


def test_a_lock_that_does_not_answer_the_header_is_refused_whatever_python_is_chosen(cache: Cache) -> None:
    locked = locked_for("python_version == '3.9'")
    assert locked.lock is not None

    with pytest.raises(NotLocked):
        api.sync(replace(locked, lock=None), python=OLD, cache=cache)
    with pytest.raises(StaleLock):
        api.sync(replace(locked, lock=replace(locked.lock, inputs=f"v1:{'0' * 32}")), python=OLD, cache=cache)


def test_what_to_cover_may_be_what_another_lock_covers() -> None:
    linux = api.lock(parse(script("tool")), resolver=TOOL, environments=["linux"])

    as_markers = api.lock(parse(script("tool")), resolver=TOOL, environments=linux.environments)
    as_texts = api.lock(parse(script("tool")), resolver=TOOL, environments=[*map(str, linux.environments)])

    assert as_markers == as_texts
    assert as_markers.environments == linux.environments


def test_a_python_may_be_the_path_of_an_environments(cache: Cache, tmp_path: Path) -> None:
    locked = locked_for("python_version != '2.7'")
    path = tmp_path / "a.py"
    path.write_text(script())

    with api.sync(locked, cache=cache) as environment:
        python = environment.python
        with api.sync(locked, python=python, cache=cache) as same, sync_file(path, python=python) as another:
            assert (same.path, another.path.name) == (environment.path, same.path.name)
            assert which_file(path, python=python) == another.python
    assert api.lock(locked, python=python) == locked.lock
    assert lock_file(path, from_cache=True, python=python).written


@pytest.mark.parametrize("name", ["upgrade_packages", "environments"])
def test_one_text_is_not_taken_for_its_letters(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("tool"))
    options: dict[str, Any] = {name: "tool"}

    with pytest.raises(TypeError) as caught:
        api.lock(parse(script("tool")), resolver=TOOL, **options)

    assert str(caught.value) == f"{name} is one text, 'tool', where several are wanted; put it into a list"
    with pytest.raises(TypeError, match=f"{name} is one text"):
        list(lock_files([path], resolver=TOOL, **options))
    with pytest.raises(TypeError, match="paths is one text"):
        list(lock_files(str(path)))
