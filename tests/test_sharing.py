from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from scriptlock.api import lock
from scriptlock.by_path import LockResult, lock_file, lock_files
from scriptlock.errors import FileTrouble, NoHeader
from scriptlock.resolve.request import Request, Resolution
from scriptlock.script import parse
from scriptlock.sharing import SharedLocks, distinct_first
from support.resolvers import FakeResolver
from support.scripts import script
from support.wheels import wheel

WHEELS = (wheel("rich", "15.0.0", requires=["idna>=3"]), wheel("idna", "3.19"), wheel("six", "1.17"))
TEXTS = (
    script("rich"),
    script("rich", body="print('other')\n"),
    script("idna"),
    script("rich").replace("# dependencies", "# # the same\n# dependencies"),
    script("rich", settings=['environments = ["linux"]']),
    script("rich", settings=["required = true"]),
    script("unknown"),
    script("idna", "unknown"),
    script("rich", settings=["nonsense = 1"]),
    "print()\n",
    script(),
    script("rich", body="unfinished = '''\n"),
)


def write(folder: Path) -> list[Path]:
    """Put all of these scripts into a folder."""
    folder.mkdir()
    paths = [folder / f"{number}.py" for number in range(len(TEXTS))]
    for path, text in zip(paths, TEXTS, strict=True):
        path.write_text(text)
    return paths


def told(result: LockResult) -> tuple[str, str, str, tuple[str, ...], int | None]:
    """Return what came of a script that does not depend on where it lies."""
    error = f"{type(result.error).__name__}: {result.error}"
    line = result.error.line if result.error else None
    return (result.path.name, result.path.read_text(), error, result.notes, line)


def test_a_file_that_is_named_twice_is_locked_once(tmp_path: Path) -> None:
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_text(script("rich"))
    link.symlink_to("a.py")

    results = list(lock_files([path, link, path], resolver=FakeResolver(WHEELS)))

    assert [(result.error, result.written) for result in results] == [
        (None, True),
        (None, False),
        (None, False),
    ]
    assert [result.path for result in results] == [path, link, path]


@pytest.mark.parametrize("name", ["a\0b", "\ud800"], ids=["nul", "surrogate"])
@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_what_no_file_can_be_called_stops_no_other(
    tmp_path: Path, name: str, executor: Callable[[], Executor] | None
) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("rich"))

    with executor() if executor else nullcontext() as used:
        first, second = lock_files([name, path], resolver=FakeResolver(WHEELS), executor=used)

    assert (str(first.error), str(first.path), second.error) == ("no file can have this name", name, None)
    with pytest.raises(FileTrouble):
        lock_file(name)


def test_a_relative_path_in_a_folder_that_is_gone_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, gone = tmp_path / "a.py", tmp_path / "gone"
    path.write_text(script("rich"))
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    results = list(lock_files(["b.py", path, "b.py"], resolver=FakeResolver(WHEELS)))

    missing = "there is no such file"
    assert [result.error and str(result.error) for result in results] == [missing, None, missing]


def test_a_file_that_is_named_again_is_left_to_an_executor_when_nobody_is_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(script("rich"))
    (tmp_path / "link.py").symlink_to("a.py")
    monkeypatch.chdir(tmp_path)
    both = threading.Barrier(2, timeout=60)

    class Together(FakeResolver):
        def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
            both.wait()  # for the other one of two that are asked
            return super().resolve(request)

    paths = ["a.py", "./a.py", "link.py", "b.py", str(tmp_path / "b.py")]
    with ThreadPoolExecutor(max_workers=5) as executor:
        results = list(lock_files(paths, executor=executor, resolver=Together(WHEELS)))

    assert [(str(result.path), result.error, result.written) for result in results] == [
        ("a.py", None, True),
        ("a.py", None, False),
        ("link.py", None, False),
        ("b.py", None, True),
        (str(tmp_path / "b.py"), None, False),
    ]


