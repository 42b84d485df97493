"""What a person reads when there is no resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from packaging.version import Version

from scriptlock.errors import (
    ConflictingRequirements,
    IndexUnreachable,
    NoCompatibleWheel,
    NoMatchingVersion,
    PythonExcluded,
    ResolutionError,
    ToolError,
    UnknownPackage,
)
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Request
from support.index import Index, nothing_listens
from support.pages import Answer
from support.resolvers import LINUX, WINDOWS, answer_here, request_for
from support.wheels import Wheel, sdist, wheel

OFFLINE = "a script whose lock is fresh and whose environment is ready runs without any index"


class Forgetful(Index):
    """Lost the metadata that its pages promise."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        return super().answer(path.replace(".metadata", ".lost"), headers)


def broken(name: str, version: str) -> Wheel:
    """Return a wheel with a requirement that nobody can read."""
    whole = wheel(name, version)
    return replace(whole, metadata=whole.metadata + b"Requires-Dist: some thing\n")


def failure_of(request: Request) -> tuple[type[ResolutionError], str, str | None, tuple[str, ...]]:
    with pytest.raises(ResolutionError) as caught:
        PipTools(start=answer_here).resolve(request)
    error = caught.value
    return type(error), str(error), error.hint, error.requirements


def test_a_name_nobody_knows_is_told_with_who_requires_it(index: Index) -> None:
    index.add(wheel("tool", "1.0", requires=["part>=1"]), wheel("part", "1.5", requires=["mising-one"]))

    assert failure_of(request_for("tool; python_version > '3'")) == (
        UnknownPackage,
        "no index knows a package mising-one (required by part 1.5)",
        "check the spelling, and the indexes of pip's configuration",
        ('tool; python_version > "3"',),
    )


def test_versions_that_do_not_fit_are_told_the_newest_first(index: Index) -> None:
    index.add(*(wheel("tool", version) for version in ("1", "2", "3rc1", "4", "5", "6", "7")))

    assert failure_of(request_for("tool>7,<9")) == (
        NoMatchingVersion,
        "no version fits tool<9,>7; there are 7, 6, 5, 4 and 2 more",
        None,
        ("tool<9,>7",),
    )


def test_a_lone_version_that_does_not_fit_is_told(index: Index) -> None:
    index.add(wheel("tool", "1.0", requires=["part==2"]), wheel("part", "1.0rc1"))

    assert failure_of(request_for("tool")) == (
        NoMatchingVersion,
        "no version fits part==2 (required by tool 1.0); there is only 1.0rc1",
        None,
        ("tool",),
    )


def test_what_came_after_exclude_newer_is_told(index: Index) -> None:
    index.add(wheel("tool", "1.0"), upload_time="2025-01-01T00:00:00Z")
    index.add(wheel("tool", "2.0"), upload_time="2026-06-01T00:00:00Z")

    assert failure_of(request_for("tool>1", exclude_newer=datetime(2026, 1, 1, tzinfo=UTC))) == (
        NoMatchingVersion,
        "exclude-newer leaves nothing that fits tool>1: 2.0 came later",
        "choose a later exclude-newer, or an older version",
        ("tool>1",),
    )


def test_an_index_that_does_not_tell_upload_times_cannot_serve_exclude_newer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Index(upload_times=False) as index:
        index.add(wheel("tool", "1.0"))
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        told = failure_of(request_for("tool", exclude_newer=datetime(2026, 1, 1, tzinfo=UTC)))

    assert told == (
        ResolutionError,
        f"127.0.0.1:{index.port} does not tell when its files were uploaded, so exclude-newer cannot hold",
        "remove exclude-newer, or use an index that tells (PEP 700)",
        (),
    )


def test_yanked_versions_alone_are_told(index: Index) -> None:
    index.add(wheel("tool", "1.0"))
    index.add(wheel("tool", "2.0"), wheel("tool", "2.1"), yanked=True)

    assert failure_of(request_for("tool>=2")) == (
        NoMatchingVersion,
        "everything that fits tool>=2 was yanked: 2.1 and 2.0",
        "to have a yanked version anyway, pin it: tool==2.1",
        ("tool>=2",),
    )


