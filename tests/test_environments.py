from __future__ import annotations

import errno
import json
import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.version import Version

from scriptlock.cache.build import _lacking
from scriptlock.cache.environments import (
    RECEIPT,
    Environment,
    environment_key,
    is_ready,
    open_environment,
    read_receipt,
)
from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import Lease
from scriptlock.errors import CacheError, EnvironmentBusy, InstallError, Offline, ToolError
from scriptlock.install.installer import EmptyEnvironment, Installer
from scriptlock.install.pip import PipInstaller
from scriptlock.interpreters import Interpreter, find_interpreter
from scriptlock.model import Pin
from support.installers import Doing, Unpacker, pin_of, seen_inside, unpack
from support.wheels import Distribution, wheel

DEMO, OTHER = wheel("demo", "1.0"), wheel("other", "2.0")
HOST = find_interpreter(None, None)

versions = st.sampled_from("1.0 1.0.post1 1.1 2.0+local".split()).map(Version)
hashes = st.lists(st.sampled_from([f"sha256:{digit * 64}" for digit in "0123"]), min_size=1, unique=True)
sources = st.sampled_from(
    [
        {},
        {"url": "https://a.example/a.whl"},
        {"url": "https://a.example/b.whl"},
        {"git": "https://a.example/a", "commit": "0" * 40},
        {"git": "https://a.example/a", "commit": "1" * 40},
    ]
)


@st.composite
def resolutions(draw: st.DrawFn) -> tuple[Pin, ...]:
    """Pins of a few packages, so few different ones that two resolutions are often equal."""
    names = draw(st.lists(st.sampled_from("ab"), unique=True))
    pins = []
    for name in names:
        source = draw(sources)
        files = tuple(sorted(draw(hashes)))
        pins.append(Pin(name=name, version=draw(versions), hashes=files, **source))  # type: ignore[arg-type]
    return tuple(pins)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def opened(cache: Cache, installer: Installer, *pins: Pin) -> Environment:
    return open_environment(cache, HOST, pins, installer)


def no_python(folder: Path) -> Interpreter:
    """Return an interpreter that is none, and put it into the folder."""
    false = folder / "python"
    false.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    false.chmod(0o755)
    stat = false.stat()
    place = {"device": stat.st_dev, "inode": stat.st_ino, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    return replace(HOST, executable=false, identity={"path": str(false), **place})


def nothing_left(cache: Cache) -> bool:
    """Return whether no environment and no remains of one are there."""
    return not [*cache.environments.glob("*/*"), *cache.trash.iterdir()]


@given(one=resolutions(), another=resolutions())
def test_two_resolutions_share_a_key_only_if_they_install_the_same(
    one: tuple[Pin, ...], another: tuple[Pin, ...]
) -> None:
    same = set(one) == set(another)

    assert (environment_key(HOST, one) == environment_key(HOST, another)) is same


@given(pins=resolutions(), marker=st.sampled_from([None, "sys_platform == 'linux'", "python_version > '3'"]))
def test_order_and_markers_are_not_in_the_key(pins: tuple[Pin, ...], marker: str | None) -> None:
    written = [replace(pin, marker=Marker(marker) if marker else None) for pin in reversed(pins)]

    assert environment_key(HOST, written) == environment_key(HOST, pins)


@pytest.mark.parametrize("fact", HOST.identity)
def test_another_interpreter_has_another_key(fact: str) -> None:
    changed = replace(HOST, identity={**HOST.identity, fact: "another"})

    ours, theirs = environment_key(HOST, []), environment_key(changed, [])
    assert ours.split("/")[0] != theirs.split("/")[0]
    assert ours.split("/")[1] == theirs.split("/")[1]


def test_an_environment_is_built_once(cache: Cache) -> None:
    installer = Unpacker(DEMO, OTHER)

    with opened(cache, installer, pin_of(DEMO), pin_of(OTHER)) as first:
        assert seen_inside(first) == ["demo 1.0 True True", "other 2.0 True True"]
    with opened(cache, installer, pin_of(OTHER), pin_of(DEMO)) as second:
        assert second.path == first.path
    assert installer.asked == [first.python]


def test_the_receipt_says_what_is_there(cache: Cache) -> None:
    with opened(cache, Unpacker(DEMO, OTHER), pin_of(OTHER), pin_of(DEMO)) as environment:
        assert read_receipt(environment.path) == {
            "format": 1,
            "key": environment_key(HOST, [pin_of(DEMO), pin_of(OTHER)]),
            "interpreter": HOST.identity,
            "pins": ["demo==1.0", "other==2.0"],
            "hashes": sorted([DEMO.hash, OTHER.hash]),
        }


def test_another_resolution_gets_another_environment(cache: Cache) -> None:
    installer = Unpacker(DEMO, OTHER)

    with opened(cache, installer, pin_of(DEMO)) as one, opened(cache, installer, pin_of(OTHER)) as another:
        assert (seen_inside(one), seen_inside(another)) == (["demo 1.0 True True"], ["other 2.0 True True"])


def test_nothing_to_install_needs_no_installer(cache: Cache) -> None:
    installer = Unpacker()

    with open_environment(cache, HOST, [], installer, offline=True) as environment:
        assert (seen_inside(environment), installer.asked) == ([], [])


def test_offline_what_the_installer_has_is_built(cache: Cache) -> None:
    with open_environment(cache, HOST, [pin_of(DEMO)], Unpacker(DEMO), offline=True) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_offline_what_would_have_to_be_fetched_is_named(cache: Cache) -> None:
    with pytest.raises(Offline) as caught:
        open_environment(cache, HOST, [pin_of(DEMO)], PipInstaller(), offline=True)

    assert str(caught.value) == "offline, and pip would have to fetch demo"
    assert nothing_left(cache)


def test_offline_what_is_built_serves(cache: Cache) -> None:
    opened(cache, Unpacker(DEMO), pin_of(DEMO)).close()

    with open_environment(cache, HOST, [pin_of(DEMO)], Unpacker(), offline=True) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda receipt: None,
        lambda receipt: "",
        lambda receipt: "[]",
        lambda receipt: '{"key": ',
        lambda receipt: json.dumps(receipt | {"format": 0}),
        lambda receipt: json.dumps(receipt | {"key": "another"}),
        lambda receipt: json.dumps(receipt | {"interpreter": {}}),
        lambda receipt: json.dumps(receipt | {"interpreter": receipt["interpreter"] | {"mtime_ns": 1}}),
    ],
    ids="none empty list torn format key interpreter mtime".split(),
)
def test_a_folder_without_its_receipt_is_built_anew(
    spoil: Callable[[dict[str, object]], str | None], cache: Cache
) -> None:
    with opened(cache, Unpacker(DEMO), pin_of(DEMO)) as environment:
        receipt = environment.path / RECEIPT
        text = spoil(read_receipt(environment.path))
        (environment.path / "remains").touch()
    receipt.unlink() if text is None else receipt.write_text(text, "utf-8")
    installer = Unpacker(DEMO)

    with opened(cache, installer, pin_of(DEMO)) as again:
        assert (again.path, installer.asked) == (environment.path, [environment.python])
        assert not (again.path / "remains").exists()
    assert list(cache.trash.iterdir()) == []


