"""Reading wheels (PEP 427): nothing of one is believed before its RECORD and its paths have been checked."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, NoReturn

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from scriptlock.disk import SYSTEM, append
from scriptlock.errors import InstallError
from scriptlock.install.archive import Contents

SCHEMES = frozenset("data headers platlib purelib scripts".split())
STRONG = frozenset("sha256 sha384 sha512".split())
"""The hash functions that RECORD may use (PEP 376, 427)."""
REPLACED = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json")
"""What is for an installer to say (PEP 376, 610), and signatures of a RECORD that it replaces."""
INSTALLER = b"scriptlock\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a wheel."""

    source: str
    """Its path in the wheel; slashes, as all paths here."""
    scheme: str
    """For which folder of an environment it is; one of :data:`SCHEMES`."""
    path: str
    """Its path in that folder."""
    digest: str
    """As RECORD has it: ``sha256=<urlsafe base64>``."""
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """What a wheel says of itself, after it was found to be true."""

    name: NormalizedName
    version: Version
    dist_info: str
    """The name of its folder of metadata."""
    root: str
    """The scheme of what lies at its root: purelib or platlib."""
    files: tuple[File, ...]
    """Those that were unpacked: INSTALLER is ours, and RECORD is for each environment to write."""


def folders_of(paths: Iterable[str]) -> set[str]:
    """Return the folders that the files with these paths are in, and those that they are in."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def unpack(archive: Path, filename: str, folder: Path, *, modified: int) -> Wheel:
    """Unpack a wheel into a folder that is made for it, and return what it says of itself.

    Its files can be read by everybody and be written to by nobody.

    :param filename: what to call it in messages, and whose name and version it must have.
    :param modified: the modification time of its files, in seconds.
    :raises InstallError: if it is no wheel, or is not what its name and its RECORD say.
    :raises OSError: if the folder cannot be written.
    """
    try:
        with archive.open("rb", buffering=0) as file, zipfile.ZipFile(archive) as opened:
            return _Reader(opened, file, filename).unpack(folder, modified)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        UnicodeDecodeError,
    ) as error:
        # Encrypted, compressed in a way Python does not know, cut off, badly named, or no archive at all.
        raise InstallError(f"{filename} is no wheel that can be read: {error}") from error


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, file: IO[bytes], filename: str) -> None:
        self.archive, self.filename = archive, filename
        self.contents = Contents(archive, file)
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            self._check(entry)
            if not entry.is_dir():
                self.entries[entry.filename] = entry
        for path in sorted(folders_of(self.entries) & self.entries.keys()):
            self.refuse(f"holds {path!r} as a file and as a folder")

    def refuse(self, reason: str) -> NoReturn:
        raise InstallError(f"{self.filename} {reason}", "tell those who publish the package")

    def _check(self, entry: zipfile.ZipInfo) -> None:
        # orig_filename: what zipfile makes of the name, it makes silently.
        name = entry.orig_filename
        parts = name.removesuffix("/").split("/")
        if "\\" in name or "\0" in name or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts):
            self.refuse(f"holds a file whose path is not safe: {name!r}")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            self.refuse(f"holds {name!r}, which is neither a file nor a folder")
        if entry.filename in self.entries:
            self.refuse(f"holds {name!r} twice")

    def unpack(self, folder: Path, modified: int) -> Wheel:
        dist_info = self._dist_info()
        name, version = self._identity(dist_info)
        root = self._root(dist_info)
        record = f"{dist_info}/RECORD"
        ignored = {f"{dist_info}/{name}" for name in REPLACED}
        rows = self._rows(record)
        for path in sorted(rows.keys() - self.entries.keys() - ignored):
            self.refuse(f"lacks {path}, which its RECORD lists")
        files = []
        for path in sorted(self.entries.keys() - ignored):
            if path not in rows:
                self.refuse(f"holds {path}, which its RECORD does not list")
            files.append(self._file(path, root, dist_info, rows[path]))
        made: set[str] = set()
        for file in files:
            self._extract(file, folder, made, modified)
        files.append(self._sign(f"{dist_info}/INSTALLER", root, folder, modified))
        return Wheel(name=name, version=version, dist_info=dist_info, root=root, files=tuple(files))

    def _dist_info(self) -> str:
        tops = {path.partition("/")[0] for path in self.entries}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            self.refuse(f"has {len(found)} folders of metadata instead of one")
        for needed in ("METADATA", "RECORD", "WHEEL"):
            if f"{found[0]}/{needed}" not in self.entries:
                self.refuse(f"has no {needed}")
        return found[0]

    def _headers(self, path: str) -> Mapping[str, str]:
        text = self.archive.read(path).decode("utf-8", "replace")
        return {key.lower(): str(value) for key, value in HeaderParser().parsestr(text).items()}

    def _identity(self, dist_info: str) -> tuple[NormalizedName, Version]:
        """Return name and version, which the file, its folder of metadata and METADATA must agree on."""
        headers = self._headers(f"{dist_info}/METADATA")
        said = [
            dist_info.removesuffix(".dist-info").rpartition("-")[::2],
            tuple(self.filename.split("-")[:2]),
            (headers.get("name", ""), headers.get("version", "")),
        ]
        try:
            identities = {(canonicalize_name(name), Version(version)) for name, version in said}
        except InvalidVersion as error:
            self.refuse(f"has no proper version: {error}")
        if len(identities) != 1:
            names = " and ".join(sorted(f"{name} {version}" for name, version in identities))
            self.refuse(f"says of itself that it is {names}")
        return identities.pop()

    def _root(self, dist_info: str) -> str:
        headers = self._headers(f"{dist_info}/WHEEL")
        if headers.get("wheel-version", "").partition(".")[0] != "1":
            self.refuse(f"is in version {headers.get('wheel-version')} of the format, and only 1 is known")
        return "purelib" if headers.get("root-is-purelib", "").strip().lower() == "true" else "platlib"

    def _rows(self, record: str) -> dict[str, tuple[str, str]]:
        """Return digest and size of each file that the RECORD lists."""
        lines = self.archive.read(record).decode("utf-8", "replace").splitlines()
        rows = {row[0]: (row[1], row[2]) for row in csv.reader(lines) if len(row) == 3}  # noqa: PLR2004 - PEP 376
        if len(rows) != sum(map(bool, lines)):
            self.refuse("has a RECORD that cannot be read")
        return rows

    def _file(self, path: str, root: str, dist_info: str, row: tuple[str, str]) -> File:
        digest, size = row
        if digest.partition("=")[0] not in STRONG or size not in {"", str(self.entries[path].file_size)}:
            self.refuse(f"does not hold {path} as its RECORD lists it")
        scheme, inside = root, path
        top, _, rest = path.partition("/")
        if top.endswith(".data"):
            scheme, _, inside = rest.partition("/")
            if top != f"{dist_info.removesuffix('.dist-info')}.data" or scheme not in SCHEMES or not inside:
                self.refuse(f"holds {path}, which has no place in an environment")
        return File(source=path, scheme=scheme, path=inside, digest=digest, size=self.entries[path].file_size)

    def _extract(self, file: File, folder: Path, made: set[str], modified: int) -> None:
        target = f"{folder}/{file.source}"
        if (parent := target.rpartition("/")[0]) not in made:
            Path(parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        is_executable = self.entries[file.source].external_attr >> 16 & 0o111
        function, _, wanted = file.digest.partition("=")
        digest = hashlib.new(function)

        def digested() -> Iterator[bytes]:
            for chunk in self.contents.chunks(self.entries[file.source]):
                digest.update(chunk)
                yield chunk

        _write(target, digested(), mode=0o555 if is_executable else 0o444, modified=modified)
        if _base64(digest.digest()) != wanted.rstrip("="):
            self.refuse(f"does not hold {file.source} as its RECORD lists it")

    def _sign(self, path: str, root: str, folder: Path, modified: int) -> File:
        _write(f"{folder}/{path}", [INSTALLER], mode=0o444, modified=modified)
        digest = f"sha256={_base64(hashlib.sha256(INSTALLER).digest())}"
        return File(source=path, scheme=root, path=path, digest=digest, size=len(INSTALLER))


def _write(target: str, chunks: Iterable[bytes], *, mode: int, modified: int) -> None:
    # Whoever opens the file for writing after this is refused, unless that is root.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        for chunk in chunks:
            append(SYSTEM, descriptor, chunk)
    finally:
        os.close(descriptor)
    os.utime(target, (modified, modified))


def _base64(digest: bytes) -> str:
    """Return a digest as RECORD has it."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
