"""Source distributions: whose code runs, and when."""

from __future__ import annotations

import io
import platform
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.tags import sys_tags

from scriptlock.errors import NoCompatibleWheel, ResolutionError
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Choice, Resolution
from scriptlock.targets import Target, host_target, make_target
from support.index import Index
from support.pages import Answer
from support.resolvers import answer_here, request_for, versions
from support.wheels import Sdist, sdist, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

RESOLVER = PipTools(start=answer_here)
HERE: Target = host_target(
    {str(k): str(v) for k, v in default_environment().items()}, list(map(str, sys_tags()))
)
ELSEWHERE = make_target("windows-arm64" if platform.machine() != "ARM64" else "linux-x86_64", (3, 11))
ALLOW = '`allow-sdist = ["tool"]` under [tool.scriptlock] has it built from source, which runs its code'


@dataclass(frozen=True, slots=True)
class Trap:
    """Notices when code of a source distribution runs."""

    path: Path

    @property
    def code(self) -> str:
        return f"pathlib.Path({str(self.path)!r}).touch()"

    @property
    def has_sprung(self) -> bool:
        return self.path.exists()


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path / "sprung")


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("requirement", ["tool", "top", "tool @ {files}tool-1.0.tar.gz", "direct"])
def test_no_code_of_a_source_runs_unless_its_name_is_allowed(
    index: Index, trap: Trap, requirement: str, *, static: bool
) -> None:
    files = index.url.replace("/simple/", "/files/")
    index.add(
        sdist("tool", "1.0", static=static, on_build=trap.code),
        wheel("top", "1.0", requires=["tool"]),
        wheel("direct", "1.0", requires=[f"tool @ {files}tool-1.0.tar.gz"]),
    )

    with pytest.raises(NoCompatibleWheel) as caught:
        RESOLVER.resolve(request_for(requirement.format(files=files), targets=[HERE], allow_sdist=["other"]))

    assert caught.value.hint == ALLOW
    assert caught.value.requirements == (requirement.format(files=files),)
    assert not trap.has_sprung