def test_a_failed_build_leaves_nothing_and_can_be_tried_again(cache: Cache) -> None:
    with pytest.raises(InstallError):
        opened(cache, Unpacker(), pin_of(DEMO))
    after = nothing_left(cache)

    with opened(cache, Unpacker(DEMO), pin_of(DEMO)) as environment:
        assert (after, seen_inside(environment)) == (True, ["demo 1.0 True True"])


def test_an_interrupted_build_leaves_nothing(cache: Cache) -> None:
    def interrupt(site: Path, lease: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(cache, Doing(interrupt), pin_of(DEMO))

    assert nothing_left(cache)


class Eager(Unpacker):
    """An installer that begins before there is an environment, and writes down what happens."""

    def __init__(self, *wheels: Distribution) -> None:
        super().__init__(*wheels)
        self.log: list[str] = []

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        with self.begin_install(pins, environment.interpreter, offline=offline) as fill:
            fill(environment)

    @contextmanager
    def begin_install(
        self, pins: Sequence[Pin], interpreter: Interpreter, /, *, offline: bool
    ) -> Iterator[Callable[[EmptyEnvironment], None]]:
        self.log.append("begun")

        def fill(environment: EmptyEnvironment) -> None:
            self.log.append("there" if environment.python.exists() else "missing")
            super(Eager, self).install(pins, environment, offline=offline)

        try:
            yield fill
        finally:
            self.log.append("ended")


def test_an_installer_may_begin_before_there_is_an_environment(cache: Cache) -> None:
    installer = Eager(DEMO)

    with opened(cache, installer, pin_of(DEMO)) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]
    assert installer.log == ["begun", "there", "ended"]


class Curious(Eager):
    """One that has another way to install, and therefore inherits no way to begin with it."""

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        self.log.append("asked")
        super().install(pins, environment, offline=offline)


class Wrapped:
    """An installer that has its own say in installing, and leaves the rest to another one."""

    def __init__(self, installer: Eager) -> None:
        self.installer = installer

    def __getattr__(self, name: str) -> object:
        return getattr(self.installer, name)

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        self.installer.log.append("asked")
        self.installer.install(pins, environment, offline=offline)


