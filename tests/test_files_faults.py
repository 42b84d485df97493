"""Whatever happens while a script is rewritten, no byte of its body is lost."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock.disk import System
from scriptlock.errors import FileTrouble, ScriptChanged
from scriptlock.files import read_script, write_script
from support import killed_rewrites, rewrite_once
from support.systems import Died, Watched, dying, failing

BODY = b"# /// script\n# dependencies = []\n# ///\nprint('hello')\n"
OLD = BODY + b"\n\n# | old\n"
NEW = BODY + b"\n\n# | new, and longer\n"
LEFTOVER = re.compile(r"\.scriptlock-[0-9a-f]{16}\.tmp")
KILLS = 130
"""For each of the two ways."""

either_way = pytest.mark.parametrize("is_linked", [False, True], ids=["renamed", "in place"])
errors = pytest.mark.parametrize(
    "code",
    [getattr(errno, name) for name in "EIO ENOSPC EDQUOT EFBIG EACCES EPERM EROFS EBUSY EXDEV".split()],
    ids=errno.errorcode.__getitem__,
)


def make_script(folder: Path, *, is_linked: bool) -> Path:
    path = folder / "script.py"
    path.write_bytes(OLD)
    if is_linked:
        (folder / "other.py").hardlink_to(path)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return make_script(tmp_path, is_linked=False)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    return make_script(tmp_path, is_linked=True)


def leftovers(path: Path) -> list[str]:
    return sorted({entry.name for entry in path.parent.iterdir()} - {"script.py", "other.py"})


def rewrite(path: Path, system: System) -> str:
    """Rewrite the script; return what was said about it, or nothing when all went well."""
    try:
        assert write_script(read_script(path), NEW, body_end=len(BODY), system=system)
    except FileTrouble as trouble:
        return str(trouble)
    return ""


def calls_of(path: Path) -> list[str]:
    """Return the calls of a rewrite where nothing goes wrong; the script is the old one again then."""
    watched = Watched()
    rewrite(path, watched.system)
    path.write_bytes(OLD)
    return watched.calls


@either_way
@errors
def test_a_failing_call_leaves_the_old_text_or_the_new(tmp_path: Path, code: int, *, is_linked: bool) -> None:
    path = make_script(tmp_path, is_linked=is_linked)

    for number in range(1, len(calls_of(path)) + 1):
        path.write_bytes(OLD)
        said = rewrite(path, Watched(before=failing(code, at=number)).system)

        assert path.read_bytes() == (OLD if said else NEW)
        assert leftovers(path) == []
        assert not said or said.startswith("the file cannot be written: ")


@either_way
def test_ctrl_c_at_any_call_leaves_the_old_text_or_the_new(tmp_path: Path, *, is_linked: bool) -> None:
    path = make_script(tmp_path, is_linked=is_linked)

    for number in range(1, len(calls_of(path)) + 1):
        path.write_bytes(OLD)

        def interrupt(name: str, at: int, number: int = number) -> None:
            if at == number:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rewrite(path, Watched(before=interrupt).system)

        assert path.read_bytes() in {OLD, NEW}
        assert leftovers(path) == []


def test_death_at_any_call_leaves_the_old_text_or_the_new(script: Path) -> None:
    for number in range(1, len(calls_of(script)) + 1):
        script.write_bytes(OLD)

        with pytest.raises(Died):
            rewrite(script, Watched(before=dying(number)).system)

        assert script.read_bytes() in {OLD, NEW}
        assert all(LEFTOVER.fullmatch(name) for name in leftovers(script))


@given(
    body=st.binary(max_size=20),
    old=st.binary(max_size=20),
    new=st.binary(min_size=1, max_size=20),
    piece=st.integers(1, 20),
    number=st.integers(1, 30),
)
def test_death_in_place_leaves_the_body_and_a_part_of_the_rest(
    body: bytes, old: bytes, new: bytes, piece: int, number: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "script.py")
        path.write_bytes(body + old)
        path.with_name("other.py").hardlink_to(path)
        base = System(write=lambda fd, text: os.write(fd, text[:piece]))

        with suppress(Died):
            write_script(
                read_script(path),
                body + new,
                body_end=len(body),
                system=Watched(base=base, before=dying(number)).system,
            )

        left = path.read_bytes()
        assert left.startswith(body)
        assert left == body + old or (body + new).startswith(left)


@pytest.mark.parametrize("is_linked", [False, True], ids=["renamed", "in place"])
def test_kill_9_at_any_moment_leaves_the_body_whole(tmp_path: Path, *, is_linked: bool) -> None:
    path = tmp_path / "script.py"
    path.write_bytes(killed_rewrites.OLD)
    if is_linked:
        path.with_name("other.py").hardlink_to(path)

    done = subprocess.run(
        [sys.executable, killed_rewrites.__file__, path, str(KILLS)], stdout=subprocess.PIPE, check=True
    )

    left = [text.encode() for text in json.loads(done.stdout)]
    assert len(left) == KILLS
    assert all(LEFTOVER.fullmatch(name) for name in leftovers(path))
    wholes = (killed_rewrites.OLD, killed_rewrites.NEW)
    if is_linked:
        assert all(text.startswith(killed_rewrites.BODY) for text in left)
        assert all(any(whole.startswith(text) for whole in wholes) for text in left)
    else:
        assert set(left) <= set(wholes)


def test_a_full_disk_is_said_with_a_hint_and_nothing_changes(script: Path) -> None:
    watched = Watched(before=failing(errno.ENOSPC, names=["write"]))

    with pytest.raises(FileTrouble) as caught:
        write_script(read_script(script), NEW, body_end=len(BODY), system=watched.system)

    assert str(caught.value) == "the file cannot be written: no space left on device"
    assert caught.value.hint == "make room on the disk, then run the command again"
    assert (script.read_bytes(), leftovers(script)) == (OLD, [])


def test_a_failure_in_place_that_could_be_undone_says_so(linked: Path) -> None:
    said = rewrite(linked, Watched(before=failing(errno.ENOSPC, at=5)).system)

    assert said == "the file cannot be written: no space left on device; it is as it was"
    assert linked.read_bytes() == OLD


def test_a_file_that_could_not_be_cut_is_not_touched_again(linked: Path) -> None:
    watched = Watched(before=failing(errno.EPERM, at=3))

    said = rewrite(linked, watched.system)

    assert watched.calls == "open flock ftruncate".split()
    assert said == "the file cannot be written: operation not permitted; it is as it was"
    assert linked.read_bytes() == OLD


def test_a_disk_that_stays_full_costs_the_lock_and_says_so(linked: Path) -> None:
    written: list[int] = []

    def take_three_bytes_then_none(fd: int, text: memoryview) -> int:
        if len(written) % 2:
            written.append(0)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(os.write(fd, text[:3]))
        return written[-1]

    said = rewrite(linked, System(write=take_three_bytes_then_none))

    assert written == [3, 0, 3, 0]
    state = "its lock is gone, everything above that is whole"
    assert said == f"the file cannot be written: no space left on device; {state}"
    assert linked.read_bytes() == BODY


def test_a_disk_that_takes_nothing_any_more_keeps_the_body_and_says_so(linked: Path) -> None:
    def broken(name: str, number: int) -> None:
        if number > len("open flock ftruncate fsync write".split()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    base = System(write=lambda fd, text: os.write(fd, text[:3]))

    said = rewrite(linked, Watched(base=base, before=broken).system)

    state = "its lock is incomplete, everything above that is whole"
    assert said == f"the file cannot be written: input/output error; {state}"
    assert linked.read_bytes() == NEW[: len(BODY) + 3]


def test_a_new_file_that_cannot_be_removed_either_harms_nothing(script: Path) -> None:
    def fail_both(name: str, number: int) -> None:
        failing(errno.EIO, names=["fsync"])(name, number)
        failing(errno.EPERM, names=["unlink"])(name, number)

    said = rewrite(script, Watched(before=fail_both).system)

    assert said == "the file cannot be written: input/output error"
    assert script.read_bytes() == OLD
    assert [bool(LEFTOVER.fullmatch(name)) for name in leftovers(script)] == [True]


def test_a_folder_that_cannot_be_synced_is_no_failure(script: Path) -> None:
    numbers = [number for number, name in enumerate(calls_of(script), 1) if name in {"open", "fsync"}]

    for number in numbers[-2:]:
        script.write_bytes(OLD)

        assert rewrite(script, Watched(before=failing(errno.EINVAL, at=number)).system) == ""
        assert script.read_bytes() == NEW


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system itself refuse to make files larger than that, in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@either_way
def test_a_limit_met_half_way_is_undone(tmp_path: Path, *, is_linked: bool) -> None:
    path = make_script(tmp_path, is_linked=is_linked)
    file = read_script(path)

    with largest_file(len(OLD) + 5), pytest.raises(FileTrouble) as caught:
        write_script(file, NEW + b"#" * 5000, body_end=len(BODY))

    state = "; it is as it was" if is_linked else ""
    assert str(caught.value) == f"the file cannot be written: file too large{state}"
    assert (path.read_bytes(), leftovers(path)) == (OLD, [])


def rewrite_under(mount: str, folder: Path, path: Path, text: bytes) -> dict[str, Any]:
    """Rewrite a script where something is mounted, or skip the test if nobody but root may mount anything."""
    other = folder / "wanted"
    other.write_bytes(text)
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no user and mount namespaces here")
    program = [sys.executable, rewrite_once.__file__, str(path), str(other), str(len(BODY))]
    done = subprocess.run(
        [unshare, "-rm", "sh", "-ec", f'{mount}\nexec "$@"', "sh", *program],
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@either_way
def test_a_disk_that_is_really_full_loses_nothing(tmp_path: Path, *, is_linked: bool) -> None:
    script = make_script(tmp_path, is_linked=False)
    (tmp_path / "small").mkdir()
    mount = """
        mount -t tmpfs -o size=64k tmpfs small
        cp script.py small
        head -c 100000 /dev/zero > small/filler 2> small/other.py || true
    """ + ("ln -f small/script.py small/other.py" if is_linked else "")

    answer = rewrite_under(mount, tmp_path, tmp_path / "small" / script.name, NEW + b"#" * 50_000)

    state = "; it is as it was" if is_linked else ""
    assert answer == {
        "done": f"the file cannot be written: no space left on device{state}",
        "text": OLD.decode(),
        "is_same_file": True,
        "names": ["filler", "other.py", "script.py"],
    }


def test_a_file_that_is_really_bind_mounted_is_written_in_place(script: Path, tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "script.py").touch()
    mount = "mount --bind script.py mounted/script.py"

    answer = rewrite_under(mount, tmp_path, tmp_path / "mounted" / "script.py", NEW)

    assert answer == {"done": "True", "text": NEW.decode(), "is_same_file": True, "names": ["script.py"]}
    assert script.read_bytes() == NEW


def edit(path: Path) -> None:
    path.write_bytes(b"import this\n")


def edit_unseen(path: Path) -> None:
    status = path.stat()
    path.write_bytes(OLD.replace(b"hello", b"adieu"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def save_as_editors_do(path: Path) -> None:
    draft = path.with_name("other.py")
    draft.write_bytes(OLD)
    draft.replace(path)


def remove(path: Path) -> None:
    path.unlink()


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_a_symlink(path: Path) -> None:
    path.replace(path.with_name("other.py"))
    path.symlink_to("other.py")


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


changes = pytest.mark.parametrize(
    "change",
    [edit, edit_unseen, save_as_editors_do, remove, become_a_folder, become_a_symlink, become_a_fifo],
)


def contents(folder: Path) -> dict[str, object]:
    """Return what is in a folder: the bytes of files, the kind of everything else."""
    return {
        entry.name: entry.read_bytes()
        if entry.is_file() and not entry.is_symlink()
        else entry.lstat().st_mode
        for entry in folder.iterdir()
    }


@changes
@pytest.mark.parametrize("body_end", [len(BODY), None])
def test_whoever_changed_the_script_meanwhile_keeps_the_change(
    script: Path, change: Callable[[Path], None], body_end: int | None
) -> None:
    file = read_script(script)
    change(script)
    before = contents(script.parent)

    with pytest.raises(ScriptChanged):
        write_script(file, NEW, body_end=body_end)

    assert contents(script.parent) == before


@changes
def test_a_change_while_the_new_file_is_made_is_kept(script: Path, change: Callable[[Path], None]) -> None:
    after: dict[str, object] = {}

    def change_now(name: str, number: int) -> None:
        if name == "fsync":
            change(script)
            after.update({n: c for n, c in contents(script.parent).items() if not LEFTOVER.fullmatch(n)})

    with pytest.raises(ScriptChanged):
        rewrite(script, Watched(before=change_now).system)

    assert contents(script.parent) == after


def test_a_change_before_writing_in_place_is_kept(script: Path) -> None:
    def refuse_and_edit(name: str, number: int) -> None:
        if name == "replace":
            edit(script)
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with pytest.raises(ScriptChanged):
        rewrite(script, Watched(before=refuse_and_edit).system)

    assert contents(script.parent) == {"script.py": b"import this\n"}


@either_way
def test_of_many_rewrites_at_once_exactly_one_wins(tmp_path: Path, *, is_linked: bool) -> None:
    path = make_script(tmp_path, is_linked=is_linked)
    file = read_script(path)
    texts = [BODY + b"# | %d\n" % number for number in range(8)]
    together = threading.Barrier(len(texts))
    won: list[bytes] = []
    lost: list[bytes] = []

    def write(text: bytes) -> None:
        together.wait()
        try:
            write_script(file, text, body_end=len(BODY))
        except ScriptChanged:
            lost.append(text)
        else:
            won.append(text)

    threads = [threading.Thread(target=write, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert won == [path.read_bytes()]
    assert sorted(won + lost) == texts
    assert leftovers(path) == []


@either_way
def test_from_comparing_to_writing_the_script_is_locked(tmp_path: Path, *, is_linked: bool) -> None:
    path = make_script(tmp_path, is_linked=is_linked)
    locked = []

    def try_to_lock(name: str, number: int) -> None:
        if name in {"replace", "ftruncate"}:
            with path.open("rb") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked.append(name)

    rewrite(path, Watched(before=try_to_lock).system)

    assert locked == ["ftruncate" if is_linked else "replace"]


def test_a_rewrite_waits_for_another_and_then_sees_what_that_did(script: Path) -> None:
    other = script.open("rb")
    fcntl.flock(other, fcntl.LOCK_EX)

    def finish(seconds: float) -> None:
        script.with_name("other.py").write_bytes(b"won\n")
        script.with_name("other.py").replace(script)
        other.close()

    with pytest.raises(ScriptChanged):
        write_script(read_script(script), NEW, body_end=None, system=System(sleep=finish))

    assert script.read_bytes() == b"won\n"


def test_a_script_that_locks_itself_while_it_runs_can_be_rewritten(script: Path) -> None:
    slept: list[float] = []

    with script.open("rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        said = rewrite(script, System(sleep=slept.append))

    assert (said, script.read_bytes()) == ("", NEW)
    assert sum(slept) == pytest.approx(5)


def test_a_file_system_without_locks_is_written_all_the_same(script: Path) -> None:
    said = rewrite(script, Watched(before=failing(errno.ENOLCK, names=["flock"])).system)

    assert (said, script.read_bytes()) == ("", NEW)
