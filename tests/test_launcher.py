from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptlock.cache.layout import Cache
from scriptlock.errors import LauncherError
from scriptlock.launcher import (
    MARK,
    commands_folder,
    launcher_path,
    launcher_text,
    remove_launcher,
    started_script,
    write_launcher,
)
from support.warm import PINS, look_ready

TELLS = """#!/bin/sh
printf '%s\\0' {kind} "$@" "PATH=$PATH" "VIRTUAL_ENV=$VIRTUAL_ENV"
"""
"""A program in the place of another: it tells which one was called, and how."""
SHELLS = [path for name in ("sh", "dash", "bash", "busybox", "ksh", "zsh") if (path := shutil.which(name))]
SAME = {"PATH": os.defpath, "SCRIPTLOCK_CACHE_DIR": ""}
"""The variables that count, as they are when a launcher is written and when it is started."""
MODIFIED = 1_700_000_000_123_456_789


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A launcher whose python and whose scriptlock only tell that they were called."""

    launcher: Path
    script: Path
    environment: Path
    python: Path
    """The interpreter that the environment was made from."""
    is_straight: bool

    def start(self, *arguments: str, shell: Sequence[str] = (), **environ: str) -> list[str]:
        """Return who was called with what, and the two variables that a launcher sets."""
        told = subprocess.run(
            [*shell, self.launcher, *arguments],
            env={**SAME, **environ},
            capture_output=True,
            check=True,
        )
        return os.fsdecode(told.stdout).split("\0")[:-1]

    @property
    def straight(self) -> list[str]:
        """What is told when the shell went straight to the environment."""
        search = f"PATH={self.environment}/bin:{os.defpath}"
        return ["python", str(self.script), search, f"VIRTUAL_ENV={self.environment}"]

    @property
    def roundabout(self) -> list[str]:
        """What is told when it went by ``scriptlock run``."""
        return ["scriptlock", "run", str(self.script), f"PATH={os.defpath}", "VIRTUAL_ENV="]


def installed(
    folder: Path, *, name: str = "tool", script: str = "tool.py", modified: int = MODIFIED
) -> Installed:
    """Return a launcher in a folder of its own."""
    cache = Cache(root=folder / "cache")
    cache.prepare()
    python = folder / "python3"
    python.touch()
    environment = look_ready(cache, PINS["rich"], interpreter=python)
    inside = environment / "bin" / "python"
    inside.unlink()
    ours = folder / "bin" / "scriptlock"
    ours.parent.mkdir()
    for path, kind in ((inside, "python"), (ours, "scriptlock")):
        path.write_text(TELLS.format(kind=kind))
        path.chmod(0o755)
    file = folder / script
    file.touch()
    os.utime(file, ns=(modified, modified))
    launcher = folder / "commands" / name
    with mock.patch.dict(os.environ, SAME):
        is_straight = write_launcher(
            launcher, file, environment, cache, modified=modified, command=[str(ours)]
        )
    return Installed(
        launcher=launcher, script=file, environment=environment, python=python, is_straight=is_straight
    )


names = st.text(
    st.sampled_from(list(" '\"$`\\\n\t;&|*?~!#()[]{}<>=-.%éa\udce9\u2028")), min_size=1, max_size=12
).filter(lambda name: name not in {".", ".."})
folders = names.filter(lambda name: "\udce9" not in name)
"""A cache whose path is not UTF-8 is refused."""


@contextmanager
def hostile_folder(name: str) -> Iterator[Path]:
    """Give an example of a property a folder of that name."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, name)
        folder.mkdir()
        yield folder


