"""Filling an environment out of the store: hard links, and the few files that differ from one to the next."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from scriptlock.errors import InstallError
from scriptlock.install import commands
from scriptlock.install.inspection import Spoiled, examine, opened
from scriptlock.install.installer import EmptyEnvironment
from scriptlock.install.record import Row, record
from scriptlock.install.shelves import Bytecode, StoredWheel
from scriptlock.install.threads import for_each, usable_processors
from scriptlock.model import Pin

UNLINKABLE = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.ENOTSUP, errno.ENOSYS})
"""Another device, a file system or a rule without hard links, too many links: then a copy has to do."""

Stock = tuple[StoredWheel, Pin, Bytecode | None]
"""A wheel, what it was locked as, and what its modules were compiled to, if they were."""


class Filling:
    """An environment while it is filled; later wheels replace files of earlier ones, as with pip.

    :param link: makes a hard link; whatever it cannot link is copied.
    :param threads: how many may link at once.
    """

    def __init__(
        self,
        environment: EmptyEnvironment,
        link: Callable[[str, str], None] = os.link,
        *,
        threads: int | None = None,
    ) -> None:
        self.environment, self._link = environment, link
        self._threads = usable_processors() if threads is None else threads
        self._folders: set[str] = set()
        self._made: set[str] = set()

    def add(self, stock: Sequence[Stock]) -> None:
        """Put wheels into the environment, with RECORD (PEP 376) and where they came from (PEP 610).

        :raises InstallError: if one cannot stand beside what is there already.
        :raises Spoiled: if a file of one was changed since it was unpacked.
        :raises OSError: if the environment cannot be written.
        """
        are_apart = self._threads > 1 and self._are_apart(stock)
        if are_apart:
            # The largest first, so that no thread is left alone with it in the end.
            by_size = sorted(stock, key=lambda one: len(one[0].files), reverse=True)
            for_each(by_size, self._link_wheel, threads=self._threads)
        for one in stock:
            if not are_apart:
                self._link_wheel(one)
            self._finish(one)

    def _are_apart(self, stock: Sequence[Stock]) -> bool:
        """Return whether none has anything where another one has a file, so that order does not matter."""
        files: list[str] = []
        folders: set[str] = set()
        for wheel, _, bytecode in stock:
            site = str(self.environment.schemes[wheel.root])
            for part in (wheel, bytecode) if bytecode else (wheel,):
                files += [f"{site}/{path}" for path, _ in part.files]
                folders |= {f"{site}/{path}" for path in part.folders}
            files.append(f"{site}/{wheel.dist_info}/RECORD")
            files += [str(self._place(wheel, "scripts", name)) for _, name, *_ in wheel.commands]
            places = [self._place(wheel, scheme, path) for scheme, path, *_ in wheel.parts]
            files += map(str, places)
            folders |= {
                str(folder)
                for inner in {place.parent for place in places}
                for folder in (inner, *inner.parents)
            }
        return len(files) == len(distinct := set(files)) and distinct.isdisjoint(folders)

    def _link_wheel(self, one: Stock) -> None:
        wheel, pin, bytecode = one
        site = str(self.environment.schemes[wheel.root])
        with _blaming(wheel, pin):
            examine(wheel)
            self._link_all(wheel, site)
            if bytecode is not None:
                self._link_all(bytecode, site)

    def _finish(self, one: Stock) -> None:
        """Write what of a wheel differs from one environment to the next."""
        wheel, pin, bytecode = one
        with _blaming(wheel, pin):
            self._describe(wheel, pin, bytecode)

    def _describe(self, wheel: StoredWheel, pin: Pin, bytecode: Bytecode | None) -> None:
        site = str(self.environment.schemes[wheel.root])
        rows = [*self._parts(wheel), *self._commands(wheel), *self._origin(wheel, pin, site)]
        if bytecode is not None:
            rows += ((path, "", "") for path, _ in bytecode.files)
        lines = wheel.record + record([*rows, (f"{wheel.dist_info}/RECORD", "", "")])
        self._write(f"{site}/{wheel.dist_info}/RECORD", lines.encode())

    def _link_all(self, part: StoredWheel | Bytecode, site: str) -> None:
        """Link the files of a wheel that lie at its root, or their bytecode; there are thousands."""
        for folder in part.folders:
            path = f"{site}/{folder}"
            if path not in self._folders:
                with suppress(FileExistsError):
                    os.mkdir(path)  # noqa: PTH102 - a Path costs as much as the call
                self._folders.add(path)
        content = str(part.content)
        for path in self._link_below(part, site):
            self._put(f"{content}/{path}", f"{site}/{path}")

    def _link_below(self, part: StoredWheel | Bytecode, site: str) -> list[str]:
        """Link the files that are in nobody's way, and return the others."""
        paths = [path for path, _ in part.files]
        if not paths or self._link is not os.link:
            return paths  # of no bytecode, there is no folder either
        left = []
        with opened(str(part.content)) as (here, source), opened(site) as (there, target):
            for path in paths:
                try:
                    os.link(here + path, there + path, src_dir_fd=source, dst_dir_fd=target)
                except OSError:  # whoever tries it again will learn why
                    left.append(path)
        others = set(left)
        self._made.update([f"{site}/{path}" for path in paths if path not in others])
        return left

    def _put(self, source: str, target: str) -> None:
        try:
            self._link(source, target)
        except FileExistsError:
            self._make_way(target)
            self._put(source, target)
        except OSError as error:
            if error.errno not in UNLINKABLE:
                raise
            import shutil

            self._make_way(target)
            shutil.copy2(source, target)  # with its times, which its bytecode depends on
        self._made.add(target)

    def _make_way(self, target: str) -> None:
        """Remove what an earlier wheel put there; what makes the environment one is nobody's to replace."""
        if target in self._made:
            Path(target).unlink()
        elif os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)

    def _write(self, target: str, text: bytes, mode: int = 0o644) -> None:
        self._make_way(target)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        self._made.add(target)

    def _parts(self, wheel: StoredWheel) -> Iterator[Row]:
        """Put what lies under the .data folder of a wheel where it belongs, and yield its rows for RECORD."""
        for scheme, path, inside, size, digest in wheel.parts:
            target, source = self._place(wheel, scheme, path), wheel.content / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            if scheme != "scripts":
                self._put(str(source), str(target))
                yield self._relative(wheel, target), digest, size
            else:
                text = commands.adapt(source.read_bytes(), self.environment.python)
                yield self._script(wheel, target, text)

    def _place(self, wheel: StoredWheel, scheme: str, path: str) -> Path:
        root = self.environment.schemes[scheme]
        return (root / wheel.dist_info.partition("-")[0] if scheme == "headers" else root) / path

    def _commands(self, wheel: StoredWheel) -> Iterator[Row]:
        for command in wheel.commands:
            name, text = commands.write(command, self.environment.python)
            yield self._script(wheel, self.environment.schemes["scripts"] / name, text)

    def _script(self, wheel: StoredWheel, target: Path, text: bytes) -> Row:
        self._write(str(target), text, mode=0o755)
        return self._row(wheel, target, text)

    def _origin(self, wheel: StoredWheel, pin: Pin, site: str) -> Iterator[Row]:
        if pin.url is None:
            return
        parts = urlsplit(pin.url)
        told = {
            "url": parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl(),
            "archive_info": {"hash": f"sha256={wheel.sha256}", "hashes": {"sha256": wheel.sha256}},
        }
        target, text = Path(site, wheel.dist_info, "direct_url.json"), json.dumps(told).encode()
        self._write(str(target), text)
        yield self._row(wheel, target, text)

    def _row(self, wheel: StoredWheel, target: Path, text: bytes) -> Row:
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        return self._relative(wheel, target), f"sha256={digest}", len(text)

    def _relative(self, wheel: StoredWheel, target: Path) -> str:
        return Path(os.path.relpath(target, self.environment.schemes[wheel.root])).as_posix()


@contextmanager
def _blaming(wheel: StoredWheel, pin: Pin) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Spoiled(wheel) from error  # somebody took it away, or its bytecode
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        path = Path(error.filename2 or error.filename).name
        raise InstallError(f"{pin.name} {pin.version} cannot stand beside the others: {path}") from error
