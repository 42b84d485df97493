"""``scriptlock lock`` for every platform and Python, and what hosts outside of that are told."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from scriptlock import parse
from scriptlock.grid import covered
from scriptlock.targets import make_target, select
from support.cli import Cli, Done
from support.index import Index
from support.pythons import fake_python
from support.scripts import edit, script
from support.universes import Universe, faults_of_lock
from support.wheels import Wheel, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

OWN = sys.version_info[:2]
NEXT = (OWN[0], OWN[1] + 1)
TWO = f">={OWN[0]}.{OWN[1]},<{OWN[0]}.{OWN[1] + 2}"
"""Two Pythons are as good an example as five."""
USUAL = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-amd64")
FOR_LINUX, FOR_WINDOWS = "cp39-abi3-manylinux_2_17_x86_64", "cp39-abi3-win_amd64"


def given(path: Path, platform: str, python: tuple[int, int] = OWN) -> dict[str, str]:
    """Return what a script's lock gives to a target, as name to version."""
    lock = parse(path.read_bytes()).lock
    assert lock is not None
    return {pin.name: str(pin.version) for pin in select(lock, make_target(platform, python).markers)}


def targets(path: Path) -> list[str]:
    lock = parse(path.read_bytes()).lock
    assert lock is not None
    return [f"{target.platform} {target.python[1]}" for target in covered(lock)]


def faults(path: Path, index: Index) -> list[str]:
    """Return what is wrong with a script's lock on any target, as the wheels of the index tell."""
    read = parse(path.read_bytes())
    assert read.lock is not None
    assert read.header is not None
    files = [entry.distribution for entries in index.entries.values() for entry in entries]
    universe = Universe(wheels=tuple(file for file in files if isinstance(file, Wheel)))
    constraints = [str(constraint) for constraint in read.header.settings.constraints]
    return faults_of_lock(universe, [str(one) for one in read.header.dependencies], constraints, read.lock)


def write(
    folder: Path, *dependencies: str, requires_python: str = TWO, settings: tuple[str, ...] = ()
) -> Path:
    path = folder / "tool.py"
    path.write_text(script(*dependencies, requires_python=requires_python, settings=settings))
    return path


def test_one_lock_has_what_each_platform_and_python_needs(index: Index, tmp_path: Path, cli: Cli) -> None:
    index.add(
        wheel("plain", "1.0", requires=["colours; sys_platform == 'win32'", "fast[speed,more]"]),
        wheel("colours", "0.4"),
        wheel("fast", "1.9", extras={"speed": ["quick"], "more": ["fast[last]"], "last": ["end"]}),
        wheel("fast", "2.0", tag=FOR_LINUX, extras={"speed": ["quick"], "more": []}),
        wheel("quick", "1.0", requires_python=f"<{NEXT[0]}.{NEXT[1]}"),
        wheel("quick", "2.0", requires_python=f">={NEXT[0]}.{NEXT[1]}"),
        wheel("quick", "3.0b1"),
        wheel("end", "1.0"),
    )
    index.add(wheel("end", "2.0"), yanked="a mistake")
    path = write(tmp_path, "plain")

    done = cli("lock", path)

    assert (done.code, done.err) == (0, "")
    assert given(path, "linux-x86_64") == {"fast": "2.0", "plain": "1.0", "quick": "1.0"}
    assert given(path, "windows-amd64", NEXT) == {
        "colours": "0.4",
        "end": "1.0",
        "fast": "1.9",
        "plain": "1.0",
        "quick": "2.0",
    }
    assert targets(path) == [f"{platform} {python}" for python in (NEXT[1], OWN[1]) for platform in USUAL]
    assert faults(path, index) == []
    assert cli("lock", path) == Done(code=0, out="", err="")