def test_another_python_is_told_with_the_newest_version(index: Index) -> None:
    index.add(
        wheel("tool", "1.0", requires_python=">=3.12"), wheel("tool", "2.0", requires_python=">=3.13,<4")
    )

    assert failure_of(request_for("tool")) == (
        PythonExcluded,
        "tool 2.0 needs Python >=3.13,<4, but this is for CPython 3.11 on linux-x86_64",
        "raise requires-python in the header, or ask for an older version",
        ("tool",),
    )


def test_another_python_that_only_the_metadata_tells_is_told_too(index: Index) -> None:
    part = wheel("part", "1.0", requires_python=">=3.12")
    index.add(wheel("tool", "1.0", requires=["part"]), replace(part, requires_python=None))

    assert failure_of(request_for("tool")) == (
        PythonExcluded,
        "part 1.0 needs Python >=3.12, but this is for CPython 3.11 on linux-x86_64",
        "raise requires-python in the header, or ask for an older version",
        ("tool",),
    )


def test_wheels_for_other_pythons_only_are_told(index: Index) -> None:
    index.add(
        *(wheel("tool", "1.0", tag=f"cp3{minor}-cp3{minor}-manylinux_2_17_x86_64") for minor in (9, 10, 14)),
        wheel("tool", "1.0", tag="cp311-cp311-win_amd64"),
    )

    assert failure_of(request_for("tool")) == (
        NoCompatibleWheel,
        "tool 1.0 has no wheel for CPython 3.11 on linux-x86_64, only wheels for CPython 3.9, 3.10, 3.14",
        None,
        ("tool",),
    )


def test_wheels_for_other_platforms_only_are_told(index: Index) -> None:
    index.add(
        wheel("top", "1", requires=["tool"]),
        wheel("tool", "1.0", tag="cp311-cp311-macosx_11_0_arm64"),
        wheel("tool", "1.0", tag="cp311-cp311-musllinux_1_2_x86_64"),
        wheel("tool", "1.0", tag="cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64"),
        sdist("tool", "1.0"),
    )

    kind, reason, hint, requirements = failure_of(request_for("top"))

    assert (kind, requirements) == (NoCompatibleWheel, ("top",))
    assert reason == (
        "tool 1.0 (required by top 1) has no wheel for CPython 3.11 on linux-x86_64, "
        "only wheels for Linux aarch64, Linux x86_64 with musl, macOS arm64"
    )
    assert hint == (
        '`allow-sdist = ["tool"]` under [tool.scriptlock] has it built from source, which runs its code'
    )


def test_a_package_that_comes_as_source_only_is_told(index: Index) -> None:
    index.add(sdist("tool", "1.0"))

    assert failure_of(request_for("tool")) == (
        NoCompatibleWheel,
        "tool 1.0 has no wheel for CPython 3.11 on linux-x86_64, only a source distribution",
        '`allow-sdist = ["tool"]` under [tool.scriptlock] has it built from source, which runs its code',
        ("tool",),
    )


def test_a_conflict_says_who_wants_what(index: Index) -> None:
    index.add(
        wheel("left", "1.0", requires=["part<2"]),
        wheel("right", "5", requires=["part>=3"]),
        *(wheel("part", version) for version in "123"),
    )

    assert failure_of(request_for("left", "right", "part!=7")) == (
        ConflictingRequirements,
        "no version of part satisfies everybody: left 1.0 wants part<2 and right 5 wants part>=3",
        None,
        ("left", "right"),
    )


