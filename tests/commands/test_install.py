"""Scripts as commands of the user."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scriptlock.cache import registry
from scriptlock.cache.layout import Cache
from support.cli import IN_A_GONE_FOLDER, Cli, Done
from support.index import Index
from support.scripts import RICH_SHOWN, edit


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of commands, which is on PATH."""
    folder = tmp_path / "my commands"
    monkeypatch.setenv("XDG_BIN_HOME", str(folder))
    monkeypatch.setenv("PATH", os.pathsep.join((str(folder), os.environ["PATH"])))
    return folder


def call(name: str, *arguments: str) -> Done:
    """Run a command by its name, as a user does."""
    done = subprocess.run([name, *arguments], capture_output=True, text=True, check=False)
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


def test_an_installed_script_is_a_command(ready: Path, commands: Path, packages: Index, cli: Cli) -> None:
    done = cli("install", ready)
    packages.break_down()

    assert done == Done(code=0, out=f"{commands / 'report'}\n", err="")
    assert call("report") == Done(code=0, out=RICH_SHOWN, err="")


def test_a_command_can_have_another_name(ready: Path, commands: Path, cli: Cli) -> None:
    cli("install", "--name", "a report", ready)

    assert call("a report").out == RICH_SHOWN


def test_only_py_at_the_end_is_left_out_of_the_name(
    ready: Path, tmp_path: Path, commands: Path, cli: Cli
) -> None:
    for name in ("report.v2", "report.v3.py"):
        cli("install", shutil.copy(ready, tmp_path / name))

    assert {path.name for path in commands.iterdir()} == {"report.v2", "report.v3"}


@pytest.mark.parametrize("path", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "pipe"])
def test_what_is_gone_when_the_command_is_called_is_refused(
    path: str, ready: Path, tmp_path: Path, commands: Path, cli: Cli
) -> None:
    os.mkfifo(tmp_path / "pipe")

    done = cli("install", path, stdin=ready.read_text())

    assert (done.code, done.out, commands.exists()) == (2, "", False)
    assert done.err == (
        f"scriptlock: {path}: it is not a file that is still there when the command is called\n"
        "hint: save the script, and install that file\n"
    )


def test_a_script_that_is_changed_later_is_run_as_it_is_then(
    ready: Path, commands: Path, packages: Index, cli: Cli
) -> None:
    cli("install", ready)
    edit(ready, '"rich"', '"idna"')

    done = call("report")

    assert (done.code, done.out) == (0, "idna 3.19\n")
    assert "the header changed" in done.err


def test_a_script_without_a_lock_goes_by_run(report: Path, commands: Path, cli: Cli) -> None:
    done = cli("install", report)

    assert (done.code, done.out) == (0, f"{commands / 'report'}\n")
    assert "goes by `scriptlock run`, for it does not carry its lock\n" in done.err
    assert call("report").out == RICH_SHOWN


def test_a_stale_lock_is_refreshed_first(locked: Path, commands: Path, packages: Index, cli: Cli) -> None:
    edit(locked, '"rich"', '"idna"')

    done = cli("install", locked)

    assert (done.code, done.out) == (0, f"{commands / 'report'}\n")
    assert cli("check", locked).code == 0
    assert call("report").out == "idna 3.19\n"


def test_the_environment_is_protected_until_the_last_of_its_commands_is_gone(
    ready: Path, commands: Path, cli: Cli
) -> None:
    cache = Cache.default()
    cli("install", ready)
    cli("install", "--name", "other", ready)
    protected = [registry.is_protected(cache, ready)]

    for name in ("report", "other"):
        assert cli("uninstall", name) == Done(code=0, out="", err="")
        protected.append(registry.is_protected(cache, ready))

    assert protected == [True, True, False]
    assert list(commands.iterdir()) == []


