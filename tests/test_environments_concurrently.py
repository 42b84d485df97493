"""Many processes at one environment, some of which do not live to see its end."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from scriptlock.cache.environments import is_ready, open_environment
from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import Lease
from scriptlock.errors import EnvironmentBusy
from scriptlock.interpreters import find_interpreter
from support.builders import DEMO, builders, key
from support.installers import Unpacker, pin_of, seen_inside

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def is_held(cache: Cache, *, exclusive: bool) -> bool:
    """Return whether anybody's lease keeps us from such a one."""
    with Lease(cache.leases / key().replace("/", "-"), patience=0) as lease:
        try:
            lease.acquire(exclusive=exclusive)
        except EnvironmentBusy:
            return True
        return False


def test_one_builds_and_all_use_it(cache: Cache, log: Path) -> None:
    with builders(cache, log, *["run"] * 4) as started:
        for builder in started:
            builder.tell()
        places = [builder.hear() for builder in started]

    assert places == [str(cache.environments / key())] * 4
    assert len(log.read_text("ascii").splitlines()) == 1


def test_an_orphaned_installer_spoils_nothing(cache: Cache, log: Path) -> None:
    with builders(cache, log, "stray", "run") as (doomed, successor):
        doomed.tell()
        assert doomed.hear() == "writing"
        doomed.kill()

        assert is_held(cache, exclusive=False)
        successor.tell()
        assert (
            successor.hear(about_waiting=True)
            == "waiting for another process to finish building the environment"
        )
        doomed.tell()
        place = Path(successor.hear())

    assert is_ready(place, key(), find_interpreter(None, None))
    assert list(place.rglob("stray.py")) == []
    assert list(cache.trash.iterdir()) == []
    with open_environment(cache, find_interpreter(None, None), [pin_of(DEMO)], Unpacker()) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_pip_holds_the_lease_when_its_parent_is_killed(
    cache: Cache, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as index:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.getsockname()[1]}/simple/")
        monkeypatch.setenv("PIP_RETRIES", "0")
        with builders(cache, log, "pip", "run") as (doomed, successor):
            doomed.tell()
            asked, _ = index.accept()
            doomed.kill()

            assert is_held(cache, exclusive=False)
            asked.close()
            index.close()
            successor.tell()
            assert successor.hear() == str(cache.environments / key())


def test_a_script_holds_its_environment_until_it_ends(cache: Cache, log: Path) -> None:
    with builders(cache, log, "exec") as (script,):
        script.tell()
        assert script.hear() == "running"
        while_it_runs = (is_held(cache, exclusive=True), is_held(cache, exclusive=False))
        script.kill()

    assert while_it_runs == (True, False)
    assert not is_held(cache, exclusive=True)


def test_whoever_waited_for_a_build_need_not_wait_for_the_script_too(cache: Cache, log: Path) -> None:
    with builders(cache, log, *["exec"] * 3) as started:
        for builder in started:
            builder.tell()
        said = [builder.hear() for builder in started]

    assert said == ["running"] * 3
    assert len(log.read_text("ascii").splitlines()) == 1
