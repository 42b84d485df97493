"""Building an environment: virtualenv makes it, an installer fills it, and we look whether that is true."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from scriptlock.errors import InstallError, ToolError
from scriptlock.install import Installer
from scriptlock.model import Pin
from scriptlock.process import clean_environment


def build(
    folder: Path, executable: Path, pins: Sequence[Pin], installer: Installer, *, lease: int, memory: Path
) -> None:
    """Make a virtual environment that holds exactly the pins.

    :param folder: where; nothing may be there.
    :param executable: a base interpreter.
    :param lease: a descriptor that whatever writes into the environment inherits.
    :param memory: a folder in which virtualenv keeps what it knows of interpreters.
    :raises InstallError: if the pins could not be installed, or something else was.
    :raises ToolError: if virtualenv failed.
    """
    python, sites = _make(folder, executable, memory)
    if pins:
        installer.install(pins, python, lease)
    verify(sites, pins)


def _make(folder: Path, executable: Path, memory: Path) -> tuple[Path, tuple[Path, ...]]:
    from virtualenv import session_via_cli

    # Without a handler, its warnings would end up on stderr.
    logging.getLogger("virtualenv").addHandler(logging.NullHandler())
    argv = [str(folder), "--python", str(executable), "--app-data", str(memory), "--activators", ""]
    argv += ["--without-pip", "--no-download", "--no-periodic-update", "--no-vcs-ignore"]
    environ = clean_environment(os.environ) | {"VIRTUALENV_CONFIG_FILE": os.devnull}
    try:
        with session_via_cli(argv, setup_logging=False, env=environ) as session:
            session.run()
    except (Exception, SystemExit) as error:  # it has no exception of its own, and argparse exits
        raise ToolError(f"virtualenv cannot make an environment from {executable}: {error}") from error
    creator = session.creator
    return Path(creator.exe), tuple({Path(creator.purelib), Path(creator.platlib)})


def verify(sites: Sequence[Path], pins: Sequence[Pin]) -> None:
    """Return if the folders hold exactly the pins, each with all the files that it recorded.

    :param sites: the environment's folders of packages, read without its interpreter.
    :raises InstallError: naming the first difference.
    """
    found: dict[NormalizedName, Version] = {}
    for distribution in distributions(path=[str(site) for site in sites]):
        name = canonicalize_name(distribution.metadata["Name"])
        if name in found:
            raise InstallError(f"{name} was installed twice")
        try:
            found[name] = Version(distribution.version)
        except InvalidVersion as error:
            raise InstallError(f"{name} was installed with the version {distribution.version!r}") from error
        for path in _recorded(distribution, name):
            if not path.exists():
                raise InstallError(f"{name} {distribution.version} was installed without {path.name}")
    wanted = {pin.name: pin.version for pin in pins}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            asked, got = (versions.get(name, "nothing") for versions in (wanted, found))
            raise InstallError(f"{name}: {asked} was to be installed, and {got} was")


def _recorded(distribution: Distribution, name: str) -> Iterator[Path]:
    """Yield the files that it says it consists of, in the format of PEP 376."""
    # Not distribution.files: since Python 3.12 that leaves out those that are missing.
    record = distribution.read_text("RECORD")
    if not record or not distribution.read_text("INSTALLER"):
        raise InstallError(f"{name} {distribution.version} was installed without a RECORD or INSTALLER")
    for row in filter(None, csv.reader(record.splitlines())):
        yield Path(str(distribution.locate_file(row[0])))
