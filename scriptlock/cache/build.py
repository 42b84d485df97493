"""Building an environment: virtualenv makes it, an installer fills it, and we look whether that is true."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from scriptlock.cache.skeleton import make
from scriptlock.errors import InstallError
from scriptlock.install.installer import EmptyEnvironment, Fill, Installer, is_hasty
from scriptlock.interpreters import Interpreter
from scriptlock.model import Pin

METADATA = (".dist-info", ".egg-info")


def build(
    folder: Path,
    interpreter: Interpreter,
    pins: Sequence[Pin],
    installer: Installer,
    *,
    lease: int,
    memory: Path,
    offline: bool = False,
) -> None:
    """Make a virtual environment that holds exactly the pins.

    :param folder: where; nothing may be there.
    :param lease: a descriptor that whatever writes into the environment inherits.
    :param memory: a folder that keeps what virtualenv makes of an interpreter.
    :param offline: raise instead of letting the installer fetch anything.
    :raises InstallError: if the pins could not be installed, or something else was.
    :raises Offline: if something would have to be fetched.
    :raises ToolError: if virtualenv failed.
    """
    with _begun(installer, pins, interpreter, offline=offline) as fill:
        skeleton = make(folder, interpreter, memory)
        empty = EmptyEnvironment(
            python=folder / skeleton.python,
            interpreter=interpreter,
            schemes={name: folder / path for name, path in skeleton.schemes.items()},
            lease=lease,
        )
        fill(empty)
    if not empty.python.exists():
        raise InstallError("the environment was taken away while it was built", "run the command again")
    verify({empty.schemes["purelib"], empty.schemes["platlib"]}, pins)


@contextmanager
def _begun(
    installer: Installer, pins: Sequence[Pin], interpreter: Interpreter, *, offline: bool
) -> Iterator[Fill]:
    """Let the installer begin while virtualenv is at work, if it can, and give what does the rest."""
    if pins and is_hasty(installer):
        with installer.begin_install(pins, interpreter, offline=offline) as fill:
            yield fill
    elif pins:
        yield lambda empty: installer.install(pins, empty, offline=offline)
    else:
        yield lambda _: None


def verify(sites: Collection[Path], pins: Sequence[Pin]) -> None:
    """Return if the folders hold exactly the pins, each with all the files that it recorded.

    :param sites: the environment's folders of packages, read without its interpreter.
    :raises InstallError: naming the first difference.
    """
    found: dict[NormalizedName, Version] = {}
    for site in sorted(sites):
        seen: dict[str, frozenset[str]] = {}
        for folder in sorted(path for path in site.iterdir() if path.suffix in METADATA):
            name, version = _identity(folder)
            if name in found:
                raise InstallError(f"{name} was installed twice")
            try:
                found[name] = Version(version)
            except InvalidVersion as error:
                raise InstallError(f"{name} was installed with the version {version!r}") from error
            for path in _lacking(str(site), _recorded(folder, f"{name} {version}"), seen):
                raise InstallError(f"{name} {version} was installed without {path.rpartition('/')[2]}")
    wanted = {pin.name: pin.version for pin in pins}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            asked, got = (versions.get(name, "nothing") for versions in (wanted, found))
            raise InstallError(f"{name}: {asked} was to be installed, and {got} was")


def _lacking(site: str, paths: Iterable[str], seen: dict[str, frozenset[str]]) -> Iterator[str]:
    """Yield the paths, as RECORD writes them, where nothing is.

    :param seen: what is in each folder; to look at a folder is cheaper than at each file in it.
    """
    for path in paths:
        parent, slash, name = path.rpartition("/")
        folder = parent + slash
        if folder not in seen:
            seen[folder] = _names(os.path.join(site, folder))  # noqa: PTH118 - a Path costs as much as the look
        if name not in seen[folder]:
            yield path


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    except (FileNotFoundError, NotADirectoryError, ValueError):  # no folder can have a NUL in its name
        return frozenset()


def _identity(folder: Path) -> tuple[NormalizedName, str]:
    """Return name and version as the metadata has them; importlib.metadata takes 20 ms to be imported."""
    told: dict[str, str] = {}
    try:
        with (folder / "METADATA").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line == "\n":  # a description follows, which is often long
                    break
                field, _, value = line.partition(":")
                told.setdefault(field.lower(), value.strip())
        return canonicalize_name(told["name"]), told["version"]
    except (OSError, KeyError) as error:
        raise InstallError(f"{folder.name} was installed, which says neither name nor version") from error


def _recorded(folder: Path, whose: str) -> list[str]:
    """Return the files that a distribution says it consists of, in the format of PEP 376."""
    try:
        with (folder / "RECORD").open(encoding="utf-8", newline="") as record:
            rows = [row[0] for row in csv.reader(record) if row]
        by = (folder / "INSTALLER").read_bytes()
    except OSError:
        rows, by = [], b""
    except (UnicodeDecodeError, csv.Error) as error:
        raise InstallError(f"{whose} was installed with a RECORD that cannot be read") from error
    if not rows or not by:
        raise InstallError(f"{whose} was installed without a RECORD or INSTALLER")
    return rows
