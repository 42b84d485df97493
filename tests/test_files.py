"""Scripts are read whole and rewritten so that nothing but the bytes changes."""

from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptlock.errors import FileTrouble, ScriptChanged
from scriptlock.files import ScriptFile, read_script, write_script
from support.systems import Watched, failing

BODY = b"# /// script\n# dependencies = []\n# ///\nprint('hello')\n"
OLD = BODY + b"\n\n# | old\n"
NEW = BODY + b"\n\n# | new, and longer\n"
NOBODY = 65534


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody can reach: pytest's own are only for the user who runs it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be a user for whom permissions count; for root they do not."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def set_attribute(path: Path, name: str, value: bytes) -> None:
    """Set an extended attribute, or skip the test where there are none."""
    try:
        os.setxattr(path, name, value)
    except (OSError, AttributeError) as error:
        pytest.skip(f"no {name} here: {error}")


def access_list(*, nobody: int, group: int, mask: int) -> bytes:
    """Return a POSIX ACL as Linux stores it: rw for the owner, these bits for others."""
    nobody_id = 0xFFFFFFFF
    entries = [
        (1, 6, nobody_id),
        (2, nobody, NOBODY),
        (4, group, nobody_id),
        (16, mask, nobody_id),
        (32, 0, nobody_id),
    ]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def looks(path: Path) -> tuple[int, int, int, int]:
    """Return what a rewrite must not change: mode, owner, group, and (in place) the inode."""
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_gid, status.st_ino


def test_reading_gives_the_bytes_and_the_real_path(script: Path) -> None:
    status = script.stat()

    file = read_script(str(script))

    stamp = (status.st_dev, status.st_ino, len(OLD), status.st_mtime_ns)
    assert file == ScriptFile(path=script.resolve(), text=OLD, stamp=stamp)


def test_a_relative_path_stays_right_when_the_working_folder_changes(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(script.parent)
    file = read_script(script.name)
    monkeypatch.chdir("/")

    write_script(file, NEW, body_end=len(BODY))

    assert script.read_bytes() == NEW


def test_writing_leaves_the_new_text_and_nothing_else(script: Path) -> None:
    assert write_script(read_script(script), NEW, body_end=len(BODY))

    assert script.read_bytes() == NEW
    assert list(script.parent.iterdir()) == [script]


def test_a_new_file_is_whole_on_disk_before_it_takes_the_old_ones_place(script: Path) -> None:
    watched = Watched()

    write_script(read_script(script), NEW, body_end=len(BODY), system=watched.system)

    assert watched.calls == "open flock open write fchmod fsync replace open fsync".split()


def test_a_file_with_hard_links_is_cut_before_it_grows_again(script: Path) -> None:
    other = script.with_name("other.py")
    other.hardlink_to(script)
    before = looks(script)
    watched = Watched()

    assert write_script(read_script(script), NEW, body_end=len(BODY), system=watched.system)

    assert watched.calls == "open flock ftruncate fsync write fsync".split()
    assert (looks(script), other.read_bytes(), other.samefile(script)) == (before, NEW, True)


@given(
    body=st.binary(max_size=50),
    old=st.binary(max_size=50),
    new=st.binary(max_size=50),
    is_linked=st.booleans(),
)
@example(body=b"", old=b"", new=b"x", is_linked=False)  # an empty file
@example(body=b"x = 1", old=b"", new=b"\n\n\n# | new\n", is_linked=True)  # no newline at the end
@example(body=b"x = 1", old=b"\n\n\n# | old\n", new=b"", is_linked=True)
def test_every_text_arrives_byte_for_byte(body: bytes, old: bytes, new: bytes, *, is_linked: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "script.py")
        path.write_bytes(body + old)
        if is_linked:
            path.with_name("other.py").hardlink_to(path)

        is_written = write_script(read_script(path), body + new, body_end=len(body))

        assert (is_written, path.read_bytes()) == (old != new, body + new)


def test_equal_bytes_open_nothing_for_writing(script: Path) -> None:
    script.chmod(0o444)
    before = script.stat()
    watched = Watched()

    assert not write_script(read_script(script), OLD, body_end=len(BODY), system=watched.system)

    assert watched.calls == []
    after = script.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_texts_that_differ_in_the_body_are_a_bug_of_the_caller(script: Path) -> None:
    with pytest.raises(ValueError, match="differ before body_end"):
        write_script(read_script(script), b"x" + NEW, body_end=len(BODY))

    assert script.read_bytes() == OLD


def test_a_symlink_stays_one_and_its_target_is_rewritten(script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    first, second = folder / "first", folder / "second"
    first.symlink_to("../script.py")
    second.symlink_to(first)

    write_script(read_script(second), NEW, body_end=len(BODY))

    assert (first.readlink(), second.readlink()) == (Path("../script.py"), first)
    assert script.read_bytes() == NEW
    assert sorted(folder.iterdir()) == [first, second]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o4711, 0o620])
def test_the_mode_stays(script: Path, mode: int) -> None:
    file = read_script(script)
    script.chmod(mode)

    write_script(file, NEW, body_end=len(BODY))

    assert (stat.S_IMODE(script.stat().st_mode), script.read_bytes()) == (mode, NEW)


