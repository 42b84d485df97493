"""Finding a Python, and what markers and wheels see in it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from scriptlock import probe, process
from scriptlock.errors import NoInterpreter, ToolError

if TYPE_CHECKING:
    from python_discovery import PythonInfo

OLDEST = (3, 9)
"""The oldest Python that packaging and virtualenv can still deal with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that environments can be made from; never one that lives in an environment itself."""

    executable: Path
    """Absolute, without symbolic links."""
    version: Version
    implementation: str
    """As ``platform.python_implementation()`` has it: CPython, PyPy."""
    markers: Mapping[str, str]
    """Its PEP 508 variables."""
    tags: tuple[str, ...]
    """The wheel tags it accepts, the most preferred first."""
    identity: Mapping[str, str | int]
    """JSON values that change whenever what was built with it might not work with it any more."""

    def __str__(self) -> str:
        return f"{self.implementation} {self.version} ({self.executable})"


def find_interpreter(
    wanted: str | os.PathLike[str] | None,
    requires_python: SpecifierSet | None,
    *,
    memory: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Interpreter:
    """Return the Python to use: the one running this if it fits, else the newest found that does.

    Finished releases come before prereleases, CPython before others, and the working folder decides
    nothing unless a relative path is wanted.

    :param wanted: a path, a version (``3.12``), or an implementation with or without one (``pypy3.10``).
    :param memory: a folder of our own that keeps what Pythons said of themselves: asking takes 50 ms each.
    :param environ: whose ``PATH`` is searched.
    :raises NoInterpreter: if none fits; it lists what was found.
    :raises ToolError: if what is wanted is no Python, or one too old.
    """
    if isinstance(wanted, os.PathLike):
        # With a separator in it, it is no version or implementation. A Path would lose the dot again.
        wanted = os.path.join(os.curdir, wanted)  # noqa: PTH118
    running = _running_base()
    if wanted is None and running and _admits(requires_python, Version(_python_version())):
        return _inspect(running, memory)
    found = _found(wanted, memory, environ)
    if best := next((info for info in found if _admits(requires_python, _version(info))), None):
        inspected = _inspect(_base(best), memory)
        if memory is None or inspected.version == _version(best):
            return inspected
        # What was found is remembered by path and time, which another Python may share by now.
        _forget(memory)
        return find_interpreter(wanted, requires_python, environ=environ)
    wishes = [wanted or "", f"requires-python {requires_python}" if requires_python else ""]
    # Where something answers to the name, it is the script that rules it out; say nothing of the others.
    listed = found or _found(None, memory, environ)
    told = " and ".join(filter(None, wishes)) or "this script"
    raise NoInterpreter(told, tuple(map(_describe, listed)), _meant(requires_python))


def _meant(requires_python: SpecifierSet | None) -> str | None:
    """Return the hint to what somebody meant who asks for one release, and named a series of them."""
    for specifier in requires_python or ():
        series = specifier.version
        if specifier.operator in {"==", "==="} and re.fullmatch(r"\d+\.\d+", series):
            return f"`=={series}` is {series}.0 alone; `=={series}.*` is any {series}"
    return None


def is_unchanged(identity: Mapping[str, Any]) -> bool:
    """Return whether the file that an interpreter's identity names is still that very file."""
    try:
        return _file(Path(identity["path"])).items() <= identity.items()
    except (OSError, KeyError):
        return False


def _file(executable: Path) -> dict[str, str | int]:
    stat = executable.stat()
    return {
        "path": str(executable),
        "device": stat.st_dev,
        "inode": stat.st_ino,
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
    }


def _running_base() -> Path | None:
    # Not sys.executable: deleting the environment that scriptlock lives in must harm no other.
    executable = getattr(sys, "_base_executable", None) or sys.executable
    return Path(executable).resolve() if executable else None


def _python_version() -> str:
    # A Python built between two releases calls itself 3.14.0+.
    return platform.python_version().removesuffix("+")


def _admits(requires_python: SpecifierSet | None, version: Version) -> bool:
    # As pip sees it, 3.15.0rc1 satisfies >=3.15.
    return requires_python is None or requires_python.contains(version.base_version)


