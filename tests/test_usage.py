from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from scriptlock.cache.prune import prune
from scriptlock.cache.usage import Process, processes, users
from support import residents
from support.caches import Shelf

PYTHON = "/usr/bin/python3.11"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@contextmanager
def resident(shelf: Shelf, kind: str) -> Iterator[int]:
    """Run a script in an environment that leaves a child behind, and give the child's pid while it lives."""
    fifo = shelf.scripts / "fifo"
    os.mkfifo(fifo)
    hold = os.open(fifo, os.O_RDWR)
    with shelf.open() as environment:
        search = f"{environment.python.parent}:{os.environ['PATH']}"
        variables = {"VIRTUAL_ENV": str(environment.path), "PATH": search, "HOLD": str(fifo)}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        script = subprocess.Popen(
            [environment.python, residents.__file__, kind],
            cwd=shelf.scripts,
            env=environ | variables,
            pass_fds=[environment.lease.descriptor],
            stdout=subprocess.PIPE,
            text=True,
        )
    with script:
        assert script.stdout is not None
        try:
            pid = int(script.stdout.readline())
            script.wait(30)
            yield pid
        finally:
            os.close(hold)
            script.stdout.read()  # ends with the child


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says so much of its processes")
@pytest.mark.parametrize("kind", residents.KINDS)
def test_what_a_script_left_behind_keeps_its_environment(shelf: Shelf, kind: str) -> None:
    key = shelf.add("1.0", "a.py", idle=timedelta(days=100))
    shelf.delete("a.py")

    with resident(shelf, kind) as pid:
        while_it_lives = prune(shelf.cache, older_than=timedelta())
        kept = shelf.keys
    after = prune(shelf.cache, older_than=timedelta())

    assert [(one.entry.key, one.why) for one in while_it_lives.kept] == [(key, "it is in use")]
    assert pid in while_it_lives.kept[0].users
    assert (while_it_lives.removed, kept) == ((), {key})
    assert (len(after.removed), shelf.keys) == (1, set())


@pytest.mark.parametrize(
    "process",
    [
        Process(pid=1, program="/env/bin/tool", files=frozenset({"/env/bin/tool"})),
        Process(pid=1, files=frozenset({"/env"})),
        Process(pid=1, files=frozenset({"/lease"})),
        Process(pid=1, files=frozenset({"/env/lib/a.so"})),
        Process(pid=1, words=b"/env/bin/python\0-c\0pass\0"),
        Process(pid=1, words=b"tool\0--python=/env/bin/python\0"),
        Process(pid=1, program=PYTHON, variables=b"A=b\0VIRTUAL_ENV=/env\0"),
        Process(pid=1, program=PYTHON, variables=b"PATH=/env/bin:/bin\0"),
    ],
)
def test_a_user_is_recognised(process: Process) -> None:
    assert users((process,), Path("/env"), lease=Path("/lease"), interpreter=PYTHON) == (1,)


@pytest.mark.parametrize(
    "process",
    [
        Process(pid=1),
        Process(pid=1, program=PYTHON, files=frozenset({PYTHON, "/environment/lib", "/envy"})),
        Process(pid=1, words=b"/envy/bin/python\0scriptlock\0cache\0remove\0/env\0"),
        Process(pid=1, program=PYTHON, variables=b"VIRTUAL_ENV=/envy\0PATH=/other/env/bin2\0"),
        Process(pid=1, program="/usr/bin/firefox", variables=b"VIRTUAL_ENV=/env\0"),
    ],
)
def test_others_are_no_users(process: Process) -> None:
    assert users((process,), Path("/env"), lease=Path("/lease"), interpreter=PYTHON) == ()


def test_who_only_waits_for_the_lease_is_no_user_to_whoever_holds_it() -> None:
    waiting = Process(pid=1, files=frozenset({"/lease"}))

    assert users((waiting,), Path("/env"), interpreter=PYTHON) == ()


def test_a_cache_behind_a_link_is_recognised_by_both_its_names(tmp_path: Path) -> None:
    (tmp_path / "real" / "env").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    named = Process(pid=1, words=os.fsencode(tmp_path / "link" / "env" / "bin" / "python"))
    working = Process(pid=2, files=frozenset({os.fspath(tmp_path / "real" / "env" / "lib")}))

    assert users((named, working), tmp_path / "link" / "env") == (1, 2)


def test_this_process_counts_only_for_the_environment_that_it_runs_in(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w"):
        seen = processes()

    assert users(seen, tmp_path) == ()
    assert os.getpid() in users(seen, Path(sys.prefix))


def test_the_processes_of_others_are_seen(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "print(flush=True); input()", str(tmp_path / "argument")]
    with subprocess.Popen(argv, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        seen = processes()
        by_ps = processes(tmp_path / "no proc")

    assert users(seen, tmp_path) == users(by_ps, tmp_path) == (other.pid,)


def test_a_process_that_ends_while_it_is_looked_at_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "1").mkdir()

    assert processes(tmp_path) == (Process(pid=1),)


def test_a_program_that_was_replaced_is_still_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "exe").symlink_to("/env/bin/tool (deleted)")
    (tmp_path / "1" / "maps").write_text(
        "00-01 r-xp 00000000 fe:00 12 /env/lib/a b.so (deleted)\n0-1 rw-p 0\n"
    )

    (process,) = processes(tmp_path)

    assert process.files == {"/env/bin/tool", "/env/lib/a b.so"}