@pytest.mark.parametrize("target", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
def test_static_metadata_is_believed_and_no_code_runs(index: Index, trap: Trap, target: Target) -> None:
    tool, part = sdist("tool", "1.0", requires=["part"], on_build=trap.code), wheel("part", "2")
    index.add(tool, part)

    found = RESOLVER.resolve(request_for("tool", targets=[target], allow_sdist=["tool"]))

    assert found == (
        Resolution(
            target=target,
            choices=(
                Choice(name=part.name, version=part.version, hashes=(part.hash,)),
                Choice(name=tool.name, version=tool.version, hashes=(tool.hash,)),
            ),
            notes=("tool 1.0 comes as source: installing it will run its code",),
        ),
    )
    assert not trap.has_sprung


def test_an_allowed_source_is_built_for_the_machine_at_hand_and_that_is_told(
    index: Index, trap: Trap
) -> None:
    index.add(sdist("tool", "1.0", requires=["part"], static=False, on_build=trap.code), wheel("part", "2"))

    (found,) = RESOLVER.resolve(request_for("tool", targets=[HERE], allow_sdist=["tool"]))

    assert versions(found) == {"part": "2", "tool": "1.0"}
    assert found.notes == (
        "tool 1.0 was built from source to learn what it requires, which ran its code",
        "tool 1.0 comes as source: installing it will run its code",
    )
    assert trap.has_sprung


def test_an_allowed_source_is_never_built_for_another_machine(index: Index, trap: Trap) -> None:
    index.add(sdist("tool", "1.0", static=False, on_build=trap.code), wheel("top", "1.0", requires=["tool"]))

    with pytest.raises(NoCompatibleWheel) as caught:
        RESOLVER.resolve(request_for("top", targets=[ELSEWHERE], allow_sdist=["tool"]))

    assert str(caught.value) == (
        f"tool 1.0 has no wheel for {ELSEWHERE}, and only building it there tells what it requires"
    )
    assert caught.value.requirements == ("top",)
    assert not trap.has_sprung


def test_a_wheel_is_taken_before_a_source_of_the_same_version(index: Index, trap: Trap) -> None:
    built = wheel("tool", "1.0")
    index.add(sdist("tool", "1.0", static=False, on_build=trap.code), built)

    (found,) = RESOLVER.resolve(request_for("tool", targets=[HERE], allow_sdist=["tool"]))

    assert [choice.hashes for choice in found.choices] == [(built.hash,)]
    assert not trap.has_sprung


def test_metadata_that_is_partly_dynamic_is_static_enough_if_the_rest_is(index: Index, trap: Trap) -> None:
    index.add(repacked(sdist("tool", "1.0", on_build=trap.code), b"Dynamic: Description\n"))

    (found,) = RESOLVER.resolve(request_for("tool", targets=[ELSEWHERE], allow_sdist=["tool"]))

    assert versions(found) == {"tool": "1.0"}


@pytest.mark.parametrize("line", [b"Dynamic: requires-dist\n", b"Dynamic: Requires-Python\n"])
def test_metadata_that_is_dynamic_where_it_counts_is_not_believed(
    index: Index, trap: Trap, line: bytes
) -> None:
    index.add(repacked(sdist("tool", "1.0", on_build=trap.code), line))

    with pytest.raises(NoCompatibleWheel):
        RESOLVER.resolve(request_for("tool", targets=[ELSEWHERE], allow_sdist=["tool"]))


@pytest.mark.parametrize("version", ["unknown", None])
def test_metadata_of_an_unknown_version_is_not_believed(
    index: Index, trap: Trap, version: str | None
) -> None:
    told = f"Metadata-Version: {version}\nName: tool\nVersion: 1.0\n" if version else ""
    index.add(repacked(sdist("tool", "1.0", on_build=trap.code), instead=told.encode()))

    with pytest.raises(NoCompatibleWheel):
        RESOLVER.resolve(request_for("tool", targets=[ELSEWHERE], allow_sdist=["tool"]))


def test_a_build_that_fails_is_told_with_its_last_line(index: Index) -> None:
    broken = "raise RuntimeError('no compiler at https://me:secret@host/')"
    index.add(sdist("tool", "1.0", static=False, on_build=broken), wheel("top", "1.0", requires=["tool"]))

    with pytest.raises(ResolutionError) as caught:
        RESOLVER.resolve(request_for("top", targets=[HERE], allow_sdist=["tool"]))

    assert str(caught.value) == (
        "tool cannot be built from source: RuntimeError: no compiler at https://****@host/"
    )
    assert caught.value.requirements == ("top",)


class Watchful(Index):
    """Looks at all command lines of this machine whenever it is asked."""

    seen = b""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it is gone
                self.seen += process.read_bytes()
        return super().answer(path, headers)


def test_passwords_of_indexes_are_in_no_command_line_and_seen_by_no_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environ = tmp_path / "environ"
    look = f"import os, pathlib\npathlib.Path({str(environ)!r}).write_text(repr(os.environ))"
    tool = repacked(sdist("tool", "1.0", static=False), requires=["maker"], on_build="import maker")

    with Watchful(credentials=("me", "s3cr3t")) as index:
        index.add(tool, wheel("maker", "1.0", files={"maker/__init__.py": look}))
        monkeypatch.setenv("PIP_INDEX_URL", index.url_with_credentials)
        (found,) = PipTools().resolve(request_for("tool", targets=[HERE], allow_sdist=["tool"]))

    assert versions(found) == {"tool": "1.0"}
    assert b"s3cr3t" not in index.seen
    assert "s3cr3t" not in environ.read_text()


def repacked(
    source: Sdist,
    more: bytes = b"",
    *,
    instead: bytes | None = None,
    requires: Sequence[str] = (),
    on_build: str = "",
) -> Sdist:
    """Return the source with another PKG-INFO, or with more that a build needs and does."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(source.content)) as old,
        tarfile.open(fileobj=packed, mode="w:gz") as new,
    ):
        for entry in old:
            file = old.extractfile(entry)
            assert file is not None
            content = file.read()
            if entry.name.endswith("PKG-INFO"):
                content = content + more if instead is None else instead
            if entry.name.endswith("pyproject.toml"):
                content = content.replace(b"requires = []", f"requires = {list(requires)}".encode(), 1)
            if entry.name.endswith("backend.py"):
                content += f"{on_build}\n".encode()
            entry.size = len(content)
            new.addfile(entry, io.BytesIO(content))
    return Sdist(
        name=source.name,
        version=source.version,
        filename=source.filename,
        content=packed.getvalue(),
        metadata=source.metadata + more,
    )
