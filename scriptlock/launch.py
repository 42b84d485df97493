"""The warm start: from the command line into the script, with nothing parsed and next to nothing imported.

Whatever it does not know it leaves to the slow way, which writes down what to know the next time: a
memo, named by a digest of all that decides which environment a script gets, holding that environment
and what must not have changed since. Every file that is imported here costs a tenth of a millisecond.
"""
# Without `from __future__ import annotations`: that is one more file to read at every start.

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    Execute = Callable[[str, list[str], dict[str, str]], NoReturn]

BEGIN, END = b"# >>> scriptlock >>>", b"# <<< scriptlock <<<"
HEADER = b"# /// script"
KIND, FOLDER, FILE, SHARED = 0o170000, 0o040000, 0o100000, 0o000022
"""Bits of a mode, which the stat module would have to be imported for."""
RECEIPT = "scriptlock.json"
FRESH = "v1/fresh/known"
"""The file of the cache that has a line for each script whose lock was found to be fresh."""
FEW = 10
"""Words of a command line."""
LAST = "end of memo"
"""Its last line, without which it was cut off."""


def start(words: "Sequence[str]", execute: "Execute" = os.execve) -> None:
    """Do what a command line asks for, if a memo tells how; return otherwise.

    ``run PATH ARGS…`` ends by becoming the script, ``check PATH…`` and ``lock PATH…`` by exiting with 0.

    :param words: the command line without the program.
    :param execute: puts another program in this process's place.
    """
    if len(words) < 2 or words[1].startswith("-") or os.name != "posix":  # noqa: PLR2004 - verb and path
        return
    try:
        root = cache_root(os.environ)
        if root and words[0] == "run":
            _run(root, words[1:], execute)
        elif root and words[0] in ("check", "lock") and not any(word.startswith("-") for word in words):
            known, around = read(f"{root}/{FRESH}"), circumstances(words[0])
            # Making a set takes as long as some searches.
            names = set(known.split()) if len(words) > FEW else known
            if all(fresh_name(read(path), around) in names for path in words[1:]):
                sys.exit(0)
    except (OSError, ValueError):
        pass


def _run(root: str, words: "Sequence[str]", execute: "Execute") -> None:
    name = memo_name(words[0])
    if name is None:
        return
    key, receipt = _recall(f"{root}/v1/memo/{name}")
    environment = f"{root}/v1/environments/{key}"
    lease = _hold(f"{root}/v1/leases/{key.replace('/', '-')}")
    try:
        if digest(read(f"{environment}/{RECEIPT}")) == receipt:
            os.set_inheritable(lease, True)  # noqa: FBT003 - the only way to call it
            become(environment, words, execute)
    finally:
        os.close(lease)  # the slow way may have to lock out everybody, us included


def become(environment: str, words: "Sequence[str]", execute: "Execute" = os.execve) -> "NoReturn":
    """Let a script take this process's place, run by the environment's python.

    :param words: the script and its arguments.
    :raises OSError: if the system refuses, as it does when there are too many arguments.
    """
    python = f"{environment}/bin/python"
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    execute(python, [python, *words], activated(environment, f"{environment}/bin"))


def activated(environment: str, commands: str) -> dict[str, str]:
    """Return what a script sees of our variables: as in an activated environment, `python` is its own.

    :param commands: the folder of the environment's commands.
    """
    search = os.environ.get("PATH", os.defpath)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{search}" if search else commands,
        "VIRTUAL_ENV": environment,
    }


def cache_root(environ: "Mapping[str, str]") -> str | None:
    """Return the cache's folder where that takes no library to know, and nobody else can write to it.

    :raises OSError: if it is not there.
    """
    root = environ.get("SCRIPTLOCK_CACHE_DIR")
    if not root:
        caches = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache"
        # Elsewhere, and without a home, platformdirs knows better.
        if sys.platform != "linux" or "ANDROID_DATA" in environ or caches == "/.cache":
            return None
        root = f"{caches}/scriptlock"
    if not root.startswith("/") or root.startswith("//"):
        return None
    # As pathlib writes it: who looks for what is in use compares texts.
    root = "/" + "/".join([part for part in root.split("/") if part not in ("", ".")])
    found = os.lstat(root)
    return root if found.st_uid == os.geteuid() and found.st_mode & (KIND | SHARED) == FOLDER else None


