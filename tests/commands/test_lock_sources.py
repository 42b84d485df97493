"""From the header's ``allow-sdist`` to a running script: sources of an index and of a repository."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scriptlock import parse
from support.cli import NOT_STARTED, Cli
from support.index import Index
from support.repositories import Repository, repository
from support.scripts import edit, script
from support.wheels import Sdist, sdist, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

SHOWN = "part 3\ntool 1.0\n"
ALLOW = 'allow-sdist = ["tool"]'


@pytest.fixture
def tool(index: Index, tmp_path: Path) -> Iterator[Repository]:
    """A repository of tool, which needs part, and an index with that."""
    index.add(wheel("part", "3"))
    with repository(tmp_path / "tool") as made:
        yield made


def unpacked(file: Sdist) -> dict[str, bytes]:
    """Return what a source distribution holds, by path, but for its metadata."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(file.content)) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            content = archive.extractfile(member)
            if content and path != "PKG-INFO":
                found[path] = content.read()
    return found


def test_a_source_is_locked_with_its_hash_and_built_and_run(index: Index, tmp_path: Path, cli: Cli) -> None:
    source = sdist("tool", "1.0", requires=["part"])
    index.add(source, wheel("part", "3"))
    path = tmp_path / "a.py"
    path.write_text(script("tool", settings=[ALLOW]))

    locked = cli("lock", path)
    done = cli("run", path)
    again = cli("run", "--offline", path)

    assert (locked.code, locked.out) == (0, "+ part 3\n+ tool 1.0\n")
    assert (done.code, done.out) == (0, SHOWN)
    assert (again.code, again.out) == (0, SHOWN)
    lock = parse(path.read_bytes()).lock
    assert lock is not None
    assert [pin.hashes for pin in lock.pins if pin.name == "tool"] == [(source.hash,)]


@pytest.mark.usefixtures("measured")
def test_a_source_that_was_replaced_is_not_built(index: Index, tmp_path: Path, cli: Cli) -> None:
    trap = tmp_path / "ran"
    index.add(sdist("tool", "1.0"))
    path = tmp_path / "a.py"
    path.write_text(script("tool", settings=[ALLOW]))
    assert cli("lock", "--here", path).code == 0
    index.add(sdist("tool", "1.0", on_build=f"pathlib.Path({str(trap)!r}).touch()"))

    done = cli("run", path)

    assert (done.code, done.out, trap.exists()) == (NOT_STARTED, "", False)
    assert "tool" in done.err


@pytest.mark.usefixtures("measured")
def test_a_branch_is_locked_to_its_commit_and_that_is_built_and_run(
    tool: Repository, tmp_path: Path, cli: Cli
) -> None:
    commit = tool.commit(unpacked(sdist("tool", "1.0", requires=["part"])))
    path = tmp_path / "a.py"
    path.write_text(script(f"tool @ git+{tool.url}@main", settings=[ALLOW]))

    locked = cli("lock", "--here", path)
    tool.commit(unpacked(sdist("tool", "2.0", requires=["part"])))
    done = cli("run", path)

    assert (locked.code, locked.out) == (0, "+ part 3\n+ tool 1.0\n")
    assert f'# | tool = {{ version = "1.0", git = "{tool.url}", commit = "{commit}" }}\n' in path.read_text()
    assert (done.code, done.out) == (0, SHOWN)
    assert cli("check", path).code == 0


@pytest.mark.usefixtures("measured")
def test_a_commit_stays_with_more_packages_and_a_commit_that_moves_is_told(
    tool: Repository, index: Index, tmp_path: Path, cli: Cli
) -> None:
    files = unpacked(sdist("tool", "1.0", requires=["part"]))
    first = tool.commit(files)
    index.add(wheel("click", "9.0"))
    path = tmp_path / "a.py"
    path.write_text(script(f"tool[more] @ git+{tool.url}@main", settings=[ALLOW]))
    assert cli("lock", "--here", path).code == 0
    second = tool.commit({**files, "tool_more.py": b"print('more')"})
    before = path.read_bytes()

    with_click = cli("run", "--with", "click", path)
    of_second = [lock for lock in cached_locks() if second in lock]
    dry = cli("lock", "--upgrade", "--dry-run", path)
    upgraded = cli("lock", "--upgrade", "--json", path)

    assert (with_click.code, with_click.out, of_second) == (0, f"click 9.0\n{SHOWN}", [])
    assert path.read_bytes() != before
    assert (dry.code, dry.out) == (0, f"~ tool 1.0 ({first[:7]}) -> {second[:7]}\n")
    (told,) = json.loads(upgraded.out)
    assert told["changes"] == [
        {
            "name": "tool",
            "before": ["1.0"],
            "after": ["1.0"],
            "before_commit": first,
            "after_commit": second,
        }
    ]


