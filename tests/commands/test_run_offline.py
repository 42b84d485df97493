from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.cli import NOT_STARTED, Cli, Done
from support.index import Index, nothing_listens
from support.scripts import RICH_SHOWN, script
from support.warm import HOST

pytestmark = pytest.mark.usefixtures("unmeasured")

TRACED = ["strace", "-f", "-qq", "-e", "trace=socket", "-o"]
FAMILY = re.compile(r"socket\((AF_\w+)")


def sockets(trace: Path) -> list[str]:
    """Return the families of the sockets that were opened, less those to talk to oneself."""
    return [family for family in FAMILY.findall(trace.read_text()) if family not in {"AF_UNIX", "AF_LOCAL"}]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace sees every socket")
@pytest.mark.parametrize("variable", [False, True])
def test_offline_opens_no_socket_whatever_is_missing(
    ready: Path, cli: Cli, tmp_path: Path, *, variable: bool
) -> None:
    options, env = ([], {"SCRIPTLOCK_OFFLINE": "1"}) if variable else (["--offline"], {})
    fresh = {**env, "SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")}
    bare = tmp_path / "bare.py"
    bare.write_text(script("rich"))
    traces = [tmp_path / f"trace{number}" for number in range(5)]

    def traced(*words: str | Path, env: dict[str, str], trace: Path) -> Done:
        return cli(*words, env=env, under=[*TRACED, str(trace)])

    there = traced("run", *options, ready, env=env, trace=traces[0])
    unresolved = traced("run", *options, bare, env=fresh, trace=traces[1])
    unbuilt = traced("run", *options, ready, env=fresh, trace=traces[2])
    unfetched = traced("run", *options, "http://127.0.0.1/a.py", env=env, trace=traces[3])
    unlocked = traced("lock", *options, bare, env=fresh, trace=traces[4])

    assert [sockets(trace) for trace in traces] == [[]] * 5
    assert there == Done(code=0, out=RICH_SHOWN, err="")
    assert [done.code for done in (unresolved, unbuilt, unfetched, unlocked)] == [NOT_STARTED] * 3 + [2]
    assert [
        done.err.partition("\n")[0].partition(": offline, and ")[2] for done in (unresolved, unfetched)
    ] == [
        "its dependencies are not resolved yet",
        "the script would have to be fetched",
    ]
    assert "rich" in unbuilt.err
    assert "idna" in unbuilt.err


def test_the_trace_would_have_shown_a_socket(report: Path, packages: Index, cli: Cli, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace sees every socket")

    cli("lock", report, under=[*TRACED, str(tmp_path / "trace")])

    assert "AF_INET" in sockets(tmp_path / "trace")


def test_nobody_notices_that_the_index_is_gone(
    ready: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.py"
    copy.write_bytes(ready.read_bytes())
    with nothing_listens() as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)

        done = [
            cli("run", ready),
            cli("run", copy),
            cli("run", "--python", str(HOST.executable), ready),
        ]

    assert done == [Done(code=0, out=RICH_SHOWN, err="")] * 3


def test_a_footer_whose_wheels_are_in_the_store_is_built_offline(
    ready: Path, shared_cache: Path, cli: Cli
) -> None:
    for environment in (shared_cache / "v1" / "environments").glob("*/*"):
        shutil.rmtree(environment)

    done = cli("run", "--offline", ready)

    assert done == Done(code=0, out=RICH_SHOWN, err="")


def test_a_script_that_needs_nothing_needs_no_network(tmp_path: Path, packages: Index, cli: Cli) -> None:
    path = tmp_path / "none.py"
    path.write_text(script())

    done = cli("run", "--offline", path)

    assert (done, packages.requests) == (Done(code=0, out="", err=""), [])
