"""What the worker says to the user of a pip or pip-tools that is not as it should be."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import packaging
import pytest

import scriptlock
from scriptlock import process
from scriptlock.conversation import BOOT, RESOLVER
from scriptlock.errors import ToolError
from scriptlock.resolve.borrowed import NAMES, UNUSED, borrow
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.worker import respond
from support.index import Index
from support.resolvers import request_for
from support.wheels import wheel


def test_everything_is_where_this_pip_and_pip_tools_have_it() -> None:
    borrowed = borrow()

    assert set(vars(borrowed)) == set(NAMES)


@pytest.mark.parametrize(
    ("path", "moved"),
    [
        ("pip._internal.models.link:Link.no_such", "pip._internal.models.link.Link.no_such"),
        ("pip._internal.no_such:Link", "pip._internal.no_such.Link"),
        ("piptools.no_such:", "piptools.no_such"),
    ],
)
def test_a_name_that_moved_is_one_clear_sentence(path: str, moved: str) -> None:
    answer = respond({"targets": []}, names={**NAMES, "Link": path})

    told = answer["failure"]
    assert told["kind"] == "ToolError"
    assert told["reason"].endswith(f" moved {moved}; scriptlock works with pip >= 26 and pip-tools >= 7.6.1")
    assert told["reason"].startswith("this pip 2")
    assert told["hint"] == "upgrade scriptlock, pip and pip-tools"


def test_a_resolver_that_leaves_no_result_is_one_clear_sentence(index: Index) -> None:
    index.add(wheel("tool", "1.0"))
    names = {**NAMES, "BacktrackingResolver": "support.resolvers:Idle"}

    def start(order: str) -> subprocess.CompletedProcess[str]:
        answer = json.dumps(respond(json.loads(order), names))
        return subprocess.CompletedProcess(args=[], returncode=0, stdout=answer, stderr="")

    with pytest.raises(ToolError, match=r"moved pip\._internal\.resolution\.\S+\._result; "):
        PipTools(start=start).resolve(request_for("tool"))


def test_the_worker_tells_of_another_pip_in_front_of_the_real_one(tmp_path: Path) -> None:
    # As `python -m venv` with an old ensurepip leaves it: a pip, but not the one that we know.
    (tmp_path / "pip" / "_internal").mkdir(parents=True)
    for module in ("pip/__init__.py", "pip/_internal/__init__.py"):
        (tmp_path / module).touch()
    boot = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {BOOT.format(module=RESOLVER)}"
    home = Path(scriptlock.__file__).parent.parent

    def start(order: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", boot, str(home)]
        return process.run(command, text=order)

    with pytest.raises(ToolError, match=r"moved pip\._internal\.\S+; scriptlock works with pip >= 26"):
        PipTools(start=start).resolve(request_for("tool"))


def test_a_tool_that_is_missing_is_named(tmp_path: Path) -> None:
    # Without site-packages there is neither of them; packaging alone is put back.
    (tmp_path / "packaging").symlink_to(Path(packaging.__file__).parent)
    code = (
        "import json, sys; sys.path[:0] = json.loads(sys.argv[1])\n"
        "from scriptlock.errors import ToolError\n"
        "from scriptlock.resolve.borrowed import borrow\n"
        "try:\n    borrow()\nexcept ToolError as error:\n    print(error, '|', error.hint)"
    )
    home = Path(scriptlock.__file__).parent.parent

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, json.dumps([str(home), str(tmp_path)])],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == (
        "pip is not installed; scriptlock works with pip >= 26 and pip-tools >= 7.6.1 | install pip\n"
    )


LEFT_OUT = """
import sys
from scriptlock.resolve.borrowed import UNUSED, borrow, leave_out
leave_out()
borrow()
print(*(name for name in UNUSED if sys.modules[name].__spec__), "pip._vendor.pygments.lexers" in sys.modules)
"""


def test_a_worker_leaves_out_what_pip_imports_to_draw() -> None:
    home = str(Path(scriptlock.__file__).parents[1])
    done = process.run([sys.executable, "-c", f"import sys; sys.path.append({home!r}); {LEFT_OUT}"])

    assert (done.stdout, done.stderr) == ("False\n", "")


CALLED = """
import sys
from scriptlock.resolve.borrowed import UNUSED, borrow, leave_out
leave_out()
borrow()
from pip._internal.exceptions import InstallationSubprocessError
from pip._internal.exceptions.build import escape
print(repr(InstallationSubprocessError(command_description="make [it]", exit_code=3, output_lines=["no"])))
print(escape("[it]"), [name for name in UNUSED if "rich.text" in name and not sys.modules[name].__spec__])
"""


def test_what_is_left_out_is_loaded_when_somebody_calls_it() -> None:
    home = str(Path(scriptlock.__file__).parents[1])
    boot = f"import sys; sys.path.append({home!r})\n"
    without, usual = (
        process.run([sys.executable, "-c", boot + code])
        for code in (CALLED, CALLED.replace("leave_out()\n", "\n"))
    )

    assert (without.stdout, without.stderr) == (usual.stdout, usual.stderr)
    assert "make" in without.stdout
    assert without.stdout.endswith("\\[it] []\n")


SHARED = """
import sys
from scriptlock.resolve.borrowed import borrow, leave_out
leave_out()
import packaging.markers
from packaging.version import Version
borrow()
import packaging
import packaging.tags
from scriptlock.resolve import access, answers, indexes
print(Version.__module__, packaging.tags.__spec__.name)
print(*(name for name, module in sys.modules.items() if ".".join(name.split(".")[:1]) == "packaging"
    and module is not sys.modules[f"pip._vendor.{name}"]))
"""


def test_a_worker_loads_packaging_once() -> None:
    home = str(Path(scriptlock.__file__).parents[1])
    done = process.run([sys.executable, "-c", f"import sys; sys.path.append({home!r}); {SHARED}"])

    said = "pip._vendor.packaging.version pip._vendor.packaging.tags\n\n"
    assert (done.stdout, done.stderr) == (said, "")


def test_what_is_left_out_is_there_otherwise() -> None:
    assert all(import_module(name).__spec__ for name in UNUSED)
