"""Every write, sync and rename may fail, and so may every lock; strace lets them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import scriptlock
from faults.locks import Locked
from support.cli import Cli, Done, command
from support.scripts import script

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

WRITING = (
    "write pwrite64 fsync fdatasync rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat"
)
"""The calls that can find a disk full, broken or read-only; ``openat`` is left out, which mostly reads."""
ERRORS = ("ENOSPC", "EIO", "EROFS")
DOCUMENTED = {0, 2, 3, 4, 125}


@pytest.fixture(scope="module", autouse=True)
def _can_trace() -> None:
    if subprocess.run([*injecting("flock:error=EIO"), "true"], capture_output=True, check=False).returncode:
        pytest.skip("processes cannot be traced here")


def injecting(*faults: str) -> list[str]:
    """Return what starts a command so that calls fail, in all of its processes."""
    words = [word for fault in faults for word in ("-e", f"inject={fault}")]
    traced = ",".join(fault.partition(":")[0] for fault in faults)
    return ["strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={traced}", "-o", os.devnull, *words]


def is_told(done: Done) -> bool:
    """Return whether a command ended as documented, and no exception of ours was left to Python to tell."""
    return done.code in DOCUMENTED and not re.search("^Traceback", done.err, re.MULTILINE)


def is_told_by_python(done: Done) -> bool:
    """Return whether it was the script, and not scriptlock, that could not write."""
    return done.code in {1, 120} and str(Path(scriptlock.__file__).parent) not in done.err


def counted(words: Sequence[str | Path], log: Path, env: dict[str, str]) -> dict[str, int]:
    """Run the command, and return for each call how often the process that does it most does it."""
    argv = ["strace", "-ff", "-qq", "-o", str(log), "-e", f"trace={WRITING.replace(' ', ',')}"]
    subprocess.run(
        [*argv, *command(*words)], env={**os.environ, **env}, capture_output=True, check=True, timeout=300
    )
    most: dict[str, int] = {}
    for path in log.parent.glob(f"{log.name}.*"):
        calls = re.findall(r"^(\w+)\(", path.read_text("utf-8", "replace"), re.MULTILINE)
        for call in set(calls):
            most[call] = max(most.get(call, 0), calls.count(call))
    return most


def chosen(most: dict[str, int], share: float) -> list[tuple[str, int]]:
    """Return calls by name and number: the first and last of each, and that share of the rest."""
    found = []
    for call, count in sorted(most.items()):
        step = max(1, round(1 / share)) if share else max(1, count)
        found += [(call, number) for number in sorted({1, count, *range(1, count + 1, step)})]
    return found


def test_whatever_call_of_a_build_fails_nothing_half_made_is_trusted(
    demo: Locked, tmp_path: Path, cli: Cli, minutes: float
) -> None:
    calls = [("fsync", 1), ("rename", 1)]
    if minutes:
        cache = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "counted")}
        calls = chosen(counted(["run", demo.path], tmp_path / "log", cache), min(1.0, minutes / 10))

    codes: dict[int, int] = {}
    for number, (call, when) in enumerate(calls):
        error = ERRORS[number % len(ERRORS)]
        env = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / f"cache-{number}")}
        failed = cli("run", demo.path, env=env, under=injecting(f"{call}:error={error}:when={when}"))
        codes[failed.code] = codes.get(failed.code, 0) + 1
        after = cli("run", demo.path, env=env)
        told = (call, when, error, failed)
        assert is_told(failed) or (call == "write" and is_told_by_python(failed)), told
        assert failed.code or demo.is_right(failed.out), told
        assert (after.code, demo.is_right(after.out)) == (0, True), (told, after)
        assert demo.path.read_bytes() == demo.text, told
        shutil.rmtree(tmp_path / f"cache-{number}", ignore_errors=True)

    print(json.dumps({"failed calls of a build": len(calls), "codes": codes}))  # noqa: T201


def test_whatever_call_of_a_lock_fails_the_script_stays_whole(
    demo: Locked, tmp_path: Path, cli: Cli, minutes: float
) -> None:
    bare = script("demo").encode()
    path = tmp_path / "lock.py"
    path.write_bytes(bare)
    calls = [("fsync", 1)]
    if minutes:
        calls = chosen(counted(["lock", path], tmp_path / "log", {}), min(1.0, minutes / 10))
    path.write_bytes(bare)
    cli("lock", path)
    locked = path.read_bytes()

    codes: dict[int, int] = {}
    for number, (call, when) in enumerate(calls):
        error = ERRORS[number % len(ERRORS)]
        path.write_bytes(bare)
        failed = cli("lock", path, under=injecting(f"{call}:error={error}:when={when}"))
        codes[failed.code] = codes.get(failed.code, 0) + 1
        told = (call, when, error, failed)
        text = path.read_bytes()
        assert is_told(failed), told
        assert text in {bare, locked} if failed.code else text == locked, told

    print(json.dumps({"failed calls of a lock": len(calls), "codes": codes}))  # noqa: T201


def test_a_file_system_without_locks_is_refused_and_nothing_is_removed(
    demo: Locked, tmp_path: Path, cli: Cli
) -> None:
    cli("run", demo.path)
    log = tmp_path / "log"

    for error in ("ENOSYS", "ENOLCK", "EOPNOTSUPP"):
        without = [*injecting(f"flock:error={error}"), "-o", str(log)]
        ran = cli("run", demo.path, under=without)
        tries = log.read_text().count("flock(")
        pruned = cli("cache", "prune", "--older-than", "0h", under=without)
        assert (ran.code, ran.out, pruned.code, pruned.out) == (125, "", 2, "")
        for done in (ran, pruned):
            assert "cannot lock files" in done.err
            assert "hint: set SCRIPTLOCK_CACHE_DIR to a folder on a local disk" in done.err
        assert tries < 10
    cleaned = cli("cache", "clean", "--force", under=without)

    assert (cleaned.code, cleaned.out) == (2, "")
    assert demo.is_right(cli("run", demo.path).out)


def test_a_read_only_disk_still_runs_what_is_ready(demo: Locked, cli: Cli) -> None:
    root = Path(os.environ["SCRIPTLOCK_CACHE_DIR"])
    cli("run", demo.path)
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    under = ["unshare", "--mount", "sh", "-c", mount, str(root)]
    if subprocess.run([*under, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")

    warm = cli("run", demo.path, under=under)
    slow = cli("sync", demo.path, under=under)
    other = demo.path.with_name("other.py")
    other.write_text(script(body="print('other')"))
    refused = cli("run", other, under=under)

    assert (warm.code, demo.is_right(warm.out), warm.err) == (0, True, "")
    assert (slow.code, slow.err) == (0, "")
    assert (refused.code, refused.out) == (125, "")
    assert ": Read-only file system\n" in refused.err