@pytest.mark.parametrize("kind", [Curious, lambda *wheels: Wrapped(Eager(*wheels))], ids=["heir", "wrapper"])
def test_an_installer_with_its_own_way_to_install_is_asked_to(
    cache: Cache, kind: Callable[[Distribution], Curious | Wrapped]
) -> None:
    installer = kind(DEMO)

    opened(cache, installer, pin_of(DEMO)).close()

    assert installer.log == ["asked", "begun", "there", "ended"]


def test_an_installer_may_call_something_of_its_own_begin(cache: Cache) -> None:
    class Beginning(Unpacker):
        def begin(self) -> None:
            raise AssertionError

    with opened(cache, Beginning(DEMO), pin_of(DEMO)) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_what_an_installer_has_begun_ends_where_there_cannot_be_an_environment(
    cache: Cache, tmp_path: Path
) -> None:
    installer = Eager(DEMO)

    with pytest.raises(ToolError, match="virtualenv cannot make an environment from"):
        open_environment(cache, no_python(tmp_path), [pin_of(DEMO)], installer)

    assert installer.log == ["begun", "ended"]
    assert nothing_left(cache)


def test_a_full_disk_is_an_error_and_leaves_nothing(cache: Cache) -> None:
    def fail(site: Path, lease: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CacheError) as caught:
        opened(cache, Doing(fail), pin_of(DEMO))

    assert str(caught.value) == "the environment cannot be written: No space left on device"
    assert nothing_left(cache)


INFO = "demo-1.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: {}\n"


def leave(
    *wheels: Distribution, version: str = "1.0", without: Sequence[str] = ()
) -> Callable[[Path, int], None]:
    """Return an installer's act: unpack the wheels, give one another version, take files away."""

    def act(site: Path, lease: int) -> None:
        for each in wheels:
            unpack(each, site)
        if wheels:
            (site / INFO / "METADATA").write_text(METADATA.format(version), "utf-8")
        for name in without:
            (site / name).unlink()

    return act


def record(lines: bytes) -> Callable[[Path, int], None]:
    """Return an installer's act: unpack the wheel, and put more into its RECORD."""

    def act(site: Path, lease: int) -> None:
        unpack(DEMO, site)
        with (site / INFO / "RECORD").open("ab") as file:
            file.write(lines)

    return act


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (leave(), "demo: 1.0 was to be installed, and nothing was"),
        (leave(DEMO, version="1.1"), "demo: 1.0 was to be installed, and 1.1 was"),
        (leave(DEMO, version="new"), "demo was installed with the version 'new'"),
        (leave(DEMO, OTHER), "other: nothing was to be installed, and 2.0 was"),
        (leave(DEMO, wheel("demo", "1.1", files={})), "demo was installed twice"),
        (leave(DEMO, without=[f"{INFO}/RECORD"]), "demo 1.0 was installed without a RECORD or INSTALLER"),
        (leave(DEMO, without=[f"{INFO}/INSTALLER"]), "demo 1.0 was installed without a RECORD or INSTALLER"),
        (
            leave(DEMO, without=[f"{INFO}/METADATA"]),
            "demo-1.0.dist-info was installed, which says neither name nor version",
        ),
        (leave(DEMO, without=["demo/__init__.py"]), "demo 1.0 was installed without __init__.py"),
        (record(b"demo/\xe9.py,,\n"), "demo 1.0 was installed with a RECORD that cannot be read"),
        (record(b"x" * (128 * 1024 + 1)), "demo 1.0 was installed with a RECORD that cannot be read"),
        (record(b"de\0mo/x.py,,\n"), "demo 1.0 was installed without x.py"),
        (record(b"demo/x\0.py,,\n"), "demo 1.0 was installed without x\0.py"),
    ],
    ids="nothing version nonsense stranger twice record installer metadata file bytes long nul name".split(),
)
def test_an_installer_is_not_believed(act: Callable[[Path, int], None], reason: str, cache: Cache) -> None:
    with pytest.raises(InstallError) as caught:
        opened(cache, Doing(act), pin_of(DEMO))

    assert str(caught.value) == reason
    assert nothing_left(cache)


