"""What every installer promises, the real one and the fake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scriptlock.cache.environments import Environment, open_environment
from scriptlock.cache.layout import Cache
from scriptlock.errors import InstallError
from scriptlock.install.installer import Installer
from scriptlock.install.pip import PipInstaller
from scriptlock.install.store import StoreInstaller
from scriptlock.interpreters import find_interpreter
from scriptlock.model import Pin
from support.index import Index
from support.installers import Unpacker, pin_of, seen_inside
from support.wheels import Distribution, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

DEMO = wheel("demo", "1.0", entry_points={"demo": "demo:main"}, requires=["nowhere-to-be-found"])
OTHER = wheel("Other.Name", "2.0+local")
NOTHING = "sha256:" + "0" * 64

Make = Callable[..., Installer]


def by_pip(cache: Cache, index: Index, *wheels: Distribution) -> Installer:
    index.add(*wheels)
    return PipInstaller()


def by_store(cache: Cache, index: Index, *wheels: Distribution) -> Installer:
    index.add(*wheels)
    return StoreInstaller(cache)


def by_unpacking(cache: Cache, index: Index, *wheels: Distribution) -> Installer:
    return Unpacker(*wheels)


@pytest.fixture(params=[by_pip, by_store, by_unpacking])
def make(request: pytest.FixtureRequest, cache: Cache, index: Index) -> Callable[..., Installer]:
    """Every installer there is, given the wheels it is to find."""

    def make(*wheels: Distribution) -> Installer:
        installer: Installer = request.param(cache, index, *wheels)
        return installer

    return make


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def opened(cache: Cache, installer: Installer, *pins: Pin) -> Environment:
    return open_environment(cache, find_interpreter(None, None), pins, installer)


def test_installs_exactly_the_pins(make: Make, cache: Cache) -> None:
    installer = make(DEMO, OTHER, wheel("demo", "1.1"), wheel("stranger", "1.0"))

    with opened(cache, installer, pin_of(DEMO), pin_of(OTHER)) as environment:
        assert seen_inside(environment) == ["Other.Name 2.0+local True True", "demo 1.0 True True"]


def test_refuses_a_file_that_is_not_the_one_that_was_locked(make: Make, cache: Cache) -> None:
    installer = make(DEMO)
    pin = Pin(name=DEMO.name, version=DEMO.version, hashes=(NOTHING,))

    with pytest.raises(InstallError, match=r"not (what|the file that) was locked"):
        opened(cache, installer, pin)


def test_says_which_pin_cannot_be_had(make: Make, cache: Cache) -> None:
    installer = make(DEMO)

    with pytest.raises(InstallError, match="other-name"):
        opened(cache, installer, pin_of(DEMO), pin_of(OTHER))


def test_takes_any_of_the_files_of_a_pin(make: Make, cache: Cache) -> None:
    elsewhere = wheel("demo", "1.0", tag="cp311-cp311-win_amd64")
    installer = make(DEMO)

    with opened(cache, installer, pin_of(DEMO, elsewhere)) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]