def test_a_target_that_nobody_named_is_left_out_with_a_note(index: Index, tmp_path: Path, cli: Cli) -> None:
    index.add(wheel("fast", "1.0", tag=FOR_LINUX))
    path = write(tmp_path, "fast")

    done = cli("lock", path)

    assert (done.code, done.out) == (0, "+ fast 1.0\n")
    pythons = f"CPython {OWN[0]}.{OWN[1]}, {NEXT[0]}.{NEXT[1]}"
    assert done.err == (
        f"scriptlock: {path}: the lock leaves out {pythons} on linux-aarch64, macos-arm64, windows-amd64: "
        "fast 1.0 has no wheel for it, only wheels for Linux x86_64\n"
    )
    assert targets(path) == [f"linux-x86_64 {NEXT[1]}", f"linux-x86_64 {OWN[1]}"]


def test_a_platform_that_the_header_names_is_an_error_at_its_line(
    index: Index, tmp_path: Path, cli: Cli
) -> None:
    index.add(wheel("fast", "1.0", tag=FOR_LINUX))
    path = write(tmp_path, "fast", settings=('environments = ["linux-x86_64", "windows"]',))
    before = path.read_bytes()

    done = cli("lock", path)

    assert (done.code, done.out, path.read_bytes()) == (2, "", before)
    assert done.err.startswith(f"scriptlock: {path}:4: ")
    assert "windows-amd64" in done.err


@pytest.mark.usefixtures("measured")
def test_environments_can_be_named_for_once_and_nothing_be_locked_but_here(
    index: Index, tmp_path: Path, cli: Cli
) -> None:
    index.add(wheel("plain", "1.0"))
    path = write(tmp_path, "plain")

    codes = [cli("lock", "--here", path).code]
    here = targets(path)
    codes += [cli("lock", path).code]
    kept = targets(path)
    codes += [cli("lock", "--universal", path).code]
    everywhere = targets(path)
    codes += [cli("lock", "--environment", "windows", path).code]
    named = targets(path)
    codes += [cli("lock", "--universal", path).code]
    widened = targets(path)
    codes += [cli("lock", "--here", "--check", path).code, cli("lock", "--here", path).code]
    codes += [cli("lock", "--here", "--check", path).code, cli("lock", "--check", path).code]

    assert codes == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert here == kept == targets(path)
    assert len(here) == 1
    assert len(everywhere) == len(USUAL) * 2
    assert named == [one for one in everywhere if one.startswith("windows")]
    assert widened == everywhere


def test_files_for_a_platform_that_markers_take_for_another_are_looked_for(
    index: Index, tmp_path: Path, cli: Cli
) -> None:
    tags = ("cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-musllinux_1_2_x86_64")
    glibc, musl = (wheel("demo", "1.0", tag=tag) for tag in tags)
    index.add(glibc, musl)
    path = write(tmp_path, "demo", requires_python="==3.11.*")

    assert cli("lock", "--environment", "linux-x86_64", path).code == 0
    assert (glibc.sha256 in path.read_text(), musl.sha256 in path.read_text()) == (True, False)
    done = cli("lock", "--environment", "musllinux-x86_64", path)
    again = cli("lock", "--environment", "musllinux-x86_64", path)

    assert (done.code, again.code, again.out, again.err) == (0, 0, "", "")
    assert musl.sha256 in path.read_text()


def test_json_says_what_each_target_adds(index: Index, tmp_path: Path, cli: Cli) -> None:
    index.add(wheel("plain", "1.0", requires=["colours; sys_platform == 'win32'"]), wheel("colours", "0.4"))
    path = write(tmp_path, "plain", settings=('environments = ["linux-x86_64", "windows"]',))

    (told,) = json.loads(cli("lock", "--json", path).out)

    assert told["targets"] == [
        {"name": f"CPython {major}.{minor} on {platform}", "adds": adds}
        for major, minor in (NEXT, OWN)
        for platform, adds in (("linux-x86_64", []), ("windows-amd64", ["colours==0.4"]))
    ]


