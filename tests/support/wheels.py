"""Wheels and source distributions made in memory: the same arguments always give the same bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip archive can hold."""

BACKEND = '''\
"""Builds the wheel that lies beside it; asks for nothing."""

import pathlib
import shutil

{on_build}
HERE = pathlib.Path(__file__).parent


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    shutil.copy(HERE / "built" / "{wheel}", wheel_directory)
    return "{wheel}"
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One file of an index."""

    name: NormalizedName
    version: Version
    filename: str
    content: bytes
    metadata: bytes
    """Its METADATA or PKG-INFO."""
    requires_python: str | None = None

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def hash(self) -> str:
        """As a pin has it: ``sha256:<hex>``."""
        return f"sha256:{self.sha256}"


class Wheel(Distribution):
    """A built distribution."""

    __slots__ = ()


class Sdist(Distribution):
    """A source distribution."""

    __slots__ = ()


def wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    tag: str = "py3-none-any",
    files: Mapping[str, str | bytes] | None = None,
    entry_points: Mapping[str, str] | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    metadata_version: str = "2.1",
    build: str | None = None,
) -> Wheel:
    """Return a wheel that installs one package of that name, which knows its ``__version__``.

    :param files: what it holds instead, by path.
    :param entry_points: console scripts, as name to ``module:function``.
    :param extras: what each extra requires.
    :param build: the build number, which goes into the file name.
    """
    stem = f"{_escape(name)}-{Version(version)}"
    metadata = _metadata(
        name,
        version,
        requires=requires,
        requires_python=requires_python,
        extras=extras,
        metadata_version=metadata_version,
    )
    content: dict[str, bytes] = {}
    for path, text in (files if files is not None else _package(name, version)).items():
        content[path] = text.encode() if isinstance(text, str) else text
    content[f"{stem}.dist-info/METADATA"] = metadata
    content[f"{stem}.dist-info/WHEEL"] = _wheel_file(tag, build)
    if entry_points:
        lines = ["[console_scripts]", *(f"{script} = {target}" for script, target in entry_points.items())]
        content[f"{stem}.dist-info/entry_points.txt"] = "".join(line + "\n" for line in lines).encode()
    content[f"{stem}.dist-info/RECORD"] = _record(content, f"{stem}.dist-info/RECORD")
    return Wheel(
        name=canonicalize_name(name),
        version=Version(version),
        filename=f"{stem}-{build}-{tag}.whl" if build else f"{stem}-{tag}.whl",
        content=_zip(content),
        metadata=metadata,
        requires_python=requires_python,
    )


def sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    static: bool = True,
    on_build: str = "",
) -> Sdist:
    """Return a source distribution that builds the wheel of the same arguments, without any network.

    :param static: whether its PKG-INFO promises to be what the wheel will say (metadata 2.2, PEP 643);
        without that promise a resolver has to build it.
    :param on_build: Python statements that run as soon as anybody builds it.
    """
    stem = f"{_escape(name)}-{Version(version)}"
    built = wheel(name, version, requires=requires, requires_python=requires_python, extras=extras)
    pkg_info = _metadata(
        name,
        version,
        requires=requires,
        requires_python=requires_python,
        extras=extras,
        metadata_version="2.2" if static else "2.1",
    )
    project = [
        "[build-system]",
        "requires = []",
        'build-backend = "backend"',
        'backend-path = ["."]',
        "",
        "[project]",
        f'name = "{name}"',
        'dynamic = ["version", "dependencies", "requires-python", "optional-dependencies"]',
    ]
    content = {
        f"{stem}/PKG-INFO": pkg_info,
        f"{stem}/pyproject.toml": "".join(line + "\n" for line in project).encode(),
        f"{stem}/backend.py": BACKEND.format(wheel=built.filename, on_build=on_build).encode(),
        f"{stem}/built/{built.filename}": built.content,
    }
    return Sdist(
        name=canonicalize_name(name),
        version=Version(version),
        filename=f"{stem}.tar.gz",
        content=_tar_gz(content),
        metadata=pkg_info,
        requires_python=requires_python,
    )


def _escape(name: str) -> str:
    return canonicalize_name(name).replace("-", "_")


def _package(name: str, version: str) -> dict[str, str]:
    return {f"{_escape(name)}/__init__.py": f'__version__ = "{version}"\n'}


def _metadata(
    name: str,
    version: str,
    *,
    requires: Sequence[str],
    requires_python: str | None,
    extras: Mapping[str, Sequence[str]] | None,
    metadata_version: str,
) -> bytes:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {Version(version)}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {text}" for text in requires]
    for extra, texts in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_only_with(extra, text)}" for text in texts]
    return "".join(line + "\n" for line in lines).encode()


def _only_with(extra: str, text: str) -> str:
    """Return the requirement as METADATA has it when an extra brings it."""
    requirement = Requirement(text)
    also = f"({requirement.marker}) and " if requirement.marker else ""
    requirement.marker = None
    return f'{requirement} ; {also}extra == "{extra}"'


def _wheel_file(tag: str, build: str | None) -> bytes:
    purelib = "true" if tag.endswith("-none-any") else "false"
    lines = ["Wheel-Version: 1.0", "Generator: tests", f"Root-Is-Purelib: {purelib}"]
    lines += [f"Tag: {one}" for one in sorted(map(str, parse_tag(tag)))]
    if build:
        lines.append(f"Build: {build}")
    return "".join(line + "\n" for line in lines).encode()


def _record(content: Mapping[str, bytes], itself: str) -> bytes:
    lines = []
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}")
    return "".join(line + "\n" for line in [*lines, f"{itself},,"]).encode()


def _zip(content: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path, FIRST_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = 0o100644 << 16
            opened.writestr(entry, text)
    return archive.getvalue()


def _tar_gz(content: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=archive, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as opened,
    ):
        for path, text in content.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o644
            opened.addfile(entry, io.BytesIO(text))
    return archive.getvalue()
