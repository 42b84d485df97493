"""What the repository says of itself is true."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import scriptlock

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not (ROOT / ".ci").exists(), reason="a source distribution has no .ci")
def test_the_readme_has_the_command_that_ci_runs() -> None:
    *_, command = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert "pytest" in command
    assert command in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_no_regular_expression_repeats_a_group_possessively() -> None:
    # Python 3.11 before 3.11.5, which some systems have, takes what does not match for a match.
    possessive = re.compile(r"(?<!\()\)(?:[*+?]|\{{1,2}[0-9,]+\}{1,2})\+")
    modules = (ROOT / "scriptlock").rglob("*.py")

    assert all(map(possessive.search, (r"(?:a)*+", r"(?:a){{0,9}}+", r"(?:a){2}+")))
    assert not [path.name for path in modules if possessive.search(path.read_text(encoding="utf-8"))]


def test_the_version_is_told_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert "version" in project["dynamic"]
    assert version("scriptlock-toolkit") == scriptlock.__version__


def test_each_hook_calls_a_command_that_skips_scripts_without_a_lock() -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")

    assert re.findall(r"(?m)^- id: (.+)$", hooks) == ["scriptlock-lock", "scriptlock-check"]
    assert re.findall(r"(?m)^  entry: (.+)$", hooks) == [
        "scriptlock lock --locked-only",
        "scriptlock check --locked-only",
    ]


def test_the_changelog_knows_the_version_or_has_something_unreleased() -> None:
    titles = re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))

    assert titles[0] == "Unreleased" or titles[0] == scriptlock.__version__


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_each_example_carries_a_lock_that_answers_its_header(example: Path) -> None:
    scriptlock.check(scriptlock.parse(example.read_bytes()))