@pytest.fixture
def for_windows(index: Index, tmp_path: Path, cli: Cli) -> Path:
    """A script whose header wants a lock for another system than this one."""
    index.add(wheel("plain", "1.0"))
    path = write(tmp_path, "plain", settings=('environments = ["windows"]',))
    assert cli("lock", path).code == 0
    return path


@pytest.mark.parametrize("verb", ["check", "sync", "run", "which"])
@pytest.mark.usefixtures("measured")
def test_a_host_that_is_not_covered_is_refused_with_the_line_that_adds_it(
    for_windows: Path, cli: Cli, verb: str
) -> None:
    done = cli(verb, for_windows)

    assert (done.code, done.out) == ({"run": 125}.get(verb, 2), "")
    said = f"the lock does not cover CPython {OWN[0]}.{OWN[1]} linux"
    hint = (
        'hint: put `environments = ["windows", "linux"]` under [tool.scriptlock], and run `scriptlock lock`\n'
    )
    assert said in done.err
    assert done.err.endswith(hint)


@pytest.mark.parametrize("option", ["--here", "--from-cache"])
def test_what_covers_the_host_alone_and_named_environments_contradict_each_other(
    tmp_path: Path, cli: Cli, option: str
) -> None:
    path = write(tmp_path)
    before = path.read_bytes()

    done = cli("lock", option, "--environment", "windows", path)

    assert (done.code, path.read_bytes()) == (2, before)
    assert f"{option} and --environment contradict each other" in done.err


@pytest.mark.parametrize("verb", ["sync", "which"])
def test_a_python_that_was_named_and_is_not_covered_is_told_the_command_that_covers_it(
    tmp_path: Path, index: Index, cli: Cli, verb: str
) -> None:
    index.add(wheel("demo", "1.0"))
    path = write(tmp_path, "demo")
    other = fake_python(tmp_path / "bin", f"{NEXT[0]}.{NEXT[1]}.0")
    codes = [cli("lock", "--here", path).code]

    refused = cli(verb, "--python", other, path)
    codes += [cli("lock", "--python", other, path).code, cli("which", "--python", other, path).code]

    assert refused.err.endswith(
        f"\nhint: run `scriptlock lock --python {other}` here to lock it for this one\n"
    )
    assert codes == [0, 0, 1]


def test_a_lock_that_leaves_the_host_out_on_purpose_is_fresh_here(
    for_windows: Path, index: Index, cli: Cli
) -> None:
    index.reset()

    done = cli("lock", for_windows)

    assert (done, index.requests) == (Done(code=0, out="", err=""), [])


def test_check_looks_at_what_lock_would_do_to_a_lock_that_leaves_the_host_out(
    for_windows: Path, index: Index, cli: Cli
) -> None:
    index.reset()

    done = cli("lock", "--check", for_windows)

    assert (done, index.requests) == (Done(code=0, out="", err=""), [])


def test_check_looks_at_the_python_that_lock_would_take(tmp_path: Path, index: Index, cli: Cli) -> None:
    index.add(wheel("demo", "1.0"))
    path = write(tmp_path, "demo", requires_python=f"=={NEXT[0]}.{NEXT[1]}.*")
    fake_python(tmp_path / "bin", f"{NEXT[0]}.{NEXT[1]}.0", name=f"python{NEXT[0]}.{NEXT[1]}")
    env = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    codes = [cli("lock", "--environment", "windows", path, env=env).code]

    checked = cli("lock", "--check", path, env=env)
    tried = cli("lock", "--dry-run", path, env=env)

    assert codes == [0]
    assert (checked.code, "the lock does not cover" in checked.err) == (1, True)
    assert "its lock would be refreshed" in tried.err


def test_the_line_that_the_hint_names_adds_the_host(for_windows: Path, cli: Cli) -> None:
    edit(for_windows, '["windows"]', '["windows", "linux"]')

    done = cli("lock", for_windows)

    assert done == Done(
        code=0, out="", err=f"scriptlock: {for_windows}: its lock was refreshed: no pin changed\n"
    )
    assert cli("check", for_windows).code == 0
