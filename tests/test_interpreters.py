from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.specifiers import SpecifierSet
from packaging.tags import sys_tags
from packaging.version import Version

from scriptlock.errors import NoInterpreter, ToolError
from scriptlock.interpreters import Interpreter, find_interpreter, is_unchanged
from support.pythons import fake_python, starts

RUNNING = platform.python_version()
BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()

Find = Callable[..., Interpreter]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Find an interpreter in the given folders, and nowhere else."""

    def find(
        wanted: str | Path | None = None,
        requires: str | None = None,
        *path: Path,
        memory: Path | None = None,
    ) -> Interpreter:
        environ = {"PATH": os.pathsep.join(map(str, path)), "HOME": str(tmp_path)}
        specifiers = None if requires is None else SpecifierSet(requires)
        return find_interpreter(wanted, specifiers, memory=memory, environ=environ)

    return find


def test_the_default_is_what_scriptlock_runs_on(find: Find) -> None:
    stat = BASE.stat()

    assert find() == Interpreter(
        executable=BASE,
        version=Version(RUNNING),
        implementation=platform.python_implementation(),
        markers={name: str(value) for name, value in default_environment().items()},
        tags=tuple(map(str, sys_tags())),
        identity={
            "implementation": sys.implementation.name,
            "implementation_version": RUNNING,
            "version": RUNNING,
            "abi": find().identity["abi"],
            "platform": find().identity["platform"],
            "path": str(BASE),
            "device": stat.st_dev,
            "inode": stat.st_ino,
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
        },
    )


def test_the_default_is_no_environment(find: Find, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=60)

    assert find(str(environment)).executable == BASE
    assert find(str(environment / "bin" / "python")).executable == BASE


@pytest.mark.parametrize("asked", ["==3.98", "===3.98", ">=3.9,==3.98"])
def test_who_names_a_series_as_one_release_is_told_so(find: Find, tmp_path: Path, asked: str) -> None:
    newer = fake_python(tmp_path / "bin", "3.98.1")

    with pytest.raises(NoInterpreter) as caught:
        find(None, asked, newer.parent)

    assert caught.value.hint == "`==3.98` is 3.98.0 alone; `==3.98.*` is any 3.98"
    assert find(None, "==3.98.*", newer.parent).version == Version("3.98.1")


def test_the_default_stays_while_it_fits(find: Find, tmp_path: Path) -> None:
    newer = fake_python(tmp_path / "bin", "3.99.0")

    found = find(None, ">=3.11", newer.parent)

    assert (found.executable, starts(newer)) == (BASE, 0)


def test_otherwise_it_is_the_newest_that_fits(find: Find, tmp_path: Path) -> None:
    path = [
        fake_python(tmp_path / version, version).parent
        for version in ("3.97.2", "3.98.1", "3.98.0", "3.99.0")
    ]

    found = find(None, ">=3.97,<3.99", *path)

    assert (found.executable, found.version) == (tmp_path / "3.98.1" / "python3", Version("3.98.1"))


def test_a_finished_release_comes_before_a_prerelease(find: Find, tmp_path: Path) -> None:
    path = [fake_python(tmp_path / version, version).parent for version in ("3.97.0", "3.98.0rc1")]

    assert find(None, ">=3.97", *path).version == Version("3.97.0")


def test_a_prerelease_is_better_than_nothing_and_satisfies_its_release(find: Find, tmp_path: Path) -> None:
    prerelease = fake_python(tmp_path / "bin", "3.98.0rc1")

    assert find(None, ">=3.98", prerelease.parent).version == Version("3.98.0rc1")


def test_cpython_comes_before_others(find: Find, tmp_path: Path) -> None:
    cpython = fake_python(tmp_path / "cpython", "3.98.0")
    pypy = fake_python(tmp_path / "pypy", "3.98.1", name="pypy3", implementation="PyPy")
    path = (pypy.parent, cpython.parent)

    assert find(None, ">=3.98", *path).executable == cpython
    assert find("pypy", None, *path).executable == pypy
    assert find("pypy3.98", None, *path).implementation == "PyPy"


def test_markers_and_tags_are_those_of_the_other_interpreter(find: Find, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")

    found = find("3.98", None, python.parent)

    assert found.markers["python_version"] == "3.98"
    assert found.markers["python_full_version"] == "3.98.1"
    assert {tag.split("-")[1] for tag in found.tags if tag.startswith("cp398-")} == {"cp398", "abi3", "none"}
    assert str(found) == f"CPython 3.98.1 ({python})"


@pytest.mark.parametrize("wanted", ["3.98", "3.98.1", "cpython3.98", "python3.98", ">=3.98", "3"])
def test_a_version_is_wanted_in_many_ways(wanted: str, find: Find, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1", name="python3.98")

    assert find(wanted, ">=3.98", python.parent).executable == python


@pytest.mark.parametrize("wanted", [f"{sys.version_info[0]}.{sys.version_info[1]}", RUNNING, sys.executable])
def test_the_running_one_can_be_wanted(wanted: str, find: Find) -> None:
    assert find(wanted) == find()


def test_a_relative_path_starts_at_the_working_folder(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")
    monkeypatch.chdir(tmp_path)

    assert find("bin/python3").executable == python
    assert find("./bin/python3").executable == python


def test_the_name_of_a_file_in_the_working_folder_is_no_path(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_python(tmp_path, "3.98.1", name="python3.98")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NoInterpreter):
        find("python3.98")
    assert starts(python) == 0


def test_a_path_is_one_without_a_separator_too(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_python(tmp_path, "3.98.0", name="python3.97")
    monkeypatch.chdir(tmp_path)

    assert find(Path("python3.97")).executable == find(python).executable == python


def test_nothing_found_lists_what_was(find: Find, tmp_path: Path) -> None:
    older = fake_python(tmp_path / "bin", "3.10.1")

    with pytest.raises(NoInterpreter) as caught:
        find("3.98", ">=3.9", older.parent)

    assert str(caught.value) == (
        "no Python found for 3.98 and requires-python >=3.9; "
        f"found: CPython {RUNNING} ({BASE}), CPython 3.10.1 ({older})"
    )


def test_no_python_that_the_script_admits_lists_what_was_found(find: Find) -> None:
    with pytest.raises(NoInterpreter) as caught:
        find(None, ">=4")

    assert (caught.value.wanted, caught.value.found) == (
        "requires-python >=4",
        (f"CPython {RUNNING} ({BASE})",),
    )


def test_a_wish_against_the_script_is_refused_and_only_that_one_named(find: Find, tmp_path: Path) -> None:
    older = fake_python(tmp_path / "bin", "3.10.1")

    with pytest.raises(NoInterpreter) as caught:
        find("3.10", ">=3.11", older.parent)

    assert str(caught.value) == (
        f"no Python found for 3.10 and requires-python >=3.11; found: CPython 3.10.1 ({older})"
    )


@pytest.mark.parametrize("wanted", ["/no/where", "/dev/null", "/", "==nonsense"])
def test_what_is_no_python_is_an_error(wanted: str, find: Find) -> None:
    with pytest.raises(ToolError) as caught:
        find(wanted)

    assert str(caught.value) == f"{wanted} is no Python that can be started"


def test_a_python_that_is_too_old_is_an_error(find: Find, tmp_path: Path) -> None:
    old = fake_python(tmp_path / "bin", "3.8.20")

    with pytest.raises(ToolError) as caught:
        find(str(old))

    assert (
        str(caught.value) == f"CPython 3.8.20 ({old}) is too old to make environments from; 3.9 is the oldest"
    )
    with pytest.raises(NoInterpreter):
        find(None, "<3.9", old.parent)


def broken(folder: Path, text: str = "echo 'command not found' >&2; exit 127") -> Path:
    """Return a folder with a Python that only complains."""
    folder.mkdir(parents=True)
    python = folder / "python3"
    python.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    python.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "echo 'python3: command not found' >&2; exit 127",
        "exit 0",
        "printf 'unsupported Python version 2.7.18\\n%s' \"$0\" >&2; exit 79",
    ],
)
def test_a_python_that_does_not_work_is_passed_over_without_a_word(
    text: str, find: Find, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shim, working = broken(tmp_path / "broken", text), fake_python(tmp_path / "bin", "3.98.1")

    assert find(None, ">=3.98", shim, working.parent).executable == working
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kept", ["versions", "installs/python"])
def test_the_pythons_behind_shims_are_found_without_these(kept: str, find: Find, tmp_path: Path) -> None:
    shims = broken(tmp_path / "root" / "shims", f"touch {tmp_path}/started")
    python = fake_python(tmp_path / "root" / kept / "3.98.1" / "bin", "3.98.1")

    assert find("3.98", None, shims).executable == python
    assert not (tmp_path / "started").exists()


def test_a_folder_that_is_only_called_shims_is_searched(find: Find, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "shims", "3.98.1")

    assert find("3.98", None, python.parent).executable == python


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A folder for what Pythons said of themselves."""
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory"