def _found(wanted: str | None, memory: Path | None, environ: Mapping[str, str]) -> list[PythonInfo]:
    """Return the Pythons that answer to the wish, the most preferred first."""
    import logging

    from python_discovery import DiskCache, PythonInfo, iter_interpreters

    # It warns of every Python 2 on the way, and without a handler that would end up on stderr.
    logging.getLogger("python_discovery").addHandler(logging.NullHandler())
    cache = None if memory is None else DiskCache(memory)
    searched = process.clean_environment(environ)
    searched["PATH"] = os.pathsep.join(_search_path(searched.get("PATH", "")))
    try:
        if wanted is not None and _is_path(wanted):
            named = PythonInfo.from_exe(str(_executable(Path(wanted))), cache, env=searched)
            found = [] if named is None else [named]
        else:
            found = list(iter_interpreters(wanted, cache=cache, env=searched))
    except (RuntimeError, ValueError, OSError) as error:
        hint = "name one by a path or a version such as 3.12"
        raise ToolError(f"{wanted} is no Python that can be started", hint) from error
    usable = [info for info in found if info.version_info >= OLDEST]
    if found and not usable and wanted is not None:
        oldest = ".".join(map(str, OLDEST))
        raise ToolError(f"{_describe(found[0])} is too old to make environments from; {oldest} is the oldest")
    running = _running_base()

    def rank(info: PythonInfo) -> tuple[object, ...]:
        ordinary = (info.implementation == "CPython", not info.free_threaded, not info.debug_build)
        return (_base(info) == running, info.version_info.releaselevel == "final", *ordinary, _version(info))

    return sorted(usable, key=rank, reverse=True)


def _forget(memory: Path) -> None:
    from python_discovery import DiskCache, PythonInfo

    PythonInfo.clear_cache(DiskCache(memory))


def _is_path(wanted: str) -> bool:
    return os.sep in wanted or (os.altsep is not None and os.altsep in wanted)


def _executable(path: Path) -> Path:
    """Return the path itself, or the Python of the environment that it is the folder of."""
    path = path.expanduser().absolute()
    inside = (path / "bin" / "python", path / "Scripts" / "python.exe", path / "python.exe")
    return next((candidate for candidate in inside if candidate.is_file()), path)


def _search_path(path: str) -> Iterator[str]:
    """Yield the folders to search: for the shims of pyenv, mise and asdf, the Pythons behind them.

    A shim costs as much time as ten Pythons, answers by the working folder, or not at all.
    """
    for folder in filter(None, path.split(os.pathsep)):
        root = Path(folder).parent
        kept = (root / "versions", root / "installs" / "python")
        if Path(folder).name == "shims" and any(versions.is_dir() for versions in kept):
            yield from (str(found) for versions in kept for found in sorted(versions.glob("*/bin")))
        else:
            yield folder


def _base(info: PythonInfo) -> Path:
    return Path(info.system_executable or info.executable).resolve()


def _version(info: PythonInfo) -> Version:
    return Version(info.marker_environment["python_full_version"].removesuffix("+"))


def _describe(info: PythonInfo) -> str:
    return f"{info.implementation} {_version(info)} ({_base(info)})"


def _inspect(executable: Path, memory: Path | None) -> Interpreter:
    """Ask it, or remember what it said when it was the same file."""
    file = _file(executable)
    if executable == _running_base():
        return _interpreter(file, _own_answer())
    if memory is None:
        return _interpreter(file, _ask(executable))
    asked = json.dumps([_packaging(), file], sort_keys=True)
    remembered = memory / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # asked never before, or not written by us
        return _interpreter(file, json.loads(remembered.read_bytes()))
    answer = _ask(executable)
    with suppress(OSError):  # it is only slower without
        written = remembered.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(answer), "utf-8")
        written.replace(remembered)
    return _interpreter(file, answer)


@cache  # milliseconds, for each of many scripts
def _own_answer() -> Mapping[str, Any]:
    return probe.describe()


def _packaging() -> str:
    # What it answers depends on the copy of packaging that asks; so does the name that it is kept under.
    spec = find_spec("packaging")
    assert spec is not None  # noqa: S101 - it is imported above
    assert spec.origin is not None  # noqa: S101 - it is no namespace package
    return str(Path(spec.origin).parent.parent)


def _ask(executable: Path) -> dict[str, Any]:
    """Run the probe there: isolated, without site-packages, so that only that packaging can be imported."""
    answer = _answer(executable, _packaging()) or _answer(executable, _old_packaging())
    if answer is None:
        raise ToolError(f"{executable} does not say what it can install")
    return answer


def _answer(executable: Path, packaging: str) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        done = process.run([str(executable), "-I", "-S", probe.__file__, packaging])
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    return None


def _old_packaging() -> str:
    """Return where there is a packaging for the oldest Pythons, which ours may have left behind."""
    from virtualenv.seed.wheels.embed import get_embed_wheel

    bundled = get_embed_wheel("pip", ".".join(map(str, OLDEST)))
    assert bundled is not None  # noqa: S101 - it has one for every Python that it knows
    return str(bundled.path / "pip" / "_vendor")


def _interpreter(file: Mapping[str, str | int], answer: Mapping[str, Any]) -> Interpreter:
    markers = answer["markers"]
    said = {
        "implementation": markers["implementation_name"],
        "implementation_version": markers["implementation_version"],
        "version": markers["python_full_version"],
        "abi": answer["abi"],
        "platform": answer["platform"],
    }
    return Interpreter(
        executable=Path(str(file["path"])),
        version=Version(markers["python_full_version"].removesuffix("+")),
        implementation=markers["platform_python_implementation"],
        markers=markers,
        tags=tuple(answer["tags"]),
        identity={**said, **file},
    )