def test_locks_that_are_shared_are_those_that_each_would_have_got(tmp_path: Path) -> None:
    shared, single = FakeResolver(WHEELS), FakeResolver(WHEELS)
    paths, others = write(tmp_path / "shared"), write(tmp_path / "single")

    together = [told(result) for result in lock_files(paths, resolver=shared)]
    with ThreadPoolExecutor(max_workers=1) as executor:
        alone = [told(result) for result in lock_files(others, resolver=single, executor=executor)]

    assert together == alone
    assert [name for name, *_ in together] == [path.name for path in paths]
    assert len(single.requests) - len(shared.requests) == 3  # of five scripts that want rich


def test_an_upgrade_is_shared_too_but_not_with_those_that_are_locked_otherwise(tmp_path: Path) -> None:
    paths = write(tmp_path / "scripts")
    list(lock_files(paths, resolver=FakeResolver(WHEELS)))
    paths[1].write_text(paths[0].read_text().replace("import", "import os,", 1))
    resolver = FakeResolver(WHEELS)

    results = list(lock_files(paths[:3], resolver=resolver, upgrade=True))

    assert len(resolver.requests) == 2
    assert [result.written for result in results] == [False, False, False]


def test_scripts_that_want_the_same_at_once_wait_for_one_answer() -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow(FakeResolver):
        def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
            asked.set()
            assert go_on.wait(60)
            return super().resolve(request)

    resolver, shared = Slow(WHEELS), SharedLocks()
    one, other = parse(script("rich")), parse(script("rich", body="pass\n"))

    with ThreadPoolExecutor() as threads:
        first = threads.submit(shared.lock, one, resolver=resolver)
        assert asked.wait(60)
        second = threads.submit(shared.lock, other, resolver=resolver)
        go_on.set()

    assert first.result() == second.result() == lock(one, resolver=FakeResolver(WHEELS))
    assert len(resolver.requests) == 1


def test_what_goes_wrong_is_not_shared() -> None:
    shared = SharedLocks()

    for _ in range(2):
        with pytest.raises(NoHeader):
            shared.lock(parse("print()\n"), resolver=FakeResolver(WHEELS))


def test_first_come_those_that_ask_for_something_new(tmp_path: Path) -> None:
    paths = write(tmp_path / "scripts")

    first, others = distinct_first([*paths, tmp_path / "missing.py", paths[0]])

    assert first == [0, 2, 4, 6, 7, 8, 10, 12]
    assert others == [1, 3, 5, 11, 13, 9]


def test_what_got_its_lock_is_written_while_others_are_still_to_be_resolved(tmp_path: Path) -> None:
    several = {name: [tmp_path / f"{name}{number}.py" for number in range(5)] for name in ("six", "rich")}
    for name, paths in several.items():
        for path in paths:
            path.write_text(script(name))

    class Patient(FakeResolver):
        def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
            if request.requirements[0].name == "rich":
                deadline = time.monotonic() + 60
                while not all("six = " in path.read_text() for path in several["six"]):
                    assert time.monotonic() < deadline, "nobody wrote the lock that was there"
                    time.sleep(0.01)
            return super().resolve(request)

    # As many that take long as there are threads to wait for them.
    others = [tmp_path / f"other{number}.py" for number in range(5)]
    for number, path in enumerate(others):
        path.write_text(script("rich", f"idna>=0.{number}"))
    results = list(lock_files([*several["six"], *others, *several["rich"]], resolver=Patient(WHEELS)))

    assert [result.error for result in results] == [None] * 15


def test_after_the_end_nobody_gets_a_lock_not_even_who_is_making_one() -> None:
    shared = SharedLocks()

    class Interrupted(FakeResolver):
        def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
            shared.stop()
            return super().resolve(request)

    resolver = Interrupted(WHEELS)
    for _ in range(2):
        with pytest.raises(CancelledError):
            shared.lock(parse(script("rich")), resolver=resolver)

    assert len(resolver.requests) == 1