def test_a_python_is_asked_once(find: Find, memory: Path, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")

    first = find("3.98", None, python.parent, memory=memory)
    asked = starts(python)

    assert find("3.98", None, python.parent, memory=memory) == first
    assert asked == 2  # once by python-discovery, once by us


def test_a_python_that_was_replaced_is_asked_again(find: Find, memory: Path, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")
    find(str(python), memory=memory)
    fake_python(tmp_path / "bin", "3.98.2")
    os.utime(python, ns=(1, 1))

    found = find(str(python), memory=memory)

    assert (found.version, found.markers["python_full_version"]) == (Version("3.98.2"), "3.98.2")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"markers": {}}'])
def test_a_spoilt_memory_is_no_memory(text: str, find: Find, memory: Path, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")
    first = find(str(python), memory=memory)
    for kept in memory.rglob("*.json"):
        kept.write_text(text, "utf-8")

    assert find(str(python), memory=memory) == first


def test_a_memory_that_cannot_be_written_is_no_trouble(find: Find, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")

    assert find(str(python), memory=Path("/dev/null")).executable == python


def test_a_python_that_cannot_say_what_it_installs_is_an_error(find: Find, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")
    text = python.read_text("utf-8")
    python.write_text(
        text.replace("import coll", "import sys\nif '-I' in sys.argv: sys.exit('no')\nimport coll"), "utf-8"
    )

    with pytest.raises(ToolError) as caught:
        find(str(python))

    assert str(caught.value) == f"{python} does not say what it can install"


def test_a_python_that_our_packaging_has_left_behind_says_it_all_the_same(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")
    usual = find(str(python))
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging" / "__init__.py").write_text("raise ImportError('too old')")
    monkeypatch.setattr("scriptlock.interpreters._packaging", lambda: str(tmp_path))

    found = find(str(python))

    # An older packaging may know fewer tags, and prefer others.
    assert replace(found, tags=usual.tags) == usual
    assert 0 < len({*found.tags} & {*usual.tags}) == len(found.tags)


def test_an_interpreter_is_unchanged_until_its_file_changes(find: Find, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "3.98.1")
    identity = find(str(python)).identity
    before = is_unchanged(identity)

    os.utime(python, ns=(1, 1))
    touched = is_unchanged(identity)
    python.unlink()

    assert (before, touched, is_unchanged(identity), is_unchanged({})) == (True, False, False, False)