def test_nobody_else_can_read_a_private_script_while_it_is_written(script: Path) -> None:
    script.chmod(0o600)
    seen: list[int] = []

    def look(name: str, number: int) -> None:
        seen.extend(path.stat().st_mode & 0o077 for path in script.parent.iterdir())

    old_mask = os.umask(0)
    try:
        write_script(read_script(script), NEW, body_end=len(BODY), system=Watched(before=look).system)
    finally:
        os.umask(old_mask)

    assert set(seen) == {0}


def test_extended_attributes_stay(script: Path) -> None:
    set_attribute(script, "user.origin", b"here\0there")
    inode = script.stat().st_ino

    write_script(read_script(script), NEW, body_end=len(BODY))

    assert (script.read_bytes(), os.getxattr(script, "user.origin")) == (NEW, b"here\0there")
    assert script.stat().st_ino != inode


def test_an_attribute_that_a_new_file_cannot_get_stays_where_it_is(script: Path) -> None:
    set_attribute(script, "user.origin", b"here")
    before = looks(script)
    watched = Watched(before=failing(errno.EOPNOTSUPP, names=["setxattr"]))

    write_script(read_script(script), NEW, body_end=len(BODY), system=watched.system)

    assert (script.read_bytes(), os.getxattr(script, "user.origin"), looks(script)) == (NEW, b"here", before)
    assert list(script.parent.iterdir()) == [script]


def test_an_access_list_stays(script: Path) -> None:
    acl = access_list(nobody=6, group=0, mask=6)
    set_attribute(script, "system.posix_acl_access", acl)

    write_script(read_script(script), NEW, body_end=len(BODY))

    assert (script.read_bytes(), os.getxattr(script, "system.posix_acl_access")) == (NEW, acl)
    assert stat.S_IMODE(script.stat().st_mode) == 0o660


def test_an_access_list_of_the_folder_lets_nobody_else_in(script: Path) -> None:
    set_attribute(script.parent, "system.posix_acl_default", access_list(nobody=6, group=6, mask=6))

    write_script(read_script(script), NEW, body_end=len(BODY))

    assert script.read_bytes() == NEW
    assert "system.posix_acl_access" not in os.listxattr(script)


def test_what_a_new_file_has_anyway_is_not_given_to_it_again(script: Path) -> None:
    acl = access_list(nobody=6, group=6, mask=6)
    set_attribute(script, "system.posix_acl_access", acl)
    set_attribute(script.parent, "system.posix_acl_default", acl)
    script.chmod(0o600)  # as the mode that a new file is made with narrows the ACL
    watched = Watched()

    write_script(read_script(script), NEW, body_end=len(BODY), system=watched.system)

    assert watched.calls == "open flock open write fsync replace open fsync".split()


def test_a_capability_is_not_handed_on_to_other_bytes(script: Path) -> None:
    set_attribute(script, "security.capability", struct.pack("<5I", 0x02000000, 1 << 10, 0, 0, 0))
    inode = script.stat().st_ino

    write_script(read_script(script), NEW, body_end=len(BODY))

    assert "security.capability" not in os.listxattr(script)
    assert (script.read_bytes(), script.stat().st_ino != inode) == (NEW, True)


@only_root
def test_root_leaves_a_script_to_its_owner(script: Path) -> None:
    os.chown(script, NOBODY, NOBODY)
    mode, owner, group, inode = looks(script)

    write_script(read_script(script), NEW, body_end=len(BODY))

    assert (looks(script)[:3], script.read_bytes()) == ((mode, owner, group), NEW)
    assert script.stat().st_ino != inode


@only_root
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_script_of_somebody_else_is_not_taken_over(shared: Path, mode: int) -> None:
    shared.chmod(mode)
    path = shared / "script.py"
    path.write_bytes(OLD)
    path.chmod(0o666)
    before = looks(path)

    with unprivileged():
        write_script(read_script(path), NEW, body_end=len(BODY))

    assert (looks(path), path.read_bytes(), list(shared.iterdir())) == (before, NEW, [path])


@pytest.mark.parametrize("mode", [0o555, 0o1555])
def test_in_a_read_only_folder_the_file_itself_is_written(shared: Path, mode: int) -> None:
    path = shared / "script.py"
    path.write_bytes(OLD)
    path.chmod(0o666)
    before = looks(path)
    shared.chmod(mode)

    with unprivileged():
        write_script(read_script(path), NEW, body_end=len(BODY))

    shared.chmod(0o755)
    assert (looks(path), path.read_bytes()) == (before, NEW)


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EROFS])
def test_a_bind_mounted_file_is_written_in_place(script: Path, code: int) -> None:
    before = looks(script)
    watched = Watched(before=failing(code, names=["replace"]))

    write_script(read_script(script), NEW, body_end=len(BODY), system=watched.system)

    assert (looks(script), script.read_bytes(), list(script.parent.iterdir())) == (before, NEW, [script])


