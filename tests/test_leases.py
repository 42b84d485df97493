from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scriptlock.cache.leases import Lease, patience
from scriptlock.errors import CacheError, EnvironmentBusy
from support.cli import powerless


@contextmanager
def holding(path: Path, *, exclusive: bool) -> Iterator[Lease]:
    with Lease(path) as lease:
        lease.acquire(exclusive=exclusive)
        yield lease


def is_free(path: Path, *, exclusive: bool) -> bool:
    """Return whether a lease could be had at once."""
    with Lease(path, patience=0) as lease:
        try:
            lease.acquire(exclusive=exclusive)
        except EnvironmentBusy:
            return False
        return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lease"


def test_many_share(path: Path) -> None:
    with holding(path, exclusive=False), holding(path, exclusive=False):
        assert is_free(path, exclusive=False)


def test_one_excludes_everybody(path: Path) -> None:
    with holding(path, exclusive=True):
        assert not is_free(path, exclusive=False)
        assert not is_free(path, exclusive=True)


def test_users_keep_a_builder_out(path: Path) -> None:
    with holding(path, exclusive=False):
        assert not is_free(path, exclusive=True)


def test_a_closed_lease_is_free_and_its_file_stays(path: Path) -> None:
    with holding(path, exclusive=True):
        pass

    assert is_free(path, exclusive=True)
    assert path.exists()


def test_closing_twice_closes_nothing_else(path: Path, tmp_path: Path) -> None:
    lease = Lease(path)
    lease.close()
    with (tmp_path / "another").open("wb") as file:
        lease.close()

        file.write(b"x")


def test_a_builder_becomes_a_user(path: Path) -> None:
    with holding(path, exclusive=True) as lease:
        lease.acquire(exclusive=False)

        assert is_free(path, exclusive=False)
        assert not is_free(path, exclusive=True)


def test_a_builder_is_named_while_it_builds(path: Path) -> None:
    with holding(path, exclusive=True) as lease, Lease(path) as another:
        while_building = another.holder()
        lease.acquire(exclusive=False)

        assert (while_building, another.holder()) == (os.getpid(), None)


def test_a_dead_builder_is_not_named(path: Path) -> None:
    code = "import sys; from pathlib import Path; from scriptlock.cache.leases import Lease; lease = Lease("
    code += "Path(sys.argv[1])); lease.acquire(exclusive=True); __import__('os')._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=30)

    with Lease(path) as lease:
        assert (path.read_bytes().strip().isdigit(), lease.holder()) == (True, None)


def test_a_builder_of_another_user_is_named(path: Path) -> None:
    path.write_text("1\n", "ascii")  # the first process: alive, and nobody's to send signals to

    with Lease(path) as lease:
        assert lease.holder() == 1


def test_garbage_names_nobody(path: Path) -> None:
    path.write_bytes("٣\n".encode())

    with Lease(path) as lease:
        assert lease.holder() is None


def test_waiting_in_vain_says_for_whom(path: Path) -> None:
    with holding(path, exclusive=True), Lease(path, patience=0) as lease:
        with pytest.raises(EnvironmentBusy) as caught:
            lease.acquire(exclusive=False)

        assert (caught.value.seconds, caught.value.holder) == (0, os.getpid())
        assert str(caught.value).endswith(" to finish building the environment")


def test_waiting_is_told_at_first_and_not_again_for_a_while(path: Path) -> None:
    told: list[str] = []
    lease = Lease(path, patience=0.2, work="resolving", silence=0, notify=told.append)

    with lease, holding(path, exclusive=True), pytest.raises(EnvironmentBusy):
        lease.acquire(exclusive=True)

    assert told == [f"waiting for process {os.getpid()} to finish resolving"]


def test_waiting_long_is_told_again_and_again(path: Path) -> None:
    told: list[str] = []
    other = Lease(path)
    other.acquire(exclusive=True)

    def notify(sentence: str) -> None:
        told.append(sentence)
        if len(told) == 3:
            other.close()

    with Lease(path, silence=0, every=0, notify=notify) as lease:
        lease.acquire(exclusive=True)

    assert told == [f"waiting for process {os.getpid()} to finish building the environment"] * 3


def test_the_first_word_of_waiting_comes_within_a_second(path: Path) -> None:
    with Lease(path) as lease:
        assert (lease.silence < 1, lease.every) == (True, 10)


def test_a_builder_that_finds_it_done_while_it_is_in_use_shares_it(path: Path) -> None:
    with holding(path, exclusive=False), Lease(path) as lease:
        assert not lease.acquire(exclusive=True, unless=lambda: True)

        assert is_free(path, exclusive=False)
        assert not is_free(path, exclusive=True)