@given(folder=folders, name=names, script=names, arguments=st.lists(names, max_size=3))
@example(folder="'; touch x; '", name="$(touch x)", script="\n`touch x`\n", arguments=["-c", ""])
@example(folder="-", name="-n", script="-c", arguments=["--"])
def test_no_name_means_anything_to_the_shell(
    folder: str, name: str, script: str, arguments: list[str]
) -> None:
    with hostile_folder(folder) as parent:
        tool = installed(parent, name=name, script=f"{script}.py")

        straight = tool.start(*arguments)
        tool.script.touch()
        roundabout = tool.start(*arguments)

        assert straight == [*tool.straight[:2], *arguments, *tool.straight[2:]]
        assert roundabout == [*tool.roundabout[:3], *arguments, *tool.roundabout[3:]]
        assert started_script(tool.launcher) == tool.script
        assert not list(Path(parent).rglob("x"))


def script_edited(tool: Installed) -> None:
    tool.script.touch()


def script_edited_at_once(tool: Installed) -> None:
    os.utime(tool.script, ns=(MODIFIED + 1, MODIFIED + 1))


def script_put_back(tool: Installed) -> None:
    os.utime(tool.script, ns=(MODIFIED - 1, MODIFIED - 1))


def script_gone(tool: Installed) -> None:
    tool.script.unlink()


def python_replaced(tool: Installed) -> None:
    tool.python.touch()


def python_gone(tool: Installed) -> None:
    tool.python.unlink()


def environment_gone(tool: Installed) -> None:
    shutil.rmtree(tool.environment)


def receipt_gone(tool: Installed) -> None:
    (tool.environment / "scriptlock.json").unlink()


def older_stamps_gone(tool: Installed) -> None:
    for stamp in tool.launcher.parent.parent.glob("cache/v1/launchers/*-older"):
        stamp.unlink()


def newer_stamps_gone(tool: Installed) -> None:
    for stamp in tool.launcher.parent.parent.glob("cache/v1/launchers/*-newer"):
        stamp.unlink()


CHANGES = (
    script_edited,
    script_edited_at_once,
    script_put_back,
    script_gone,
    python_replaced,
    python_gone,
    environment_gone,
    receipt_gone,
    older_stamps_gone,
    newer_stamps_gone,
)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("change", CHANGES)
def test_no_shell_goes_straight_after_anything_changed(
    tmp_path: Path, shell: str, change: Callable[[Installed], None]
) -> None:
    tool = installed(tmp_path)
    how = [shell, "sh"] if shell.endswith("busybox") else [shell]
    before = tool.start(shell=how)

    change(tool)

    assert before in (tool.straight, tool.roundabout)  # not every shell can see nanoseconds
    assert tool.start(shell=how) == tool.roundabout


def test_the_usual_shell_goes_straight_as_long_as_nothing_changed(tmp_path: Path) -> None:
    tool = installed(tmp_path)

    assert tool.is_straight
    assert tool.start() == tool.straight


def test_another_cache_is_looked_into_by_scriptlock_itself(tmp_path: Path) -> None:
    tool = installed(tmp_path)

    assert tool.start(SCRIPTLOCK_CACHE_DIR="/elsewhere") == tool.roundabout


@pytest.mark.parametrize("modified", [0, 315_532_800 * 10**9])
def test_times_that_deployments_make_up_are_no_proof(tmp_path: Path, modified: int) -> None:
    tool = installed(tmp_path, modified=modified)

    assert not tool.is_straight
    assert tool.start() == tool.roundabout


def test_the_script_sees_the_variables_it_would_see_without_a_launcher(tmp_path: Path) -> None:
    tool = installed(tmp_path)
    (tool.environment / "bin" / "python").write_text("#!/bin/sh\nexec /usr/bin/env -0\n")
    theirs = {"script": "mine", "python": "mine", "path": "mine", "VIRTUAL_ENV": "mine", **SAME}

    told = subprocess.run([tool.launcher], env=theirs, capture_output=True, text=True, check=True)

    seen = dict(line.split("=", 1) for line in told.stdout.split("\0")[:-1])
    assert [seen[name] for name in ("script", "python", "path")] == ["mine"] * 3
    assert seen["PATH"] == f"{tool.environment}/bin:{os.defpath}"
    assert seen["VIRTUAL_ENV"] == str(tool.environment)


