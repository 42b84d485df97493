"""Empty environments drawn from notes are those that virtualenv would make."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from scriptlock.cache.skeleton import SMALL, Skeleton, look, make
from scriptlock.errors import ToolError
from scriptlock.interpreters import find_interpreter

HOST = find_interpreter(None, None)


def contents(folder: Path) -> dict[str, object]:
    """Return all that is in a folder, with its own path taken out."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_dir():
            found[name] = "folder"
        else:
            text = path.read_text("utf-8").replace(str(folder), "HERE")
            found[name] = (text, path.stat().st_mode)
    return found


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def notes(memory: Path) -> list[Path]:
    return sorted(memory.glob("skeleton-*.json"))


def test_what_is_drawn_is_what_virtualenv_made(tmp_path: Path, memory: Path) -> None:
    made = make(tmp_path / "made", HOST, memory)
    assert len(notes(memory)) == 1

    drawn = make(tmp_path / "drawn" / "deeper", HOST, memory)

    assert json.loads(json.dumps(drawn.schemes)) == made.schemes
    assert drawn.python == made.python
    assert contents(tmp_path / "drawn" / "deeper") == contents(tmp_path / "made")
    asked = "import sys; print(sys.prefix, sys.base_prefix)"
    python = tmp_path / "drawn" / "deeper" / drawn.python
    done = subprocess.run([str(python), "-I", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "drawn" / "deeper"), str(HOST.executable.parent.parent)]


@pytest.mark.parametrize("way", ["link/made", "real/../link/made"])
def test_a_folder_may_lie_behind_a_link(tmp_path: Path, memory: Path, way: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    make(tmp_path / way, HOST, memory)
    make(tmp_path / "drawn", HOST, memory)

    assert contents(tmp_path / "drawn") == contents(tmp_path / "real" / "made")


@pytest.mark.parametrize("text", ["", "[]", '{"python": 1}', "null"])
def test_notes_that_cannot_be_read_are_made_anew(text: str, tmp_path: Path, memory: Path) -> None:
    make(tmp_path / "first", HOST, memory)
    (written,) = notes(memory)
    written.write_text(text, "utf-8")

    make(tmp_path / "second", HOST, memory)

    assert contents(tmp_path / "second") == contents(tmp_path / "first")
    assert Skeleton(**json.loads(written.read_bytes())).python == "bin/python"


def test_another_interpreter_has_other_notes(tmp_path: Path, memory: Path) -> None:
    make(tmp_path / "first", HOST, memory)

    make(tmp_path / "second", replace(HOST, identity={**HOST.identity, "mtime_ns": 1}), memory)

    assert len(notes(memory)) == 2


def test_without_a_place_for_notes_it_is_only_slower(tmp_path: Path, memory: Path) -> None:
    make(tmp_path / "first", HOST, memory)
    (written,) = notes(memory)
    written.unlink()
    written.mkdir()

    make(tmp_path / "second", HOST, memory)

    assert contents(tmp_path / "second") == contents(tmp_path / "first")


def test_a_copy_of_an_interpreter_is_not_noted(tmp_path: Path) -> None:
    program, library = tmp_path / "program", tmp_path / "library"
    for folder in (program, library):
        folder.mkdir()
    (program / "python").write_bytes(b"\x7fELF")
    (program / "python").chmod(0o755)
    (library / "libpython.so").write_bytes(bytes(SMALL + 1))

    assert (look(program), look(library)) == (None, None)
    assert look(tmp_path / "nothing") == {"folders": (), "links": {}, "files": {}}


def test_an_interpreter_that_does_not_start_is_an_error(tmp_path: Path, memory: Path) -> None:
    false = tmp_path / "python"
    false.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    false.chmod(0o755)

    with pytest.raises(ToolError, match=f"virtualenv cannot make an environment from {false}: "):
        make(tmp_path / "environment", replace(HOST, executable=false), memory)
    assert notes(memory) == []