def test_looking_at_folders_finds_what_looking_at_each_file_would(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "site"
    (site / "a" / "b").mkdir(parents=True)
    for name in ("top.py", "a/in.py", "a/b/deep.py", "../beside", "../../above"):
        (site / name).touch()
    (site / "dangling").symlink_to("nowhere")
    found = ["top.py", "a/in.py", "a/b/deep.py", "../beside", "../../above", "a", "a/b", "dangling"]
    missing = ["gone.py", "a/gone.py", "a/b/in.py", "c/gone.py", "top.py/in.py", "../gone", "../../../gone/x"]
    paths = [*missing, str(tmp_path / "above"), *found, str(tmp_path / "gone")]

    lacking = [*_lacking(str(site), paths, {})]

    assert lacking == [path for path in paths if not os.path.lexists(site / path)]
    assert lacking == [*missing, str(tmp_path / "gone")]


def test_an_interpreter_that_was_replaced_meanwhile_builds_nothing(cache: Cache) -> None:
    former = replace(HOST, identity={**HOST.identity, "mtime_ns": 1})

    with pytest.raises(ToolError, match="was replaced meanwhile"):
        open_environment(cache, former, [], Unpacker())

    assert nothing_left(cache)


def test_a_python_that_virtualenv_cannot_use_is_an_error(cache: Cache, tmp_path: Path) -> None:
    python = no_python(tmp_path)

    with pytest.raises(ToolError, match=f"virtualenv cannot make an environment from {python.executable}: "):
        open_environment(cache, python, [], Unpacker())

    assert nothing_left(cache)


def test_an_environment_rests_on_the_base_interpreter_and_sees_no_other_packages(cache: Cache) -> None:
    with opened(cache, Unpacker()) as environment:
        lines = (environment.path / "pyvenv.cfg").read_text("utf-8").splitlines()
    settings = dict(line.split(" = ", 1) for line in lines)

    assert settings["home"] == str(HOST.executable.parent)
    assert settings["include-system-site-packages"] == "false"


def test_the_users_settings_of_virtualenv_do_not_count(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Path(os.environ["XDG_CONFIG_HOME"], "virtualenv", "virtualenv.ini")
    settings.parent.mkdir(parents=True)
    settings.write_text("[virtualenv]\nsystem-site-packages = true\nseeder = none\nverbose = 5\n", "utf-8")
    monkeypatch.setenv("VIRTUALENV_PROMPT", "of-the-user")
    monkeypatch.setenv("VIRTUALENV_COPIES", "true")
    handlers = list(logging.getLogger().handlers)

    with opened(cache, Unpacker()) as environment:
        lines = (environment.path / "pyvenv.cfg").read_text("utf-8")

        assert ("system-site-packages = false" in lines, "of-the-user" in lines) == (True, False)
        assert environment.python.is_symlink()
    assert (capfd.readouterr(), logging.getLogger().handlers) == (("", ""), handlers)


def test_nothing_of_the_build_is_kept_in_the_home_of_the_user(cache: Cache) -> None:
    before = sorted(Path.home().rglob("*"))

    opened(cache, Unpacker(DEMO), pin_of(DEMO)).close()

    assert sorted(Path.home().rglob("*")) == before


def test_an_open_environment_cannot_be_built_on(cache: Cache) -> None:
    with opened(cache, Unpacker()) as environment, Lease(environment.lease.path, patience=0) as builder:
        with pytest.raises(EnvironmentBusy):
            builder.acquire(exclusive=True)
        environment.close()

        builder.acquire(exclusive=True)


@pytest.mark.parametrize("taken", ["environment", "lease"])
@pytest.mark.parametrize("double", [pickle.dumps, deepcopy])
def test_a_lease_has_no_double_that_would_close_what_is_not_its_own(
    cache: Cache, double: Callable[[object], object], taken: str
) -> None:
    refused = pytest.raises(TypeError, match="a lease belongs to the process that holds it, and cannot be")
    with opened(cache, Unpacker()) as environment, refused:
        double(environment if taken == "environment" else environment.lease)


def test_waiting_ends_when_the_user_says(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTLOCK_LOCK_TIMEOUT", "0")
    with opened(cache, Unpacker()) as environment:
        pass

    with Lease(environment.lease.path) as lease:
        lease.acquire(exclusive=True)
        with pytest.raises(EnvironmentBusy) as caught:
            opened(cache, Unpacker())

    assert (caught.value.seconds, caught.value.holder) == (0, os.getpid())


def test_a_folder_proves_nothing(cache: Cache) -> None:
    key = environment_key(HOST, [])
    (cache.environments / key).mkdir(parents=True)

    assert not is_ready(cache.environments / key, key, HOST)


def test_what_was_taken_away_while_it_was_built_is_not_taken_for_ready(cache: Cache) -> None:
    def act(site: Path, lease: int) -> None:
        (environment,) = cache.environments.glob("*/*")
        environment.rename(cache.root / "elsewhere")
        unpack(DEMO, site)

    with pytest.raises(InstallError) as caught:
        opened(cache, Doing(act), pin_of(DEMO))

    assert str(caught.value) == "the environment was taken away while it was built"
    assert list(cache.environments.glob("*/*")) == []
