from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scriptlock.errors import InvalidScript
from scriptlock.header import read_header
from scriptlock.script import parse
from scriptlock.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def settings(*lines: str) -> Settings:
    """Return the settings of a header whose ``[tool.scriptlock]`` has these lines, the first on line 4."""
    return read_header("\n[tool.scriptlock]\n" + "".join(f"{line}\n" for line in lines), 1).settings


def test_every_setting_is_read() -> None:
    read = settings(
        "required = true",
        'environments = ["linux", "macos-arm64", "os_name==\'nt\'"]',
        'exclude-newer = "7 days"',
        'index-url = "https://index.example/simple/"',
        'constraints = ["urllib3<3"]',
        "prereleases = true",
        'allow-sdist = ["Some_Name"]',
    )

    assert read == Settings(
        required=True,
        environments=("linux", "macos-arm64", 'os_name == "nt"'),
        exclude_newer="7 days",
        index_url="https://index.example/simple/",
        constraints=(Requirement("urllib3<3"),),
        prereleases=True,
        allow_sdist=frozenset({canonicalize_name("some-name")}),
    )


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("versoin = 1", "[tool.scriptlock] has no setting 'versoin'"),
        ("required = 1", "required is neither true nor false"),
        ('prereleases = "yes"', "prereleases is neither true nor false"),
        ('environments = "linux"', "environments is not a list of strings"),
        ("environments = [1]", "environments is not a list of strings"),
        ('environments = ["amiga"]', "'amiga' names no environment"),
        ("environments = [\"sys_platform ~= 'x'\"]", "\"sys_platform ~= 'x'\" names no environment"),
        (
            "constraints = [\"a; os_name === 'x'\"]",
            "\"a; os_name === 'x'\" is no requirement: its marker compares",
        ),
        ('allow-sdist = [""]', "allow-sdist: '' is no package name"),
        (f'environments = ["{"(" * 3000}"]', "'(((((((("),
        ("exclude-newer = 2026-11-01", "exclude-newer is not a string"),
        ('exclude-newer = "a week"', "exclude-newer is neither a date nor an age: 'a week'"),
        ('exclude-newer = "2026-02-30"', "exclude-newer is neither a date nor an age"),
        ('index-url = "simple"', "index-url is not an http, https or file URL"),
        ('index-url = "ftp://x/"', "index-url is not an http, https or file URL"),
        ('index-url = "https://"', "index-url is not an http, https or file URL"),
        ('index-url = "https://[x"', "index-url is not a URL"),
        ('index-url = "https://x:abc/"', "index-url is not a URL"),
        ('index-url = "https://me:secret@x/"', "index-url carries credentials"),
        ('index-url = "https://secret@x/"', "index-url carries credentials"),
        ('index-url = "https://x/?token=secret"', "index-url carries credentials"),
        ("index-url = 3", "index-url is not a string"),
        ('constraints = ["-c file"]', "'-c file' is an option, not a requirement"),
        ('constraints = ["??"]', "'??' is no requirement"),
        ('allow-sdist = ["a b"]', "allow-sdist: 'a b' is no package name"),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_line(setting: str, reason: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        settings("# comment", setting)

    assert str(caught.value).startswith(reason)
    assert caught.value.line == 5
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "line", "reason"),
    [
        ("tool = 1", 3, "tool is not a table"),
        ("[tool]\nscriptlock = 1", 4, "tool.scriptlock is not a table"),
        (
            "[tool.uv]\npython = 1\n[tool.scriptlock]\npython = 1",
            6,
            "[tool.scriptlock] has no setting 'python'",
        ),
        ("[tool]\nscriptlock = { python = 1 }", 4, "[tool.scriptlock] has no setting 'python'"),
        ("tool = { scriptlock.python = 1 }", 3, "[tool.scriptlock] has no setting 'python'"),
        ("[tool.scriptlock.python]\nx = 1", 3, "[tool.scriptlock] has no setting 'python'"),
    ],
)
def test_the_line_is_found_however_the_table_is_written(toml: str, line: int, reason: str) -> None:
    header = read_header(f"{toml}\n", 2)

    with pytest.raises(InvalidScript) as caught:
        _ = header.settings

    assert (str(caught.value), caught.value.line) == (reason, line)


def test_a_header_with_wrong_settings_can_still_be_looked_at() -> None:
    script = parse("# /// script\n# dependencies = ['six']\n# [tool.scriptlock]\n# python = 3\n# ///\n")

    assert script.header is not None
    assert [str(requirement) for requirement in script.header.dependencies] == ["six"]
    assert [(notice.line, notice.message) for notice in script.warnings] == [
        (4, "[tool.scriptlock] has no setting 'python'")
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("7 days", datetime(2026, 11, 13, 12, tzinfo=UTC)),
        ("1 week", datetime(2026, 11, 13, 12, tzinfo=UTC)),
        ("36 hours", datetime(2026, 11, 19, tzinfo=UTC)),
    ],
)
def test_a_cooldown_is_a_moment(text: str, moment: datetime) -> None:
    read = settings(f'exclude-newer = "{text}"')

    assert read.cutoff(NOW) == moment
    assert read.cutoff(NOW.astimezone(timezone(timedelta(hours=5)))) == moment


def test_without_a_cooldown_nothing_is_left_out() -> None:
    assert settings().cutoff(NOW) is None
