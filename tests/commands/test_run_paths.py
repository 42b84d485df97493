from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, SECONDS, Cli, Done, command, powerless
from support.scripts import RICH_SHOWN, script

pytestmark = pytest.mark.usefixtures("unmeasured")

WHERE = "\nimport sys\nprint(sys.argv[0], __file__, sys.path[0])\n"


def refusal(done: Done, path: Path) -> str:
    """Return why a script was not started, without the hint."""
    assert (done.code, done.out) == (NOT_STARTED, "")
    said, *hints = done.err.splitlines()
    assert [hint.partition(" ")[0] for hint in hints] in ([], ["hint:"])
    assert said.startswith(f"scriptlock: {path}: ")
    return said.removeprefix(f"scriptlock: {path}: ")


def test_a_folder_is_no_script(tmp_path: Path, cli: Cli) -> None:
    assert refusal(cli("run", tmp_path), tmp_path) == "it is a folder, not a script"


def test_a_pipe_with_a_name_is_no_script_and_its_writer_goes_on_waiting(tmp_path: Path, cli: Cli) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert refusal(cli("run", pipe), pipe) == "it is not a regular file"


def test_what_is_not_there_is_no_script(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "gone.py"

    assert refusal(cli("run", path), path) == "there is no such file"


def test_a_script_that_nobody_may_read_is_named(ready: Path, cli: Cli) -> None:
    ready.chmod(0o000)

    assert (
        refusal(cli("run", ready, under=powerless()), ready) == "the file cannot be read: permission denied"
    )


def test_a_device_is_no_script_and_not_read(cli: Cli) -> None:
    assert refusal(cli("run", "/dev/zero"), Path("/dev/zero")) == "it is not a regular file"


def test_a_symlink_is_run_by_its_own_name_beside_what_it_leads_to(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "there.py").write_text(script(body=WHERE))
    (tmp_path / "link").symlink_to("there.py")

    done = cli("run", "link")

    # The path that Python itself uses for a script behind a link.
    assert done == Done(code=0, out=f"link {tmp_path / 'link'} {tmp_path}\n", err="")


@pytest.mark.parametrize("word", ["./a.py", "../here/a.py", ".//a.py", "a.py"])
def test_the_first_run_and_every_other_call_a_script_by_the_name_that_it_was_given(
    word: str, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a.py").write_text(script(body=WHERE))

    first, again = (cli("run", word, cwd=folder) for _ in range(2))

    assert first == again
    assert first.out.split()[0] == word


def test_a_cache_may_lie_behind_a_link(
    ready: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setenv("SCRIPTLOCK_CACHE_DIR", str(tmp_path / "link" / "cache"))

    done = [cli("run", ready) for _ in range(2)]

    assert done == [Done(code=0, out=RICH_SHOWN, err="")] * 2


def test_a_link_that_leads_nowhere_or_round_in_circles_is_named(tmp_path: Path, cli: Cli) -> None:
    nowhere, circle = tmp_path / "nowhere", tmp_path / "circle"
    nowhere.symlink_to("gone.py")
    circle.symlink_to("circle")

    assert refusal(cli("run", nowhere), nowhere) == "there is no such file"
    assert refusal(cli("run", circle), circle) == "the file cannot be read: too many levels of symbolic links"


def test_a_script_in_a_folder_that_cannot_be_written_to_runs(ready: Path, cli: Cli) -> None:
    ready.chmod(0o444)
    ready.parent.chmod(0o555)

    try:
        done = cli("run", ready, under=powerless())
    finally:
        ready.parent.chmod(0o755)

    assert done == Done(code=0, out=RICH_SHOWN, err="")


def test_a_text_behind_a_device_of_the_shell_is_a_file(ready: Path) -> None:
    with ready.open() as file:
        done = subprocess.run(
            command("run", "/dev/stdin"),
            stdin=file,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    assert (done.returncode, done.stdout, done.stderr) == (0, RICH_SHOWN, "")


def test_a_working_folder_that_is_gone_stops_nothing(ready: Path, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    leave = ["/bin/sh", "-c", f'rmdir "{folder}" && "$@"', "sh"]

    done = cli("run", ready, cwd=folder, under=leave)

    assert (done.code, done.out) == (0, RICH_SHOWN)


def test_the_folder_of_temporary_files_may_be_in_no_encoding(report: Path, tmp_path: Path, cli: Cli) -> None:
    temporary = tmp_path / os.fsdecode(b"\xff")
    temporary.mkdir()

    done = cli("run", report, env={"TMPDIR": str(temporary)})

    assert (done.code, done.out, done.err) == (0, RICH_SHOWN, "")


def test_an_empty_name_is_no_script(cli: Cli) -> None:
    done = cli("run", "")

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert "Traceback" not in done.err
