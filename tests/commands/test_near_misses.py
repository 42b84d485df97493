from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Cli

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
    done = cli("run", unclosed)

    assert (done.code, done.out) == (0, "ran\n")
    assert done.err == f"scriptlock: {unclosed}: warning: line 1: {WARNING}\n"
