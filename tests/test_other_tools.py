"""Other tools find the header of a locked script, and nothing in its footer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scriptlock
from support.cli import Cli
from support.index import Index
from support.scripts import script
from support.wheels import wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

NEWER = "idna 3.19\nrich 15.0.1\n"
"""What the script prints where its header counts: since it was locked, there is a newer version."""
LINE_TOO_LONG = "E501"
"""ruff's rule about long lines, which markers break; all others have nothing to say."""


def tool(name: str) -> str:
    """Return the program; skip the test if it is not installed beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path, **variables: str) -> str:
    """Run a program to its end; return what it printed."""
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def locked(index: Index, tmp_path: Path, cli: Cli) -> Path:
    """A script that was locked when there was nothing newer."""
    index.add(wheel("rich", "15.0.0", requires=["idna>=3"]), wheel("idna", "3.19"))
    path = tmp_path / "report.py"
    path.write_text(script("rich"))
    assert cli("lock", path).code == 0
    index.add(wheel("rich", "15.0.1", requires=["idna>=3"]))
    return path


def test_python_sees_comments(locked: Path) -> None:
    text = locked.read_text()

    assert compile(text, "report.py", "exec").co_code == compile(script("rich"), "report.py", "exec").co_code


def test_ruff_formats_the_body_and_leaves_the_footer_as_it_is(locked: Path) -> None:
    text = locked.read_text()
    footer = text[text.index("# >>> scriptlock >>>") :]
    locked.write_text(text.replace("\nimport", "\nx  =  1\nimport"))

    run(tool("ruff"), "format", "--isolated", locked)

    formatted = locked.read_text()
    assert "\nx = 1\nimport" in formatted
    assert formatted.endswith(f"\n\n\n{footer}")
    scriptlock.check(scriptlock.parse(formatted))


def test_a_locked_script_is_formatted_already(locked: Path) -> None:
    plain = locked.with_name("plain.py")
    plain.write_text(scriptlock.embed(locked.read_text(), None))
    ruff = tool("ruff")
    run(ruff, "format", "--isolated", plain)
    script = scriptlock.parse(locked.read_text())
    locked.write_text(scriptlock.embed(plain.read_text(), script.lock))

    assert "1 file already formatted" in run(ruff, "format", "--isolated", "--check", locked)


def test_linters_have_nothing_to_say_about_the_footer(locked: Path) -> None:
    text = locked.read_text()
    first = text.count("\n", 0, text.index("# >>> scriptlock >>>")) + 1
    words = "check --isolated --preview --select=ALL --output-format=json"

    done = subprocess.run([tool("ruff"), *words.split(), locked], capture_output=True, text=True, check=False)

    found = {problem["code"] for problem in json.loads(done.stdout) if problem["location"]["row"] >= first}
    assert found <= {LINE_TOO_LONG}


def test_pip_installs_what_the_header_says(locked: Path) -> None:
    words = "install --dry-run --quiet --ignore-installed --report - --requirements-from-script"

    report = json.loads(run(sys.executable, "-m", "pip", *words.split(), locked))

    chosen = {one["metadata"]["name"]: one["metadata"]["version"] for one in report["install"]}
    assert chosen == {"rich": "15.0.1", "idna": "3.19"}


def test_uv_runs_what_the_header_says(locked: Path, index: Index) -> None:
    variables = {"UV_DEFAULT_INDEX": index.url, "UV_NO_CONFIG": "1", "UV_PYTHON": sys.executable}

    assert run(tool("uv"), "run", "--quiet", locked, **variables) == NEWER


@pytest.mark.network  # where it does not use uv, it makes an environment for its own pip
def test_pipx_runs_what_the_header_says(locked: Path, index: Index) -> None:
    variables = {"UV_DEFAULT_INDEX": index.url, "UV_NO_CONFIG": "1"}

    shown = run(tool("pipx"), "run", "--quiet", "--python", sys.executable, locked, **variables)

    assert set(NEWER.splitlines()) <= set(shown.splitlines())


@pytest.mark.network
@pytest.mark.parametrize("version", ["24.1.0", "25.1.0", "26.1.0"])
def test_black_leaves_every_example_as_it_is(version: str) -> None:
    examples = Path(__file__).parents[1] / "examples"

    run(tool("uv"), "tool", "run", f"black=={version}", "--check", "--line-length=110", examples)
