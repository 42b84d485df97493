"""Command lines without an option, which no parser reads: they mean what the parser would make of them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scriptlock.cli.plain import VARIABLES, is_plain
from scriptlock.cli.preparing import NO_WISHES
from scriptlock.cli.running import run, sync
from support.cli import Cli, Done, command
from support.index import Index
from support.scripts import RICH_SHOWN


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("verb", ["run", "sync"])
def test_closed_streams_are_nobodys_failure(cli: Cli, tmp_path: Path, verb: str, closed: str) -> None:
    script = tmp_path / "a.py"
    script.write_text("# /// script\n# dependencies = []\n# ///\nopen('ran', 'w').close()\n")
    assert cli("lock", script).code == 0

    line = shlex.join([sys.executable, "-m", "scriptlock", verb, str(script)])
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {line} {closed}"], cwd=tmp_path, env=os.environ, check=False
    )

    assert done.returncode == 0
    assert (tmp_path / "ran").exists() is (verb == "run")


def test_no_wishes_are_what_click_makes_of_no_options() -> None:
    context = run.make_context("run", ["a.py", "b"])

    assert {name: context.params[name] for name in NO_WISHES} == NO_WISHES
    assert context.params.keys() - NO_WISHES.keys() == {"word", "args", "no_cache"}
    assert {*sync.make_context("sync", ["a.py"]).params} - NO_WISHES.keys() == {"words", "as_json"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "a.py"], True),
        (["run", "a.py", "--offline", "-", ""], True),
        (["sync", "a.py", "b.py"], True),
        (["run"], False),
        (["sync"], False),
        ([], False),
        (["run", "--offline", "a.py"], False),
        (["run", "-"], False),
        (["run", ""], False),
        (["sync", "a.py", "--json"], False),
        (["sync", "a.py", ""], False),
        (["lock", "a.py"], False),
    ],
)
def test_a_command_line_is_plain_without_options_of_ours(words: Sequence[str], expected: bool) -> None:  # noqa: FBT001
    assert is_plain(words, {}) == expected


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_stands_for_an_option_needs_the_parser(name: str) -> None:
    assert not is_plain(["run", "a.py"], {name: "1"})
    assert is_plain(["run", "a.py"], {name: ""})


UNWANTED = frozenset(
    "click concurrent email filelock installer pip piptools python_discovery tempfile tomlkit virtualenv "
    "zipfile scriptlock.install.fetch scriptlock.resolve".split()
)
"""What is loaded by others only: to resolve, to fetch, to parse a command line."""


def plainly_and_not(cli: Cli, verb: str, *words: str | Path) -> tuple[Done, Done]:
    """Return how a command line ends that is plain, and how the same ends through the parser."""
    return cli(verb, *words), cli(verb, "--", *words)


def test_a_script_runs_alike(locked: Path, cli: Cli) -> None:
    plain, parsed = plainly_and_not(cli, "run", locked)

    assert plain == parsed == Done(code=0, out=RICH_SHOWN, err="")


def test_environments_are_told_alike(locked: Path, cli: Cli) -> None:
    plain, parsed = plainly_and_not(cli, "sync", locked, locked)

    assert plain == parsed
    assert (plain.code, plain.err, len(plain.out.splitlines())) == (0, "", 2)


@pytest.mark.parametrize("verb", ["run", "sync"])
def test_what_is_no_script_is_refused_alike(verb: str, cli: Cli, tmp_path: Path) -> None:
    plain, parsed = plainly_and_not(cli, verb, tmp_path / "no\udcffwhere.py")

    assert plain == parsed
    assert "Traceback" not in plain.err


def test_a_path_that_is_not_plain_text_is_told_alike(locked: Path, cli: Cli, tmp_path: Path) -> None:
    env = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "c\u00e4che")}

    plain, parsed = (cli("sync", *words, locked, env=env) for words in ([], ["--"]))

    assert plain == parsed
    assert (plain.code, "c\u00e4che" in plain.out) == (0, True)


@pytest.mark.parametrize("words", [[], ["--"]])
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is a Linux device")
def test_a_result_that_cannot_be_written_is_trouble(words: list[str], ready: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("sync", *words, ready), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (done.returncode, done.stderr) == (
        2,
        "Error: the result cannot be written: No space left on device\n",
    )


def test_what_only_others_need_is_not_loaded_to_build_from_the_store(
    locked: Path, packages: Index, cli: Cli, tmp_path: Path
) -> None:
    cli("sync", locked)
    (tmp_path / "aside").mkdir()
    environments = Path(os.environ["SCRIPTLOCK_CACHE_DIR"], "v1/environments")
    environments.rename(tmp_path / "aside" / "environments")
    packages.reset()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    traced = [sys.executable, "-X", "importtime", "-m", "scriptlock", "sync", str(locked)]

    done = subprocess.run(traced, env=environ, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()[1:]}
    assert Path(done.stdout.strip()).is_relative_to(environments)
    assert "scriptlock.install.link" in loaded
    unwanted = (
        "click email filelock installer pip piptools python_discovery tempfile tomlkit virtualenv zipfile"
    )
    assert loaded & {*unwanted.split(), "scriptlock.resolve", "scriptlock.install.fetch"} == set()