def test_text_after_the_lock_is_never_put_at_risk(script: Path) -> None:
    script.with_name("other.py").hardlink_to(script)
    watched = Watched()

    with pytest.raises(FileTrouble) as caught:
        write_script(read_script(script), NEW, body_end=None, system=watched.system)

    assert watched.calls == ["open", "flock"]
    assert str(caught.value) == (
        "the file can only be written in place (it has hard links), which would risk the text after the lock"
    )
    assert caught.value.hint == "move that text above the lock"
    assert script.read_bytes() == OLD


def test_text_after_the_lock_is_no_trouble_where_a_new_file_can_be_made(script: Path) -> None:
    assert write_script(read_script(script), NEW, body_end=None)

    assert script.read_bytes() == NEW


@pytest.mark.parametrize(
    "name",
    [
        "with space.py",
        "Übung 東京.py",
        os.fsdecode(b"un\xffdecodable.py"),
        "-",
        "n" * 252 + ".py",
        "no newline\n",
    ],
)
def test_every_file_name_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    try:
        path.write_bytes(OLD)
    except OSError as error:
        pytest.skip(f"not a name on this file system: {error}")

    write_script(read_script(path), NEW, body_end=len(BODY))

    assert (path.read_bytes(), list(tmp_path.iterdir())) == (NEW, [path])


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    dangling = tmp_path / "dangling.py"
    dangling.symlink_to("nowhere.py")

    for path in (dangling, tmp_path / "nowhere.py"):
        with pytest.raises(FileTrouble, match=r"^there is no such file$"):
            read_script(path)


def test_only_regular_files_are_scripts(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader, writer = os.pipe()

    sentences = []
    for path in (tmp_path, fifo, "/dev/null", f"/dev/fd/{reader}"):
        with pytest.raises(FileTrouble) as caught:
            read_script(path)
        sentences.append(str(caught.value))

    os.close(reader)
    os.close(writer)
    assert sentences == ["it is a folder, not a script", *["it is not a regular file"] * 3]


def test_what_takes_the_scripts_place_before_it_is_opened_is_not_read(script: Path) -> None:
    sentences = []
    for change in (os.mkfifo, lambda path: path.symlink_to("/etc/passwd")):

        def swap(name: str, number: int, change: Callable[[Path], None] = change) -> None:
            script.unlink()
            change(script)

        script.unlink()
        script.write_bytes(OLD)
        with pytest.raises(FileTrouble) as caught:
            read_script(script, system=Watched(before=swap).system)
        sentences.append(str(caught.value))

    assert sentences == [
        "it is not a regular file",
        "the file cannot be read: too many levels of symbolic links",
    ]


def test_a_symlink_to_itself_is_one_sentence(tmp_path: Path) -> None:
    loop = tmp_path / "loop.py"
    loop.symlink_to(loop)

    with pytest.raises(FileTrouble, match=r"^the file cannot be read: too many levels of symbolic links$"):
        read_script(loop)


def test_an_unreadable_file_is_one_sentence_and_a_hint(shared: Path) -> None:
    path = shared / "script.py"
    path.write_bytes(OLD)
    path.chmod(0)

    with unprivileged(), pytest.raises(FileTrouble) as caught:
        read_script(path)

    assert str(caught.value) == "the file cannot be read: permission denied"
    assert caught.value.hint == "change its permissions, or copy it to a folder of your own"


def test_a_read_only_file_is_left_alone_though_its_folder_could_be_written(shared: Path) -> None:
    path = shared / "script.py"
    path.write_bytes(OLD)
    path.chmod(0o444)
    shared.chmod(0o777)

    with unprivileged(), pytest.raises(FileTrouble) as caught:
        write_script(read_script(path), NEW, body_end=len(BODY))

    assert str(caught.value) == "the file cannot be written: permission denied"
    assert caught.value.hint == "change its permissions, or copy it to a folder of your own"
    assert path.read_bytes() == OLD


@only_root
def test_a_read_only_file_is_left_alone_by_root_too(script: Path) -> None:
    script.chmod(0o555)

    with pytest.raises(FileTrouble, match=r"^the file cannot be written: it is read-only$"):
        write_script(read_script(script), NEW, body_end=len(BODY))

    assert (script.read_bytes(), list(script.parent.iterdir())) == (OLD, [script])


WITHOUT_UNIX = """
import os, sys
sys.modules["fcntl"] = None
for name in "O_NOFOLLOW O_NONBLOCK O_NOCTTY fchown fchmod listxattr getxattr setxattr removexattr".split():
    delattr(os, name)
from scriptlock.files import read_script, write_script
write_script(read_script(sys.argv[1]), sys.argv[2].encode(), body_end=0)
"""


def test_a_system_that_is_no_unix_can_do_it_too(script: Path) -> None:
    script.chmod(0o600)  # as every file there looks to its only user

    subprocess.run([sys.executable, "-c", WITHOUT_UNIX, script, "new"], check=True)

    assert (script.read_bytes(), list(script.parent.iterdir())) == (b"new", [script])


def test_a_changed_script_has_an_exit_code_of_its_own() -> None:
    assert ScriptChanged.exit_code not in {0, 1, 2, FileTrouble.exit_code}