def test_a_constraint_in_a_conflict_is_named_as_such(index: Index) -> None:
    index.add(wheel("tool", "1.0", requires=["part>=2"]), wheel("part", "1"), wheel("part", "2"))

    kind, reason, _, requirements = failure_of(request_for("tool", constraints=["part<2", "other<1"]))

    assert (kind, requirements) == (ConflictingRequirements, ("part<2", "tool"))
    assert reason == (
        "no version of part satisfies everybody: "
        "a constraint of the header wants part<2 and tool 1.0 wants part>=2"
    )


def test_with_several_targets_the_one_that_failed_is_named(index: Index) -> None:
    index.add(wheel("tool", "1.0", requires=["missing; os_name == 'nt'"]))

    assert failure_of(request_for("tool", targets=(LINUX, WINDOWS)))[:2] == (
        UnknownPackage,
        "for CPython 3.13 on windows-amd64: no index knows a package missing (required by tool 1.0)",
    )


@pytest.mark.parametrize("where", ["index_url", "extra_index_url", "find_links"])
def test_an_index_that_does_not_answer_is_no_empty_index(
    index: Index, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    index.add(wheel("tool", "1.0"))

    with nothing_listens() as url:
        monkeypatch.setenv(f"PIP_{where.upper()}", url)
        told = failure_of(request_for("tool", targets=(LINUX, WINDOWS)))

    host = url.split("/")[2]
    assert told == (IndexUnreachable, f"{host} cannot be reached: Connection refused", OFFLINE, ())


def test_a_host_without_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@index.invalid/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")

    kind, reason, hint, _ = failure_of(request_for("tool"))

    assert (kind, reason.split(": ")[0], hint) == (
        IndexUnreachable,
        "index.invalid cannot be reached",
        OFFLINE,
    )
    assert "secret" not in reason


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT, 429])
def test_an_index_out_of_order_is_told(index: Index, status: int) -> None:
    index.add(wheel("tool", "1.0"))
    index.break_down(status)

    kind, reason, hint, requirements = failure_of(request_for("tool"))

    assert (kind, hint, requirements) == (IndexUnreachable, OFFLINE, ())
    assert f"127.0.0.1:{index.port}" in reason
    assert str(int(status)) in reason


