from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Cli
from support.index import Index
from support.scripts import script

UNCLOSED = '# /// script\n# dependencies = ["rich"]\nprint("ran")\n'
WARNING = "this header is ignored: no `# ///` line closes it"


@pytest.fixture
def unclosed(tmp_path: Path) -> Path:
    """A script whose header is none, though its author thinks it is."""
    path = tmp_path / "report.py"
    path.write_text(UNCLOSED)
    return path


@pytest.mark.parametrize("verb", ["lock", "check"])
def test_who_looks_for_a_header_says_what_was_perhaps_meant_as_one(
    verb: str, unclosed: Path, cli: Cli
) -> None:
    done = cli(verb, unclosed)

    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        f"scriptlock: {unclosed}:1: warning: {WARNING}",
        f"scriptlock: {unclosed}: there is no `# /// script` header to lock",
        "hint: add a `# /// script` block with `dependencies = [...]`, closed by `# ///`",
    ]


def test_run_says_why_it_installs_nothing(unclosed: Path, cli: Cli) -> None:
    first = cli("run", unclosed)
    done = cli("run", unclosed)

    assert done == first
    assert (done.code, done.out) == (0, "ran\n")
    assert done.err == f"scriptlock: {unclosed}: warning: line 1: {WARNING}\n"


@pytest.mark.parametrize("verb", ["lock", "check"])
def test_a_wrong_setting_is_said_once(verb: str, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "report.py"
    path.write_text(script("rich", settings=["requird = true"]))

    done = cli(verb, path)

    said = f"scriptlock: {path}:7: [tool.scriptlock] has no setting 'requird'"
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", said)


@pytest.mark.parametrize("verb", ["lock", "check", "which", "install", "strip"])
def test_what_is_for_files_takes_no_url_and_shows_no_password(verb: str, cli: Cli) -> None:
    done = cli(verb, "https://bob:s3cret@index.example/report.py")

    assert (done.code, done.out) == (2, "")
    assert "Invalid value for 'PATH" in done.err
    assert done.err.endswith(": a URL is nothing but for `run` and `sync`\n")
    assert "s3cret" not in done.err


@pytest.mark.parametrize(("verb", "code"), [("lock", 2), ("run", 125), ("sync", 2)])
def test_an_empty_path_is_no_folder(verb: str, code: int, cli: Cli) -> None:
    done = cli(verb, "")

    assert (done.code, done.out) == (code, "")
    assert done.err.endswith(": an empty text names no script\n")


def test_what_is_said_to_uv_alone_is_a_warning_and_no_more(packages: Index, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "report.py"
    source = '# [tool.uv.sources]\n# rich = { git = "https://host.example/rich" }\n# ///\n'
    path.write_text(script("rich").replace("# ///\n", source))
    said = "`sources` of [tool.uv] is not followed for rich; write `rich @ URL` in dependencies"

    locks = [cli("lock", path), cli("lock", path)]
    checks = [cli("check", path), cli("check", path)]
    run = cli("run", path)

    assert [done.code for done in (*locks, *checks, run)] == [0, 0, 0, 0, 0]
    for done in (*locks, *checks):
        assert done.err == f"scriptlock: {path}:5: warning: {said}\n"
    assert run.err == f"scriptlock: {path}: warning: line 5: {said}\n"
