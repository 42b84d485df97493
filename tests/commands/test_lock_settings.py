"""What a header's ``[tool.scriptlock]`` asks for is done, kept in the footer, and missed when it changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scriptlock import parse
from support.cli import Cli, Done
from support.index import Index
from support.scripts import edit, script
from support.wheels import wheel


@pytest.fixture
def offered(index: Index) -> Index:
    """An index with an old version, one from yesterday, and one that is not finished."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    index.add(wheel("tool", "1.0", requires=["part"]), wheel("part", "1.0"), wheel("part", "2.0"))
    index.add(wheel("tool", "2.0", requires=["part"]), upload_time=f"{yesterday:%Y-%m-%dT%H:%M:%SZ}")
    index.add(wheel("tool", "3.0rc1", requires=["part"]))
    return index


def write(folder: Path, *settings: str) -> Path:
    path = folder / "tool.py"
    path.write_text(script("tool", settings=settings))
    return path


@pytest.mark.parametrize(
    ("setting", "chosen"),
    [
        ('exclude-newer = "2026-06-01"', "+ part 2.0\n+ tool 1.0\n"),
        ('exclude-newer = "7 days"', "+ part 2.0\n+ tool 1.0\n"),
        ('exclude-newer = "1 hour"', "+ part 2.0\n+ tool 2.0\n"),
        ('constraints = ["part<2", "unknown<1"]', "+ part 1.0\n+ tool 2.0\n"),
        ("prereleases = true", "+ part 2.0\n+ tool 3.0rc1\n"),
    ],
)
def test_a_setting_changes_what_is_chosen_and_taking_it_out_makes_the_lock_stale(
    offered: Index, tmp_path: Path, cli: Cli, setting: str, chosen: str
) -> None:
    path = write(tmp_path, setting)

    done = cli("lock", "--here", path)
    fresh = cli("check", path)
    edit(path, f"#\n# [tool.scriptlock]\n# {setting}\n", "")
    stale = cli("check", path)

    assert done == Done(code=0, out=chosen, err="")
    assert fresh == Done(code=0, out="", err="")
    assert (stale.code, stale.err) == (1, f"scriptlock: {path}: the header changed since locking\n")


def test_an_age_is_kept_as_the_moment_it_meant_and_not_counted_again(
    offered: Index, tmp_path: Path, cli: Cli
) -> None:
    path = write(tmp_path, 'exclude-newer = "7 days"')
    before = datetime.now(UTC).replace(microsecond=0) - timedelta(days=7)

    cli("lock", "--here", path)
    after = datetime.now(UTC) - timedelta(days=7)
    text = path.read_text()
    again = cli("lock", "--here", path)

    lock = parse(text).lock
    assert lock is not None
    assert lock.exclude_newer is not None
    assert before <= lock.exclude_newer <= after
    assert re.search(r'(?m)^# \| exclude-newer = "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"$', text)
    assert (again, path.read_text()) == (Done(code=0, out="", err=""), text)


def test_an_index_that_tells_no_upload_times_is_named_where_they_count(tmp_path: Path, cli: Cli) -> None:
    path = write(tmp_path, 'exclude-newer = "7 days"')
    with Index(upload_times=False) as silent:
        silent.add(wheel("tool", "1.0"))

        done = cli("lock", "--here", path, env={"PIP_INDEX_URL": silent.url, "PIP_RETRIES": "0"})

    assert (done.code, done.out) == (2, "")
    assert f"127.0.0.1:{silent.port} does not tell when its files were uploaded" in done.err


def test_the_header_s_index_is_asked_and_named_and_the_configured_one_is_not(
    index: Index, tmp_path: Path, cli: Cli
) -> None:
    index.add(wheel("tool", "9.0"))
    with Index() as other:
        other.add(wheel("tool", "1.0"))
        path = write(tmp_path, f'index-url = "{other.url}"')

        done = cli("lock", "--here", path)

        assert (done, index.requests) == (Done(code=0, out="+ tool 1.0\n", err=""), [])
        assert f'# | index-url = "{other.url}"\n' in path.read_text()
