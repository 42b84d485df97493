"""Direct references: ``name @ URL``."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptlock.errors import ConflictingRequirements, NoCompatibleWheel, ResolutionError
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Choice, Resolution
from support.index import Index
from support.resolvers import LINUX, answer_here, pin, request_for, versions
from support.wheels import Wheel, wheel

RESOLVER = PipTools(start=answer_here)
TOOL = wheel("tool", "1.0", requires=["part"], extras={"more": ["bit"]})
PART, BIT = wheel("part", "3"), wheel("bit", "4")


@pytest.fixture
def files(index: Index) -> str:
    """The URL of the folder with all files of the index."""
    index.add(TOOL, PART, BIT, wheel("tool", "2.0"))
    return index.url.replace("/simple/", "/files/")


def choice(file: Wheel, url: str | None = None) -> Choice:
    return Choice(name=file.name, version=file.version, hashes=(file.hash,), url=url)


def test_a_wheel_by_its_url_is_pinned_by_url_and_hash(files: str) -> None:
    url = files + TOOL.filename

    found = RESOLVER.resolve(request_for(f"tool @ {url}"))

    assert found == (Resolution(target=LINUX, choices=(choice(PART), choice(TOOL, url))),)


def test_extras_of_a_direct_reference_are_followed(files: str) -> None:
    (found,) = RESOLVER.resolve(request_for(f"tool[more] @ {files}{TOOL.filename}", "tool>=1"))

    assert versions(found) == {"bit": "4", "part": "3", "tool": "1.0"}


def test_user_password_query_and_fragment_are_no_part_of_the_pin_and_the_query_is_told(files: str) -> None:
    secret = f"{files.replace('://', '://me:s3cr3t@')}{TOOL.filename}?token=t0k3n#sha256={TOOL.sha256}"

    (found,) = RESOLVER.resolve(request_for(f"tool @ {secret}"))

    assert found.choices == (choice(PART), choice(TOOL, files + TOOL.filename))
    assert found.notes == (
        f"the query of {files}{TOOL.filename} is left out of the lock, since it may be secret",
    )


def test_a_direct_reference_of_a_dependency_is_pinned_by_url(files: str, index: Index) -> None:
    top = wheel("top", "1", requires=[f"tool @ {files}{TOOL.filename}"])
    index.add(top)

    found = RESOLVER.resolve(request_for("top"))

    choices = (choice(PART), choice(TOOL, files + TOOL.filename), choice(top))
    assert found == (Resolution(target=LINUX, choices=choices),)


def test_a_pin_of_another_version_does_not_hold_a_direct_reference_back(files: str) -> None:
    requirement = f"tool @ {files}{TOOL.filename}"

    (found,) = RESOLVER.resolve(request_for(requirement, preferred=[pin("tool", "2.0"), pin("part", "2")]))

    assert versions(found) == {"part": "3", "tool": "1.0"}


def test_a_direct_reference_in_a_conflict_is_named_by_its_file(files: str) -> None:
    requirement = f"tool @ {files}{TOOL.filename}"

    with pytest.raises(ConflictingRequirements) as caught:
        RESOLVER.resolve(request_for(requirement, "tool>=2"))

    assert str(caught.value) == (
        "no version of tool satisfies everybody: the header wants tool-1.0-py3-none-any.whl "
        "and the header wants tool>=2"
    )
    assert caught.value.requirements == (requirement, "tool>=2")


UNPINNABLE = {
    "tool @ {files}tool.whl": "tool.whl is not how wheels are named (PEP 427)",
    "part @ {files}tool-1.0-py3-none-any.whl": ("tool-1.0-py3-none-any.whl is a wheel of tool, not of part"),
    "tool @ {secret}tool-9-py3-none-any.whl?t=s3cr3t": (
        "{host} has no tool-9-py3-none-any.whl: it answered 404"
    ),
    f"tool @ {{secret}}tool-1.0-py3-none-any.whl?t=s3cr3t#sha256={'0' * 64}": (
        "tool-1.0-py3-none-any.whl is not the file that its hash promises"
    ),
}


@pytest.mark.parametrize(("requirement", "reason"), UNPINNABLE.items())
@pytest.mark.parametrize("place", ["requirement", "constraint"])
def test_a_direct_reference_that_cannot_be_pinned_is_told_without_secrets(
    files: str, requirement: str, reason: str, place: str
) -> None:
    host = files.split("/")[2]
    secret = files.replace("://", "://me:s3cr3t@")
    text = requirement.format(files=files, secret=secret)
    asked = (text,) if place == "requirement" else ("tool", "part")

    with pytest.raises(ResolutionError) as caught:
        RESOLVER.resolve(request_for(*asked, constraints=[text] if place == "constraint" else []))

    assert str(caught.value) == reason.format(host=host)
    assert "s3cr3t" not in str(caught.value)


def test_a_wheel_for_another_platform_is_told(files: str) -> None:
    requirement = f"tool @ {files}tool-1.0-cp39-cp39-win_amd64.whl?t=s3cr3t"

    with pytest.raises(NoCompatibleWheel) as caught:
        RESOLVER.resolve(request_for("part", requirement))

    assert str(caught.value) == (
        "tool-1.0-cp39-cp39-win_amd64.whl is no wheel for CPython 3.11 on linux-x86_64"
    )
    assert caught.value.requirements == (requirement,)


@pytest.mark.parametrize("reference", ["file:///", "{wheel}"])
def test_what_a_dependency_refers_to_on_this_machine_is_neither_built_nor_pinned(
    files: str, index: Index, tmp_path: Path, reference: str
) -> None:
    path = tmp_path / TOOL.filename
    path.write_bytes(TOOL.content)
    index.add(wheel("top", "1", requires=[f"tool @ {reference.format(wheel=path.as_uri())}"]))

    with pytest.raises(ResolutionError) as caught:
        RESOLVER.resolve(request_for("top", allow_sdist=["tool"]))

    assert str(caught.value) in {
        "tool is asked for from a path of this machine, which nobody else has",
        "tool comes from a folder, which a lock cannot pin",
    }
    assert caught.value.requirements == ("top",)