def test_without_a_search_path_the_system_s_own_commands_are_still_found(tmp_path: Path) -> None:
    tool = installed(tmp_path)

    done = subprocess.run([tool.launcher], env={}, capture_output=True, text=True, check=True)

    assert f"PATH={tool.environment}/bin:/" in done.stdout.split("\0")[2]


def test_a_scriptlock_that_is_gone_is_searched_on_path(tmp_path: Path) -> None:
    tool = installed(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "bin" / "scriptlock").rename(elsewhere / "scriptlock")
    tool.script.touch()

    told = tool.start("-x", PATH=f"{elsewhere}:/usr/bin:/bin")

    assert told[:4] == ["scriptlock", "run", str(tool.script), "-x"]


def a_program(path: Path) -> None:
    path.write_text("#!/bin/sh\necho mine\n")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_that_leads_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def a_launcher_that_was_edited(path: Path) -> None:
    path.write_text(f"{MARK}: starts 'half a quote\n")


def a_launcher_that_was_cut(path: Path) -> None:
    path.write_text(f"{MARK}: starts")


def another_scripts_launcher(path: Path) -> None:
    path.write_text(launcher_text(Path("/other.py"), Path("/environment"), (), ["scriptlock"]))


@pytest.mark.parametrize(
    "make",
    [
        a_program,
        a_folder,
        a_link_that_leads_nowhere,
        a_launcher_that_was_edited,
        a_launcher_that_was_cut,
        another_scripts_launcher,
    ],
)
def test_what_is_not_ours_is_neither_replaced_nor_removed(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "tool"
    make(path)
    before = path.lstat()

    with pytest.raises(LauncherError, match=r"none of ours|starts /other\.py already|Is a directory"):
        write_launcher(path, tmp_path / "tool.py", tmp_path, Cache(root=tmp_path), modified=None)
    if make is not another_scripts_launcher:
        with pytest.raises(LauncherError, match=r"none of ours|Is a directory"):
            remove_launcher(path, Cache(root=tmp_path))

    assert path.lstat() == before


def test_installing_again_renews_the_launcher(tmp_path: Path) -> None:
    tool = installed(tmp_path)
    tool.script.touch()
    cache = Cache(root=tmp_path / "cache")

    with mock.patch.dict(os.environ, SAME):
        write_launcher(
            tool.launcher, tool.script, tool.environment, cache, modified=tool.script.stat().st_mtime_ns
        )

    assert tool.start() == tool.straight


def test_removing_leaves_nothing(tmp_path: Path) -> None:
    tool = installed(tmp_path)
    cache = Cache(root=tmp_path / "cache")

    assert remove_launcher(tool.launcher, cache) == tool.script
    assert (list(tool.launcher.parent.iterdir()), list((cache.root / "v1" / "launchers").iterdir())) == (
        [],
        [],
    )
    with pytest.raises(LauncherError, match="there is no"):
        remove_launcher(tool.launcher, cache)


def test_a_folder_that_cannot_be_used_is_said_to_be_so(tmp_path: Path) -> None:
    tool = installed(tmp_path)
    (tmp_path / "file").touch()

    with pytest.raises(LauncherError, match="Not a directory"):
        write_launcher(
            tmp_path / "file" / "tool",
            tool.script,
            tool.environment,
            Cache(root=tmp_path / "cache"),
            modified=None,
        )


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "scriptlock", "a\0b"])
def test_what_cannot_be_the_name_of_a_command_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LauncherError, match="cannot be the name"):
        launcher_path(tmp_path, name)


def test_commands_are_where_the_user_s_commands_are() -> None:
    home = Path.home()

    assert commands_folder({}) == commands_folder({"XDG_BIN_HOME": "relative"}) == home / ".local" / "bin"
    assert commands_folder({"XDG_BIN_HOME": "/x/bin"}) == Path("/x/bin")
