"""The resolver as a process: what it may see, how it ends, and what it never says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event

import pytest

import scriptlock
from scriptlock.errors import IndexUnreachable, ToolError
from scriptlock.resolve.pip_tools import PipTools, start_worker
from support.index import Index
from support.pages import Answer
from support.resolvers import LINUX, WINDOWS, request_for, versions
from support.wheels import wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

SECRET = "s3cr3t"


class Worker:
    """Stands in for the process: ends as it is told, and remembers its orders."""

    def __init__(self, stdout: str = "", stderr: str = "", returncode: int = 0) -> None:
        self.done = subprocess.CompletedProcess(args=[], returncode=returncode, stdout=stdout, stderr=stderr)
        self.orders: list[str] = []

    def __call__(self, order: str) -> subprocess.CompletedProcess[str]:
        self.orders.append(order)
        return self.done


class Watchful(Index):
    """Remembers all command lines of this machine from whenever it was asked."""

    command_lines = b""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.command_lines += process.read_bytes()
            except OSError:
                continue  # it is gone
        return super().answer(path, headers)


def test_no_process_is_started_when_nothing_is_asked_for() -> None:
    worker = Worker()

    found = PipTools(start=worker).resolve(
        request_for("tool; sys_platform == 'darwin'", targets=(LINUX, WINDOWS))
    )

    assert [one.choices for one in found] == [(), ()]
    assert worker.orders == []


def test_one_process_answers_for_all_targets(index: Index) -> None:
    index.add(wheel("tool", "1.0"))
    starts = []

    def start(order: str) -> subprocess.CompletedProcess[str]:
        starts.append(order)
        return start_worker(order)

    found = PipTools(start=start).resolve(request_for("tool", targets=(LINUX, WINDOWS)))

    assert [versions(one) for one in found] == [{"tool": "1.0"}] * 2
    assert len(starts) == 1


@pytest.mark.parametrize("stdout", ["", "not JSON", '{"resolutions": ['])
def test_a_worker_that_dies_is_told_with_its_last_line_and_without_secrets(stdout: str) -> None:
    trace = f"Traceback:\n  File x\nOSError: no https://me:{SECRET}@host/simple/?token={SECRET}\n\n"

    with pytest.raises(ToolError) as caught:
        PipTools(start=Worker(stdout, trace, 1)).resolve(request_for("tool"))

    assert str(caught.value) == "the resolver failed: OSError: no https://****@host/simple/?****"


def test_a_worker_that_dies_without_a_word_is_told_with_its_status() -> None:
    with pytest.raises(ToolError) as caught:
        PipTools(start=Worker(returncode=-9)).resolve(request_for("tool"))

    assert str(caught.value) == "the resolver failed: status -9, and not a word"


def test_a_worker_that_cannot_be_started_is_told() -> None:
    def start(order: str) -> subprocess.CompletedProcess[str]:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(ToolError) as caught:
        PipTools(start=start).resolve(request_for("tool"))

    assert str(caught.value) == "the resolver cannot be started: Permission denied"


@pytest.mark.parametrize("source", ["variable", "file"])
def test_a_password_of_an_index_works_and_is_nowhere_to_be_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    with Watchful(credentials=("me", SECRET)) as index:
        index.add(wheel("tool", "1.0"))
        if source == "variable":
            monkeypatch.setenv("PIP_INDEX_URL", index.url_with_credentials)
        else:
            (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url_with_credentials}\n")
            monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        (found,) = PipTools().resolve(request_for("tool"))

    assert versions(found) == {"tool": "1.0"}
    assert SECRET not in repr(found)
    assert b"python" in index.command_lines or not Path("/proc/self/cmdline").exists()
    assert SECRET.encode() not in index.command_lines


@pytest.mark.parametrize("source", ["variable", "file"])
def test_no_failure_tells_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str) -> None:
    with Index(credentials=("me", "another")) as index:
        url = index.url.replace("://", f"://me:{SECRET}@")
        if source == "variable":
            monkeypatch.setenv("PIP_EXTRA_INDEX_URL", url)
        else:
            (tmp_path / "pip.conf").write_text(f"[install]\nextra-index-url =\n  {url}\n")
            monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("://", f"://me:{SECRET}@"))
        with pytest.raises(IndexUnreachable) as caught:
            PipTools().resolve(request_for("tool"))

    assert SECRET not in repr(caught.value.args)
    assert SECRET not in str(caught.value.hint)


def test_only_what_reaches_indexes_counts_of_pips_configuration(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index.add(wheel("tool", "1.0", requires=["part"]), wheel("part", "1"))
    settings = "no-binary = :all:\nno-deps = yes\ntarget = /nowhere\nrequire-hashes = yes\npre = yes\n"
    (tmp_path / "pip.conf").write_text(f"[global]\n{settings}[install]\nuser = yes\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for name in ("ONLY_BINARY", "CONSTRAINT", "REQUIREMENT", "LOG"):
        monkeypatch.setenv(f"PIP_{name}", "/nowhere")

    (found,) = PipTools().resolve(request_for("tool"))

    assert versions(found) == {"part": "1", "tool": "1.0"}


def test_modules_in_the_working_folder_are_not_imported(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index.add(wheel("tool", "1.0"))
    for name in ("click", "pip", "piptools", "packaging", "scriptlock", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    (found,) = PipTools().resolve(request_for("tool"))

    assert versions(found) == {"tool": "1.0"}


def test_relative_paths_of_the_configuration_start_at_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = wheel("tool", "1.0")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / tool.filename).write_bytes(tool.content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")

    (found,) = PipTools().resolve(request_for("tool"))

    assert versions(found) == {"tool": "1.0"}


def test_a_working_folder_that_is_gone_is_no_obstacle(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index.add(wheel("tool", "1.0"))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    (found,) = PipTools().resolve(request_for("tool"))

    assert versions(found) == {"tool": "1.0"}


def test_the_given_folder_keeps_answers_for_the_next_time(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    index.add(wheel("tool", "1.0"))
    cache, home = tmp_path / "cache", Path(os.environ["HOME"])
    resolver = PipTools(cache)

    first = resolver.resolve(request_for("tool"))
    asked = index.count
    second = resolver.resolve(request_for("tool"))

    assert first == second
    assert asked == 2
    assert not [path for path in index.requests[asked:] if path.startswith("/files/")]
    assert not (home / ".cache").exists()


def test_a_checkout_that_is_not_installed_works(index: Index, tmp_path: Path) -> None:
    index.add(wheel("tool", "1.0"))
    package = Path(scriptlock.__file__).parent
    shutil.copytree(package, tmp_path / "scriptlock", ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import scriptlock.resolve.pip_tools as it\n"
        "from support.resolvers import request_for\n"
        "print(it.__file__, it.PipTools().resolve(request_for('tool'))[0].choices[0].version)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
            "PYTHONPATH": str(Path(__file__).parent),
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{tmp_path}/scriptlock/resolve/pip_tools.py 1.0\n"


class Stalled(Index):
    """Has been asked, and does not answer before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let_go = Event(), Event()

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        self.asked.set()
        self.let_go.wait(30)
        return super().answer(path, headers)