def test_a_script_stays_protected_while_a_command_starts_it_by_another_link(
    ready: Path, tmp_path: Path, commands: Path, cli: Cli
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").symlink_to(ready)
        cli("install", tmp_path / f"{name}.py")

    protected = []
    for name in ("one", "two"):
        assert cli("uninstall", name) == Done(code=0, out="", err="")
        protected.append(registry.is_protected(Cache.default(), ready))

    assert protected == [True, False]


def test_a_script_stays_protected_while_a_command_in_another_folder_starts_it(
    ready: Path, tmp_path: Path, commands: Path, cli: Cli
) -> None:
    elsewhere = {"XDG_BIN_HOME": str(tmp_path / "elsewhere")}
    cli("install", ready)
    cli("install", ready, env=elsewhere)

    protected = []
    for env in ({}, elsewhere):
        assert cli("uninstall", "report", env=env) == Done(code=0, out="", err="")
        protected.append(registry.is_protected(Cache.default(), ready))

    assert protected == [True, False]


def test_a_command_that_was_removed_by_hand_protects_nothing_any_more(
    ready: Path, commands: Path, cli: Cli
) -> None:
    cli("install", ready)
    cli("install", "--name", "other", ready)
    (commands / "other").unlink()

    cli("uninstall", "report")

    assert not registry.is_protected(Cache.default(), ready)


def test_what_was_protected_by_hand_stays_so_until_that_is_taken_back(
    ready: Path, commands: Path, cli: Cli
) -> None:
    cli("cache", "protect", ready)
    cli("install", ready)
    cli("uninstall", "report")
    protected = [registry.is_protected(Cache.default(), ready)]

    cli("install", ready)
    cli("cache", "unprotect", ready)
    protected.append(registry.is_protected(Cache.default(), ready))

    assert protected == [True, False]


def test_what_is_not_ours_is_left_alone(ready: Path, commands: Path, cli: Cli) -> None:
    commands.mkdir()
    (commands / "report").write_text("mine")

    installed, uninstalled = cli("install", ready), cli("uninstall", "report", "nothing")

    assert (installed.code, installed.out, uninstalled.code) == (2, "", 2)
    assert "none of ours" in installed.err
    assert "hint: choose another name with --name" in installed.err
    assert "none of ours" in uninstalled.err
    assert f"there is no {commands / 'nothing'}" in uninstalled.err
    assert (commands / "report").read_text() == "mine"


def test_a_script_whose_command_another_has_is_not_protected(ready: Path, commands: Path, cli: Cli) -> None:
    cli("install", "--name", "taken", ready)
    other = ready.with_name("other.py")
    shutil.copy(ready, other)

    refused = cli("install", "--name", "taken", other)

    assert (refused.code, refused.out) == (2, "")
    assert f"{commands / 'taken'} starts {ready} already" in refused.err
    assert not registry.is_protected(Cache.default(), other)


def test_a_folder_that_is_not_on_path_is_said_to_be_so(
    ready: Path, tmp_path: Path, commands: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setenv("XDG_BIN_HOME", str(tmp_path / "elsewhere"))

    nowhere = cli("install", "--name", "no-such-command", ready)
    shadowed = cli("install", "--name", "env", ready)

    assert (nowhere.code, shadowed.code) == (0, 0)
    assert f"{tmp_path / 'elsewhere'} is not on PATH" in nowhere.err
    assert "which comes before it on PATH" in shadowed.err


def test_a_script_that_is_not_there_is_no_command(tmp_path: Path, commands: Path, cli: Cli) -> None:
    done = cli("install", "missing.py")

    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert not commands.exists()


def test_a_script_in_a_folder_that_is_gone_is_no_command(tmp_path: Path, commands: Path, cli: Cli) -> None:
    (tmp_path / "gone").mkdir()

    done = cli("install", "tool.py", cwd=tmp_path / "gone", under=IN_A_GONE_FOLDER)

    assert done == Done(code=2, out="", err="scriptlock: tool.py: there is no such file\n")