def memo_name(path: str) -> str | None:
    """Return what the memo of a script is called as long as it stays as it is, None if it is not so simple.

    It depends on the header with the comments around it, the footer, the lines that may name an
    encoding, our surroundings, and where the script lies, so that one that was moved comes by the slow
    way once, and is registered there; on nothing else in the script.

    :raises OSError: if the script cannot be read.
    :raises ValueError: if it is no file.
    """
    text = read(path)
    header, begin, end = text.find(HEADER), text.find(BEGIN), text.find(END)
    once = text.count(HEADER) == 1 and text[header - 1 : header] in {b"", b"\n"}
    if not once or text.count(BEGIN) > 1 or text.count(END) > 1 or (begin < 0) != (end < 0) or end < begin:
        return None
    first = header
    while first > 0 and text.startswith(b"#", above := text.rfind(b"\n", 0, first - 1) + 1):
        first = above
    last = header
    while text.startswith(b"#", last):
        last = _next_line(text, last)
    return digest(
        _join(
            text[first:last],
            text[text.rfind(b"\n", 0, begin) + 1 : _next_line(text, end)] if begin >= 0 else b"",
            text[: _next_line(text, _next_line(text, 0))],
            os.fsencode(os.path.realpath(path)),
            *_surroundings(),
        )
    )


def circumstances(verb: str) -> bytes:
    """Return what decides, beside a script, on whether its lock is fresh.

    :param verb: ``check``, or ``lock``, for which it also counts which Pythons there are.
    :raises OSError: if our own files cannot be looked at.
    """
    pythons = search() if verb == "lock" else ""
    return _join(verb.encode(), pythons.encode(), *_surroundings())


def fresh_name(text: bytes, around: bytes) -> bytes:
    """Return under which name it is kept that a script's lock is fresh, and nothing is odd about the script.

    :param around: the circumstances.
    """
    return digest(_join(around, text)).encode()


def _surroundings() -> "list[bytes]":
    """Return what may change any answer: this scriptlock, its Python and system, and our variables."""
    ours = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("SCRIPTLOCK_")]
    system = os.uname()
    told = [mark(__file__), mark(running()), system.sysname, system.release, system.version, system.machine]
    return [os.fsencode(text) for text in (*told, "\0".join(sorted(ours)))]


def _next_line(text: bytes, start: int) -> int:
    return text.find(b"\n", start) + 1 or len(text)


def _join(*parts: bytes) -> bytes:
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def _recall(memo: str) -> "tuple[str, str]":
    """Return an environment's key, and the digest of its receipt.

    :raises ValueError: if the memo is damaged, or something is not as it was.
    :raises OSError: if there is none.
    """
    key, receipt, others, *files, last = os.fsdecode(read(memo)).split("\n")
    if last != LAST or (others and others != search()):
        raise ValueError("another Python may be found now")
    for file, before in zip(files[::2], files[1::2], strict=True):
        if mark(file) != before:
            raise ValueError("a file was replaced")
    return key, receipt


def running() -> str:
    """Return the Python that runs this, or the one behind its virtual environment."""
    return getattr(sys, "_base_executable", None) or sys.executable


def mark(path: str) -> str:
    """Return what changes when a file is replaced, or something is put into a folder."""
    found = os.stat(path)
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns}"


def search() -> str:
    """Return what changes when there may be another Python to find."""
    marks = []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        try:
            marks.append(f"{folder} {mark(folder)}")
        except OSError:
            marks.append(folder)
    return digest(os.fsencode("\n".join(marks)))


def digest(text: bytes) -> str:
    """Return the sha256 as hex digits, by the module that hashlib would load much more beside."""
    if sys.version_info >= (3, 12):
        from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore]
    else:
        from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore]
    return str(sha256(text).hexdigest())


def read(path: str) -> bytes:
    """Return what is in a file.

    :raises ValueError: if it is no file, but a folder, say.
    """
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

    # To share it takes no right to write; in a cache on a read-only disk nobody has one.
    descriptor = os.open(lease, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.utime(descriptor)  # when the environment was used last
    except OSError:
        pass
    return descriptor
