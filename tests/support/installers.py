"""Installers that need no network: one unpacks wheels, one does what a test tells it."""

from __future__ import annotations

import csv
import io
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from scriptlock.cache.environments import Environment
from scriptlock.errors import InstallError
from scriptlock.install.installer import EmptyEnvironment
from scriptlock.model import Pin
from support.wheels import Distribution


def pin_of(file: Distribution, *others: Distribution) -> Pin:
    """Return the pin that a lock has for the file, or for several of one version."""
    hashes = sorted({each.hash for each in (file, *others)})
    return Pin(name=file.name, version=file.version, hashes=tuple(hashes))


class Unpacker:
    """Installs the wheels it was given, and remembers for which environments it was asked."""

    def __init__(self, *wheels: Distribution) -> None:
        self.wheels = {(wheel.name, wheel.version): wheel for wheel in wheels}
        self.asked: list[Path] = []

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        self.asked.append(environment.python)
        for pin in pins:
            wheel = self.wheels.get((pin.name, pin.version))
            if wheel is None:
                raise InstallError(f"there is no wheel of {pin.name} {pin.version}")
            if wheel.hash not in pin.hashes:
                raise InstallError(f"{wheel.filename} is not what was locked")
            unpack(wheel, environment.schemes["purelib"])


def unpack(wheel: Distribution, site: Path) -> None:
    """Put the wheel's files there, and say who did."""
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        archive.extractall(site)
        (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
    installer = record.replace("RECORD", "INSTALLER")
    (site / installer).write_text("unpacker\n", "utf-8")
    with (site / record).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow([installer, "", ""])


class Doing:
    """Installs by calling a function with the environment's folder of packages and the lease."""

    def __init__(self, act: Callable[[Path, int], None]) -> None:
        self.act = act

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        self.act(environment.schemes["purelib"], environment.lease)


def seen_inside(environment: Environment) -> list[str]:
    """Return what the environment's own interpreter finds installed, with who installed it."""
    code = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(): print(d.name, d.version, bool(d.files), bool(d.read_text('INSTALLER')))"
    )
    argv = [str(environment.python), "-I", "-c", code]
    return sorted(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())