def test_an_index_that_forbids_to_look_is_told_only_if_nobody_else_has_it(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index() as shut:
        shut.break_down(HTTPStatus.FORBIDDEN)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", shut.url)
        told = failure_of(request_for("tool"))
        index.add(wheel("tool", "1.0"))
        (found,) = PipTools(start=answer_here).resolve(request_for("tool"))

    assert told == (
        IndexUnreachable,
        f"no index knows a package tool; 127.0.0.1:{shut.port} refused to say (403)",
        "check the spelling, or user and password in pip's configuration",
        ("tool",),
    )
    assert len(found.choices) == 1


def test_something_that_is_no_index_is_told(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add(wheel("tool", "1.0"))
    index.break_down(HTTPStatus.OK)

    assert failure_of(request_for("tool"))[:2] == (
        IndexUnreachable,
        f"127.0.0.1:{index.port} is no package index: it answered with text/plain",
    )


def test_an_index_that_pip_would_quietly_ignore_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://me:secret@index.invalid:81/simple/")

    assert failure_of(request_for("tool")) == (
        ResolutionError,
        "pip ignores index.invalid:81, which is asked without encryption",
        "use https, or `trusted-host = index.invalid:81` in pip's configuration",
        (),
    )


@pytest.mark.parametrize(
    ("user", "reason", "hint"),
    [
        ("", "asks for credentials (401)", "put them into pip's configuration, or into ~/.netrc"),
        (
            "me:wr0ng@",
            "refused the credentials of pip's configuration (401)",
            "check user and password in pip's configuration",
        ),
    ],
)
def test_credentials_that_are_missing_or_wrong_are_told(
    monkeypatch: pytest.MonkeyPatch, user: str, reason: str, hint: str
) -> None:
    with Index(credentials=("me", "right")) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("://", f"://{user}"))
        told = failure_of(request_for("tool"))

    assert told == (IndexUnreachable, f"127.0.0.1:{index.port} {reason}", hint, ())


def test_a_file_that_the_index_names_but_does_not_have_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Forgetful() as index:
        index.add(wheel("tool", "1.0"))
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        told = failure_of(request_for("tool"))

    missing = "tool-1.0-py3-none-any.whl.metadata"
    reason = f"127.0.0.1:{index.port} has no {missing}: it answered 404"
    assert told == (ResolutionError, reason, None, ())


@pytest.mark.parametrize(("path", "name"), [("tool/", "tool"), ("a/tool.zip/", "tool.zip"), ("", "/")])
def test_a_url_that_names_a_folder_is_told_with_the_line_that_asks_for_it(
    index: Index, path: str, name: str
) -> None:
    asked = f"tool @ http://127.0.0.1:{index.port}/{path}"

    told = failure_of(request_for("top", asked))

    reason = f"127.0.0.1:{index.port} has no {name}: it answered 404"
    assert told == (ResolutionError, reason, None, (asked,))


def test_a_version_that_pip_ignores_for_its_metadata_is_told_with_the_fault(index: Index) -> None:
    index.add(wheel("tool", "0.9"), broken("tool", "1.0"), wheel("top", "2", requires=["tool>=1"]))

    kind, reason, hint, requirements = failure_of(request_for("top"))

    assert (kind, hint, requirements) == (NoMatchingVersion, "ask for another version", ("top",))
    assert reason.startswith("the metadata of tool 1.0 (required by top 2) is invalid: ")
    assert "some thing" in reason


def test_a_version_whose_metadata_says_another_one_is_no_choice(index: Index) -> None:
    liar = replace(wheel("tool", "2.0"), version=Version("1.0"), filename="tool-1.0-py3-none-any.whl")
    index.add(liar)

    assert failure_of(request_for("tool")) == (
        ConflictingRequirements,
        "no choice of versions satisfies everybody: the header wants tool",
        None,
        ("tool",),
    )


def test_a_wheel_that_is_no_archive_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Index(metadata=False) as index:
        index.add(replace(wheel("tool", "1.0"), content=b"<html>Please log in</html>"))
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        kind, reason, _, _ = failure_of(request_for("tool"))

    assert kind is ResolutionError
    assert "tool-1.0-py3-none-any.whl" in reason
    assert "invalid" in reason


def test_a_configuration_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = https://me:s3cr3t@index.example/simple/\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))

    with pytest.raises(ToolError, match="pip's configuration cannot be read") as caught:
        PipTools(start=answer_here).resolve(request_for("tool"))

    assert "s3cr3t" not in str(caught.value)


def test_files_that_are_none_of_the_package_count_for_nothing(index: Index) -> None:
    whole = wheel("tool", "1.0")
    for name in ("other-1.0-py3-none-any.whl", "tool.whl", "tool-one.tar.gz"):
        index.add(replace(whole, filename=name))

    assert failure_of(request_for("tool"))[:2] == (UnknownPackage, "no index knows a package tool")


def test_a_configuration_that_pip_does_not_understand_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_TIMEOUT", "soon")

    with pytest.raises(ToolError) as caught:
        PipTools().resolve(request_for("tool"))

    assert "'soon'" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("TIMEOUT", "option --timeout: invalid floating-point value: 'nonsense:::'"),
        ("KEYRING_PROVIDER", "option --keyring-provider: invalid choice: 'nonsense:::'"),
        ("TRUSTED_HOST", "'nonsense:::' does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_a_configuration_that_pip_does_not_take_is_told(
    index: Index, monkeypatch: pytest.MonkeyPatch, option: str, told: str
) -> None:
    index.add(wheel("tool", "1.0"))
    monkeypatch.setenv(f"PIP_{option}", "nonsense:::")

    with pytest.raises(ToolError) as caught:
        PipTools(start=answer_here).resolve(request_for("tool"))

    assert str(caught.value).startswith(f"pip does not take its configuration: {told}")
    assert "pip's configuration file" in str(caught.value.hint)
