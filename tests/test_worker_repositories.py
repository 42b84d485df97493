"""References to git repositories: pinned to a commit, cloned only where the header allows it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import IndexUnreachable, NoCompatibleWheel, ResolutionError
from scriptlock.model import Pin
from scriptlock.repositories import WHOLE, variables_for_cloning
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Choice
from scriptlock.resolve.static import promised
from support.index import Index, nothing_listens
from support.repositories import Repository, repository
from support.resolvers import LINUX, WINDOWS, answer_here, request_for, versions
from support.wheels import wheel

RESOLVER = PipTools(start=answer_here)
PROJECT = """\
[project]
name = "Tool"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["part; sys_platform == 'win32'"]

[project.optional-dependencies]
more = ["bit>=1", "part<9; os_name == 'nt'"]
"""


@pytest.fixture
def tool(index: Index, tmp_path: Path) -> Iterator[Repository]:
    """A repository of tool, which needs part on Windows, and an index with that."""
    index.add(wheel("part", "3"), wheel("bit", "4"))
    with repository(tmp_path / "tool") as made:
        yield made


def test_a_branch_is_pinned_to_its_commit_for_every_target_and_cloned_once(tool: Repository) -> None:
    commit = tool.commit({"pyproject.toml": PROJECT})
    request = request_for(f"tool[more] @ git+{tool.url}@main", targets=(LINUX, WINDOWS), allow_sdist=["tool"])

    linux, windows = RESOLVER.resolve(request)

    name = canonicalize_name("tool")
    pinned = Choice(name=name, version=Version("1.0"), hashes=(), git=tool.url, commit=commit)
    assert [choice for choice in linux.choices if choice.name == "tool"] == [pinned]
    assert [choice for choice in windows.choices if choice.name == "tool"] == [pinned]
    assert [versions(linux), versions(windows)] == [
        {"bit": "4", "tool": "1.0"},
        {"bit": "4", "part": "3", "tool": "1.0"},
    ]
    assert linux.notes == ("tool 1.0 comes as source: installing it will run its code",)


def test_a_tag_is_pinned_to_the_commit_it_names(tool: Repository) -> None:
    commit = tool.commit({"pyproject.toml": PROJECT})
    tool.tag("v1")
    tool.commit({"more.txt": "later"})

    (found,) = RESOLVER.resolve(request_for(f"tool @ git+{tool.url}@v1", allow_sdist=["tool"]))

    assert [choice.commit for choice in found.choices] == [commit]


def test_what_only_a_build_can_tell_is_not_guessed_for_other_platforms(tool: Repository) -> None:
    tool.commit({"pyproject.toml": PROJECT.replace('version = "1.0"', 'dynamic = ["version"]')})
    request = request_for(f"tool @ git+{tool.url}", targets=(WINDOWS,), allow_sdist=["tool"])

    with pytest.raises(NoCompatibleWheel, match="only building it there tells what it requires"):
        RESOLVER.resolve(request)


REFUSED = {
    "tool @ git+https://me:s3cr3t@host.invalid/tool.git@v1": "tool comes as source, from a repository",
    "part @ hg+https://host.invalid/tool": "part is asked for by hg+https, which a lock cannot pin",
    "part @ git+https://host.invalid/x.git#subdirectory=a": (
        "part is asked for from a part of a repository, which a lock cannot pin"
    ),
    "part @ git+file:///srv/x": "part is asked for from a path of this machine, which nobody else has",
    "part @ file:///srv/part-1-py3-none-any.whl": (
        "part is asked for from a path of this machine, which nobody else has"
    ),
}


@pytest.mark.parametrize(("requirement", "reason"), REFUSED.items())
def test_what_a_lock_cannot_pin_is_refused_before_anybody_is_asked(
    index: Index, requirement: str, reason: str
) -> None:
    with pytest.raises(ResolutionError) as caught:
        RESOLVER.resolve(request_for(requirement, allow_sdist=["part"]))

    assert (str(caught.value), caught.value.requirements, index.requests) == (reason, (requirement,), [])
    assert "s3cr3t" not in f"{caught.value} {caught.value.hint}"


def test_a_repository_that_only_a_dependency_asks_for_is_not_cloned(tool: Repository, index: Index) -> None:
    tool.commit({"pyproject.toml": PROJECT})
    index.add(wheel("top", "1", requires=[f"tool @ git+{tool.url}"]))

    with pytest.raises(ResolutionError, match="is a repository that the header does not ask for"):
        RESOLVER.resolve(request_for("top", allow_sdist=["tool"]))
    (found,) = RESOLVER.resolve(request_for("top", f"tool @ git+{tool.url}", allow_sdist=["tool"]))

    assert versions(found) == {"tool": "1.0", "top": "1"}


def test_what_git_cannot_get_is_told_once_in_its_own_words_and_with_what_asks_for_it(
    tool: Repository,
) -> None:
    tool.commit({"pyproject.toml": PROJECT})
    check = "check the URL"
    access = f"{check}, the connection, and the proxy and certificates of git's configuration"
    login = f"{check}; if the repository needs a login, git's credential helper has to know it"
    there = "behind the `@` of its URL, name a branch, a tag or a whole commit that is there"

    with nothing_listens() as nobody, Index(credentials=("me", "another")) as private:
        for url, words, hint in (
            (f"{tool.url}@nope", "pathspec 'nope' did not match any file", there),
            (f"{tool.url}x", f"repository '{tool.url}x/' not found", check),
            (f"{nobody}tool", f"unable to access '{nobody}tool/': ", access),
            (f"{private.url}tool", "could not read Username for 'http://", login),
            (
                private.url.replace("://", "://me:s3cr3t@") + "tool",
                "Authentication failed for 'http://",
                login,
            ),
        ):
            requirement = f"tool @ git+{url}"
            with pytest.raises(IndexUnreachable) as caught:
                RESOLVER.resolve(request_for(requirement, targets=(LINUX, WINDOWS), allow_sdist=["tool"]))

            error = caught.value
            assert str(error).startswith(f"tool: git cannot get it: {words}")
            assert (error.hint, error.requirements) == (hint, (requirement,))
            assert "s3cr3t" not in f"{error} {error.hint}"
            assert tempfile.gettempdir() not in str(error)


def test_a_commit_that_is_kept_is_taken_whatever_the_branch_has_now(tool: Repository) -> None:
    first = tool.commit({"pyproject.toml": PROJECT})
    tool.commit({"pyproject.toml": PROJECT.replace("1.0", "2.0")})
    kept = Pin(name=canonicalize_name("tool"), version=Version("1.0"), git=tool.url, commit=first)
    requirement = f"tool[more] @ git+{tool.url}@main"

    def taken(*pins: Pin) -> list[str]:
        request = request_for(requirement, targets=(LINUX, WINDOWS), preferred=pins, allow_sdist=["tool"])
        return [versions(one)["tool"] for one in RESOLVER.resolve(request)]

    assert taken() == ["2.0", "2.0"]
    assert taken(kept) == ["1.0", "1.0"]
    assert taken(replace(kept, marker=Marker("os_name == 'nt'"))) == ["2.0", "1.0"]


def test_a_commit_is_kept_for_those_too_who_require_the_same_as_the_header(
    tool: Repository, index: Index
) -> None:
    first = tool.commit({"pyproject.toml": PROJECT})
    tool.commit({"pyproject.toml": PROJECT.replace("1.0", "2.0")})
    tool.tag("v2")
    kept = Pin(name=canonicalize_name("tool"), version=Version("1.0"), git=tool.url, commit=first)
    index.add(
        wheel("top", "1", requires=[f"tool[more] @ git+{tool.url}@main"]),
        wheel("other", "1", requires=[f"tool @ git+{tool.url}@v2"]),
    )

    def asking_for(name: str) -> list[dict[str, str]]:
        request = request_for(
            name,
            f"tool @ git+{tool.url}@main",
            targets=(LINUX, WINDOWS),
            preferred=(kept,),
            allow_sdist=["tool"],
        )
        return [versions(one) for one in RESOLVER.resolve(request)]

    linux = {"bit": "4", "tool": "1.0", "top": "1"}
    assert asking_for("top") == [linux, {**linux, "part": "3"}]
    with pytest.raises(ResolutionError, match="@v2 is a repository that the header does not ask for"):
        asking_for("other")


def test_what_a_commit_that_is_kept_contradicts_is_told_with_how_to_let_it_move(
    tool: Repository, index: Index
) -> None:
    project = PROJECT.replace("part; sys_platform == 'win32'", "part<4")
    first = tool.commit({"pyproject.toml": project})
    tool.commit({"pyproject.toml": project.replace("<4", ">=4").replace("1.0", "2.0")})
    index.add(wheel("part", "4"), wheel("new", "1", requires=["part>=4"]))
    kept = Pin(name=canonicalize_name("tool"), version=Version("1.0"), git=tool.url, commit=first)
    wanted = ("new", f"tool @ git+{tool.url}@main")

    with pytest.raises(ResolutionError, match=r"new 1 wants part>=4 and tool 1\.0 wants part<4") as caught:
        RESOLVER.resolve(request_for(*wanted, preferred=(kept,), allow_sdist=["tool"]))
    (moved,) = RESOLVER.resolve(request_for(*wanted, allow_sdist=["tool"]))

    assert caught.value.hint == (
        f"tool stays at {first[:7]}, unless by `scriptlock lock --upgrade-package tool`"
    )
    assert versions(moved) == {"new": "1", "part": "4", "tool": "2.0"}


def test_a_commit_that_is_not_there_is_told(tool: Repository) -> None:
    commit = tool.commit({"pyproject.toml": PROJECT})
    tool.forget()
    kept = Pin(name=canonicalize_name("tool"), version=Version("1.0"), git=tool.url, commit=commit)
    asked, branch = (f"tool @ git+{tool.url}@{revision}" for revision in (commit, "main"))
    there = "behind the `@` of its URL, name a branch, a tag or a whole commit that is there"
    anew = f"if {commit[:7]}, which is locked, is gone: `scriptlock lock --upgrade-package tool`"

    for requirement, preferred, hint in (
        (asked, (), there),
        (asked, (kept,), there),
        (branch, (kept,), anew),
    ):
        with pytest.raises(IndexUnreachable) as caught:
            RESOLVER.resolve(request_for(requirement, preferred=preferred, allow_sdist=["tool"]))

        assert str(caught.value) == f"tool: git cannot get it: Unable to find {commit} under {tool.url}"
        assert (caught.value.hint, caught.value.requirements) == (hint, (requirement,))


def test_only_of_a_server_that_knows_nothing_of_git_all_is_cloned_at_once(tool: Repository) -> None:
    tool.commit({"pyproject.toml": PROJECT})

    with nothing_listens() as nobody:
        assert variables_for_cloning(f"{nobody}tool") == WHOLE  # it does not matter
    assert variables_for_cloning(tool.url) == WHOLE
    assert variables_for_cloning(f"file://{tool.folder}") == {}


def test_a_host_that_does_not_answer_is_told_with_the_references_to_it(index: Index) -> None:
    index.add(wheel("part", "1"))
    with nothing_listens() as nobody:
        requirement = f"tool @ {nobody}tool-1.0-py3-none-any.whl"
        with pytest.raises(IndexUnreachable, match="cannot be reached") as caught:
            RESOLVER.resolve(request_for(requirement, "part"))

    assert caught.value.requirements == (requirement,)


def test_a_project_promises_what_its_table_says() -> None:
    assert promised(PROJECT.encode()) == (
        b"Metadata-Version: 2.2\nName: Tool\nVersion: 1.0\nRequires-Python: >=3.9\n"
        b'Requires-Dist: part; sys_platform == "win32"\nProvides-Extra: more\n'
        b'Requires-Dist: bit>=1 ; extra == "more"\n'
        b'Requires-Dist: part<9 ; (os_name == "nt") and extra == "more"\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[project]\nname = 'x'\n",
        "[project]\nname = 'x'\nversion = '1'\ndynamic = ['dependencies']\n",
        "[project]\nname = 'x'\nversion = '1'\ndependencies = ['b!!!d']\n",
        "[project]\nname = 'x'\nversion = '1'\ndependencies = 3\n",
        "project = 1\n",
        "not toml",
        "\udc80",
    ],
)
def test_a_project_that_leaves_something_open_promises_nothing(text: str) -> None:
    assert promised(text.encode("utf-8", "surrogateescape")) is None
