"""The warm start: from the command line into the script, with nothing parsed and next to nothing imported.

Whatever it does not know it leaves to the slow way, which writes down what to know the next time: a
memo, named by a digest of all that decides which environment a script gets.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

BEGIN, END = b"# >>> scriptlock >>>", b"# <<< scriptlock <<<"
HEADER = b"# /// script"
KIND, FOLDER, FILE, SHARED = 0o170000, 0o040000, 0o100000, 0o000022
"""Bits of a mode, which the stat module would have to be imported for."""


def start(words: Sequence[str]) -> None:
    """Become the script that ``run PATH ARGS…`` names, if a memo knows its environment; return otherwise.

    :param words: the command line without the program.
    """
    if len(words) < 2 or words[0] != "run" or words[1].startswith("-") or os.name != "posix":  # noqa: PLR2004
        return
    root = cache_root(os.environ)
    if root is None:
        return
    try:
        memo = _memo(root, words[1])
        if memo is None:
            return
        environment, lease, receipt, python, file = memo
        if file != identify(python):
            return
        descriptor = _hold(f"{root}/v1/leases/{lease}")
        if not _is_ready(environment, receipt):
            os.close(descriptor)  # the slow way may have to lock out everybody, us included
            return
    except (OSError, ValueError):
        return
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the only way to call it
    become(environment, words[1], words[2:])


def cache_root(environ: Mapping[str, str]) -> str | None:
    """Return the cache's folder where that takes no library to know, and nobody else can write to it."""
    root = environ.get("SCRIPTLOCK_CACHE_DIR")
    if not root and sys.platform == "linux":
        caches = environ.get("XDG_CACHE_HOME", "")
        if not caches.strip():
            caches = f"{environ.get('HOME', '')}/.cache"
        root = f"{caches}/scriptlock"
    if not root or not root.startswith("/"):
        return None
    try:
        found = os.lstat(root)
    except OSError:
        return None
    return root if found.st_uid == os.geteuid() and found.st_mode & (KIND | SHARED) == FOLDER else None


def memo_name(path: str, text: bytes, environ: Mapping[str, str]) -> str | None:
    """Return the name of a script's memo, or None if the script is not so simple.

    It depends on the header with the comments around it, the footer, the lines that may name an
    encoding, the Python that runs this, whether a lock is demanded, and where the script lies, so that
    one that was moved comes by the slow way once, and is registered there; on nothing else in the script.
    """
    header = text.find(HEADER)
    begin, end = text.find(BEGIN), text.find(END)
    once = text.count(HEADER) == 1 and text[header - 1 : header] in {b"", b"\n"}
    if not once or text.count(BEGIN) > 1 or text.count(END) > 1 or (begin < 0) != (end < 0):
        return None
    first = header
    while first > 0 and text.startswith(b"#", above := text.rfind(b"\n", 0, first - 1) + 1):
        first = above
    last = header
    while text.startswith(b"#", last) and last < len(text):
        last = text.find(b"\n", last) + 1 or len(text)
    encoding = text.find(b"\n", text.find(b"\n") + 1)
    demanded = environ.get("SCRIPTLOCK_LOCKED", "") if begin < 0 else ""
    running = getattr(sys, "_base_executable", sys.executable)
    parts = [
        text[first:last],
        text[begin:end] if begin >= 0 else b"",
        text[:encoding],
        f"{demanded} {identify(running)}".encode("utf-8", "surrogateescape"),
        os.fsencode(os.path.realpath(path)),
    ]
    return digest(b"\0".join(b"%d " % len(part) + part for part in parts))


def digest(text: bytes) -> str:
    """Return the sha256 as hex digits, by the module that hashlib would load much more beside."""
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]
    except ImportError:  # Python 3.11
        from _sha256 import sha256  # type: ignore[import-not-found]
    return str(sha256(text).hexdigest())


def identify(path: str) -> str:
    """Return what changes when a file is replaced.

    :raises OSError: if it is not there.
    """
    found = os.stat(path)
    return f"{path}|{found.st_dev}|{found.st_ino}|{found.st_size}|{found.st_mtime_ns}"


def become(environment: str, path: str, arguments: Sequence[str]) -> NoReturn:
    """Let the script take this process's place, run by the environment's python."""
    # As in an activated environment: `python` and the packages' commands are its own.
    search = os.environ.get("PATH")
    bin_folder = f"{environment}/bin"
    os.environ["PATH"] = f"{bin_folder}:{search}" if search else bin_folder
    os.environ["VIRTUAL_ENV"] = environment
    python = f"{bin_folder}/python"
    # Python would take a name that starts with a dash for an option.
    name = f"./{path}" if path.startswith("-") else path
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [python, name, *arguments])  # noqa: S606 - an argv list, and no shell wanted


def remember(environment: str, path: str) -> None:
    """Write the memo that the next start of the script will find; without it, that is slower, no more."""
    import json

    # <root>/v1/environments/<interpreter>/<resolution>
    root, version, _, *key = environment.rsplit("/", 4)
    try:
        name = memo_name(path, _read(path), os.environ)
        receipt = _read(f"{environment}/scriptlock.json")
        python = json.loads(receipt)["interpreter"]["path"]
        lines = (environment, "-".join(key), digest(receipt), python, identify(python))
        if name is None or "\n" in "".join(lines):
            return
        written = f"{root}/{version}/memo/{os.getpid()}"
        with open(written, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join(lines))
        os.replace(written, f"{root}/{version}/memo/{name}")
    except OSError:
        pass


def _memo(root: str, path: str) -> list[str] | None:
    name = memo_name(path, _read(path), os.environ)
    if name is None:
        return None
    lines = _read(f"{root}/v1/memo/{name}").decode("utf-8", "surrogateescape").split("\n")
    return lines if len(lines) == 5 else None  # noqa: PLR2004 - as remember() wrote it


def _read(path: str) -> bytes:
    # A FIFO would block, and a terminal is no script: the slow way says so.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if found.st_mode & KIND != FILE:
            raise ValueError("not a regular file")
        return os.read(descriptor, found.st_size + 1)
    finally:
        os.close(descriptor)


def _hold(lease: str) -> int:
    """Return a descriptor that holds the lease.

    :raises OSError: if it cannot be had at once.
    """
    import fcntl

    descriptor = os.open(lease, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.utime(descriptor)  # when the environment was used last
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_ready(environment: str, receipt: str) -> bool:
    try:
        return digest(_read(f"{environment}/scriptlock.json")) == receipt
    except FileNotFoundError:
        return False