def test_an_interrupt_ends_the_worker_and_is_passed_on() -> None:
    script = (
        "from scriptlock.resolve.pip_tools import PipTools\n"
        "from support.resolvers import request_for\n"
        "try:\n"
        "    PipTools().resolve(request_for('tool'))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')"
    )
    with Stalled() as index:
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PIP_INDEX_URL": index.url}
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as running:
            index.asked.wait(30)
            (worker,) = children(running.pid)
            running.send_signal(signal.SIGINT)  # to the one process only, as a supervisor would
            said, _ = running.communicate(timeout=30)
        index.let_go.set()

    assert said == "interrupted\n"
    assert ends(worker)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def ends(pid: int) -> bool:
    """Return whether the process is gone, or is about to be."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in {"X", "Z"}:
            return True
        time.sleep(0.01)
    return False


def test_the_order_says_nothing_but_what_is_asked(index: Index) -> None:
    index.add(wheel("tool", "1.0"))
    worker = Worker(json.dumps({"resolutions": [{"choices": [], "notes": [], "replaced": []}]}))

    PipTools(start=worker).resolve(request_for("tool>=1", constraints=["part<2"]))

    (order,) = worker.orders
    assert os.environ["PIP_INDEX_URL"] not in order
    assert json.loads(order)["targets"][0]["requirements"] == [{"text": "tool>=1", "header": "tool>=1"}]