def test_a_builder_that_finds_it_missing_waits_until_nobody_uses_it(path: Path) -> None:
    user = Lease(path)
    user.acquire(exclusive=False)

    def is_done() -> bool:
        user.close()
        return False

    with Lease(path) as lease:
        assert lease.acquire(exclusive=True, unless=is_done)
        assert not is_free(path, exclusive=False)


def test_nobody_is_asked_whether_it_is_done_while_somebody_builds(path: Path) -> None:
    def never() -> bool:
        raise AssertionError

    with holding(path, exclusive=True), Lease(path, patience=0) as lease, pytest.raises(EnvironmentBusy):
        lease.acquire(exclusive=True, unless=never)


def test_an_attempt_leaves_no_trace(path: Path) -> None:
    path.touch()
    os.utime(path, (1, 1))

    with Lease(path) as lease:
        taken = lease.attempt(exclusive=True)
        lease.release()

    assert (taken, path.read_bytes(), path.stat().st_mtime) == (True, b"", 1)


def test_an_attempt_does_not_wait(path: Path) -> None:
    with holding(path, exclusive=False), Lease(path) as lease:
        assert not lease.attempt(exclusive=True)


def test_a_touch_says_when_it_was_used(path: Path) -> None:
    with Lease(path) as lease:
        os.utime(path, (1, 1))

        lease.touch()

    assert path.stat().st_mtime > 1


READ_ONLY = """
import sys
from pathlib import Path
from scriptlock.cache.leases import Lease
with Lease(Path(sys.argv[1])) as lease:
    lease.acquire(exclusive=False)
    lease.touch()
    print(lease.attempt(exclusive=True), lease.holder())
"""


def test_a_lease_that_cannot_be_written_can_be_held(path: Path) -> None:
    path.touch(mode=0o400)

    told = subprocess.check_output([*powerless(), sys.executable, "-c", READ_ONLY, str(path)], text=True)

    assert told == "True None\n"


def test_waiting_that_nobody_listens_to_ends_too(path: Path) -> None:
    lease = Lease(path, patience=0.05, silence=0)

    with lease, holding(path, exclusive=True), pytest.raises(EnvironmentBusy):
        lease.acquire(exclusive=True)


def test_waiting_ends_when_the_other_lets_go(path: Path) -> None:
    other = Lease(path)
    other.acquire(exclusive=True)

    with Lease(path, silence=0, notify=lambda _: other.close()) as lease:
        lease.acquire(exclusive=True)

        assert lease.holder() == os.getpid()


WAIT = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def test_a_child_that_inherited_the_lease_keeps_it(path: Path) -> None:
    lease = Lease(path)
    lease.acquire(exclusive=True)
    with subprocess.Popen(WAIT, stdin=subprocess.PIPE, pass_fds=[lease.descriptor]):
        lease.close()
        while_it_lives = is_free(path, exclusive=False)

    assert (while_it_lives, is_free(path, exclusive=False)) == (False, True)


def test_a_child_that_did_not_inherit_it_does_not(path: Path) -> None:
    lease = Lease(path)
    lease.acquire(exclusive=True)
    with subprocess.Popen(WAIT, stdin=subprocess.PIPE):
        lease.close()

        assert is_free(path, exclusive=True)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused_at_once(number: int, path: Path) -> None:
    tries: list[int] = []

    def try_lock(descriptor: int, *, exclusive: bool) -> bool:
        tries.append(descriptor)
        raise OSError(number, os.strerror(number))

    with Lease(path, try_lock=try_lock) as lease, pytest.raises(CacheError) as caught:
        lease.acquire(exclusive=False)

    reason = f"the file system of {path.parent} cannot lock files: {os.strerror(number)}"
    assert (str(caught.value), len(tries)) == (reason, 1)
    assert caught.value.hint == "set SCRIPTLOCK_CACHE_DIR to a folder on a local disk"


def test_a_lease_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "lease"

    with pytest.raises(CacheError) as caught:
        Lease(path)

    assert str(caught.value) == f"the lease {path} cannot be opened: No such file or directory"


def test_a_lease_that_leads_elsewhere_is_refused(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CacheError):
        Lease(path)

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("text", "seconds"), [(None, 300), ("", 300), ("5", 5), ("0.5", 0.5), ("0", 0)])
def test_the_variable_says_how_long_to_wait(text: str | None, seconds: float) -> None:
    assert patience({} if text is None else {"SCRIPTLOCK_LOCK_TIMEOUT": text}) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_another_text_is_no_time(text: str) -> None:
    with pytest.raises(CacheError) as caught:
        patience({"SCRIPTLOCK_LOCK_TIMEOUT": text})

    assert str(caught.value) == f"SCRIPTLOCK_LOCK_TIMEOUT is {text!r}, which is no number of seconds"