@pytest.mark.usefixtures("measured")
def test_more_packages_are_had_beside_a_commit_and_told_with_its_line_where_it_is_gone(
    tool: Repository, index: Index, tmp_path: Path, cli: Cli
) -> None:
    asked = f"tool @ git+{tool.url}@main"
    commit = tool.commit(unpacked(sdist("tool", "1.0", requires=["part"])))
    index.add(wheel("top", "1", requires=[asked]), wheel("click", "9.0"))
    path = tmp_path / "a.py"
    path.write_text(script("top", asked, settings=[ALLOW]))
    assert cli("lock", "--here", path).code == 0

    done = cli("run", "--with", "click", path)
    tool.forget()
    gone = cli("run", "--with", "click", "--with", "part>=3", path)

    assert (done.code, done.out) == (0, f"click 9.0\n{SHOWN}top 1\n")
    assert gone.code == NOT_STARTED
    assert gone.err.endswith(
        f":4: tool: git cannot get it: Unable to find {commit} under {tool.url}\n"
        f"hint: if {commit[:7]}, which is locked, is gone: `scriptlock lock --upgrade-package tool`\n"
    )


@pytest.mark.usefixtures("measured")
def test_a_commit_stays_when_something_else_of_the_header_changes(
    tool: Repository, index: Index, tmp_path: Path, cli: Cli
) -> None:
    project = '[project]\nname = "tool"\nversion = "1.0"\ndependencies = ["part"]\n'
    files = {"pyproject.toml": project.encode()}  # nothing has to be built to know that
    first = tool.commit(files)
    index.add(wheel("click", "9.0"), wheel("extra", "1"))
    path = tmp_path / "a.py"
    path.write_text(script(f"tool @ git+{tool.url}@main", settings=[ALLOW]))
    assert cli("lock", "--here", path).code == 0
    tool.tag("v1")
    second = tool.commit({**files, "tool_more.py": b"print('more')"})

    edit(path, "dependencies = [", 'dependencies = ["click", "extra",')
    added = cli("lock", "--here", path)
    upgraded = cli("lock", "--dry-run", "--here", "-P", "click", path)
    edit(path, '"click", "extra",', '"click",')
    removed = cli("lock", "--here", path)
    asked = cli("lock", "--dry-run", "--here", "-P", "tool", path)
    edit(path, "@main", "@v1")
    same = cli("lock", "--dry-run", "--here", path)
    edit(path, "@v1", "")
    other = cli("lock", "--dry-run", "--here", path)

    moved = f"~ tool 1.0 ({first[:7]}) -> {second[:7]}\n"
    assert (added.code, added.out) == (0, "+ click 9.0\n+ extra 1\n")
    assert (upgraded.code, upgraded.out) == (0, "")
    assert (removed.code, removed.out) == (0, "- extra 1\n")
    assert (asked.code, asked.out) == (0, moved)
    assert (same.code, same.out) == (0, "")
    assert (other.code, other.out) == (0, moved)


@pytest.mark.usefixtures("measured")
def test_a_commit_that_is_gone_is_told_when_it_is_to_be_installed(
    tool: Repository, tmp_path: Path, cli: Cli
) -> None:
    commit = tool.commit(unpacked(sdist("tool", "1.0", requires=["part"])))
    path = tmp_path / "a.py"
    path.write_text(script(f"tool @ git+{tool.url}@main", settings=[ALLOW]))
    assert cli("lock", "--here", path).code == 0
    tool.forget()

    done = cli("run", path)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert commit in done.err


def cached_locks() -> set[str]:
    """Return the texts of the locks that the cache keeps."""
    folder = Path(os.environ["SCRIPTLOCK_CACHE_DIR"], "v1/locks")
    return {path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_repository_needs_the_header_s_permission_to_be_locked_and_to_be_installed(
    tool: Repository, tmp_path: Path, cli: Cli
) -> None:
    tool.commit(unpacked(sdist("tool", "1.0", requires=["part"])))
    path = tmp_path / "a.py"
    path.write_text(script(f"tool @ git+{tool.url}"))

    refused = cli("lock", "--here", path)
    edit(path, "# ]\n", f"# ]\n#\n# [tool.scriptlock]\n# {ALLOW}\n")
    assert cli("lock", "--here", path).code == 0
    edit(path, f"#\n# [tool.scriptlock]\n# {ALLOW}\n", "")
    frozen = cli("run", "--frozen", path)

    hint = f"hint: `{ALLOW}` under [tool.scriptlock] has it built from source, which runs its code\n"
    assert refused.code == 2
    assert refused.err.endswith(f":3: tool comes as source, from a repository\n{hint}")
    assert (frozen.code, frozen.out) == (NOT_STARTED, "")
    assert frozen.err.endswith(f"tool comes as source, from a repository\n{hint}")


@pytest.mark.parametrize(
    "reference", ["file:///srv/tool-1.0-py3-none-any.whl", "./tool-1.0-py3-none-any.whl"]
)
def test_a_path_is_refused_at_its_line(index: Index, tmp_path: Path, cli: Cli, reference: str) -> None:
    path = tmp_path / "a.py"
    path.write_text(script(f"tool @ {reference}"))

    done = cli("lock", path)

    assert (done.code, done.out, index.requests) == (2, "", [])
    assert done.err.startswith(
        f"scriptlock: {path}:3: tool is asked for from a path of this machine, which nobody else has\nhint: "
    )
