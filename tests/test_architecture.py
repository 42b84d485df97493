"""The house as it is drawn in docs: arrows only go downwards, and what is cheap stays cheap."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import scriptlock

PACKAGE = Path(scriptlock.__file__).parent
FILES = {
    ".".join(("scriptlock", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""Every module's file, by the module's name."""

LAYERS = (
    "__main__ launch memo cli",
    "scriptlock",
    "sharing api by_path by_text chooser launcher locking",
    "workers",
    "resolve install cache",
    "repositories",
    "files disk conversation process orphan child download addresses interpreters probe pip_configuration",
    "script parts nearmiss header settings requirements footer document changes uv_table",
    "grid",
    "targets model pin_changes",
    "syntax tomltext plaintoml markers spelling source errors",
    "source errors",
)
"""From the top; a folder stands for every module in it."""
HEIGHTS = {room: -depth for depth, layer in enumerate(LAYERS) for room in layer.split()}

HEAVY = frozenset("pip piptools virtualenv python_discovery tomlkit click".split())
"""What takes tens of milliseconds to import; only the function that needs it may."""
EAGER = {module: {"click"} for module in FILES if module.startswith("scriptlock.cli")}
"""The exceptions: the command line is nothing without its parser, and is loaded by a function itself."""

STDLIB_ONLY = (
    "scriptlock",
    "scriptlock.__main__",
    "scriptlock.errors",
    "scriptlock.launch",
    "scriptlock.source",
)

LIGHT = frozenset({"scriptlock", "__future__", "typing"})
"""All that importing the package may bring along, with what these themselves import."""


def room(module: str) -> str:
    """Return the part of the house that a module belongs to: the folder or module below the package."""
    return module.split(".")[1] if "." in module else module


def imports(module: str, *, eager_only: bool = False) -> Iterator[str]:
    """Return what a module imports, whole names: of a name taken out of a package, the module it is, if one.

    :param eager_only: leave out what a function imports when it is called, and what is only for types.
    """
    tree = ast.parse(FILES[module].read_bytes())
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if eager_only and (isinstance(node, ast.FunctionDef) or _is_only_for_types(node)):
            continue
        pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import, which this test cannot follow"
            source = node.module or ""
            inner = [f"{source}.{alias.name}" for alias in node.names]
            yield from (name if name in FILES else source for name in inner)


def _is_only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


ARROWS = {module: {name for name in imports(module) if name in FILES} - {module} for module in FILES}


def test_every_module_has_its_place() -> None:
    assert {room(module) for module in FILES} <= set(HEIGHTS)


@pytest.mark.parametrize("module", FILES)
def test_arrows_only_go_downwards(module: str) -> None:
    height = HEIGHTS[room(module)]

    assert [name for name in ARROWS[module] if HEIGHTS[room(name)] > height] == []


def test_no_two_modules_need_each_other() -> None:
    order = list(TopologicalSorter(ARROWS).static_order())

    assert sorted(order) == sorted(FILES)


@pytest.mark.parametrize("module", [module for module in FILES if room(module) in STDLIB_ONLY])
def test_what_starts_first_needs_nothing_but_the_standard_library(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(module, eager_only=True)}

    assert roots - {"scriptlock"} <= sys.stdlib_module_names


@pytest.mark.parametrize("module", FILES)
def test_heavy_libraries_are_imported_where_they_are_needed(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(module, eager_only=True)}

    assert roots & HEAVY <= EAGER.get(module, set())


@pytest.mark.parametrize("module", FILES)
def test_a_module_is_one_noun_of_a_readable_size(module: str) -> None:
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= 300
    assert FILES[module].stem not in {"utils", "util", "helpers", "manager", "base", "common", "misc"}


def test_no_module_hides_behind_a_public_name() -> None:
    modules = {path.stem for path in PACKAGE.iterdir()}

    assert modules.isdisjoint(scriptlock.__all__)


def test_every_public_name_is_there() -> None:
    for name in scriptlock.__all__:
        assert getattr(scriptlock, name).__module__.startswith("scriptlock.")
    assert set(scriptlock.__all__) <= set(dir(scriptlock))
    assert sorted(scriptlock.__all__) == scriptlock.__all__


def test_importing_the_package_loads_nothing_heavy() -> None:
    bare = loaded_by("import __future__, typing")

    assert loaded_by("import scriptlock") - bare - LIGHT == set()


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has after a statement."""
    # Measuring coverage loads modules of its own.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-I", "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("worker", ["resolve.worker", "install.fetch_worker"])
def test_a_worker_reaches_the_indexes_before_it_loads_what_looks_into_their_answers(worker: str) -> None:
    loaded = loaded_by(f"import scriptlock.{worker}")

    assert loaded.isdisjoint({"packaging", "pip", "installer", "scriptlock.model", "scriptlock.targets"})
    assert "scriptlock.resolve.reach" in loaded
