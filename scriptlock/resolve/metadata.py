"""Metadata of wheels: each is fetched once, and kept by a sha256.

Most indexes have a file of it beside the wheel (PEP 658); elsewhere it is read out of the wheel.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from functools import cached_property
from importlib.metadata import Distribution
from itertools import count
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.once import Once

SUFFIX = ".whl.metadata"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class Metadata:
    """The metadata of wheels. Several threads may ask at once.

    :param fetch: returns the file at a URL, which may be an earlier one of that URL.
    :param kept: files of earlier resolutions.
    :param fetch_anew: returns the file that is at a URL now.
    :param inside: returns what a wheel has inside, or None if that takes all of the wheel.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        kept: Kept,
        fetch_anew: Callable[[str], bytes] | None = None,
        inside: Callable[[Any], bytes | None] = lambda _: None,
    ) -> None:
        self._fetch = fetch
        self._fetch_anew = fetch_anew or fetch
        self._kept = kept
        self._files = Once[str, bytes]()
        self._inside = inside
        self._in_wheels = Once[str, bytes | None]()
        self._parsed: dict[bytes, Any] = {}

    def of(self, wheel: Any) -> bytes | None:
        """Return the metadata of a wheel, or None if it is not to be had without the wheel.

        :param wheel: pip's link.
        :raises IndexUnreachable: if the index does not answer.
        """
        place = wheel.metadata_link()
        if place is None:
            return self._of_wheel(wheel)
        try:
            content = self._file(place)
        except IndexUnreachable:
            raise
        except ResolutionError:
            return None  # promised, and not there: a resolver that needs it will say so
        sha256 = _sha256(place)
        return content if sha256 in {None, hashlib.sha256(content).hexdigest()} else None

    @contextmanager
    def handed_to(self, borrowed: Borrowed, surprised: Callable[[bytes], None]) -> Iterator[None]:
        """Give pip these files, in place of having it fetch them again, and of each no more than it reads.

        :param surprised: is given a file that nobody had asked for before pip did.
        """
        preparing, number = borrowed.preparing, count()

        def get_http_url(link: Any, download: Any, download_dir: Any = None, hashes: Any = None) -> Any:
            if not link.url_without_fragment.endswith(SUFFIX):
                return borrowed.get_http_url(link, download, download_dir, hashes)
            path, is_news = Path(folder, str(next(number))), link.url_without_fragment not in self._files
            path.write_bytes(self._file(link))
            if is_news:
                surprised(self._file(link))
            if hashes:
                hashes.check_against_path(str(path))
            return borrowed.File(str(path), "text/plain")

        def get_metadata_distribution(content: bytes, filename: str, *_: str) -> Any:
            header = header_of(content)
            if header not in self._parsed:
                made = borrowed.Distribution(_InMemory(header), None, None)
                if not _is_named(made):
                    raise ResolutionError(f"the metadata of {filename} names no package with a version")
                self._parsed[header] = made
            return self._parsed[header]

        def fetch_lazily(_: Any, wheel: Any) -> Any:
            content = self._of_wheel(wheel, surprised)
            return None if content is None else get_metadata_distribution(content, wheel.filename)

        preparing.get_http_url = get_http_url
        preparing.get_metadata_distribution = get_metadata_distribution
        preparing.RequirementPreparer._fetch_metadata_using_lazy_wheel = fetch_lazily  # noqa: SLF001 - as below
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield
        finally:
            preparing.get_http_url = borrowed.get_http_url
            preparing.get_metadata_distribution = borrowed.get_metadata_distribution
            preparing.RequirementPreparer._fetch_metadata_using_lazy_wheel = borrowed.fetch_lazily  # noqa: SLF001 - as below

    def _file(self, place: Any) -> bytes:
        sha256 = _sha256(place)

        def read() -> bytes:
            url = place.url_without_fragment
            if not sha256:
                return self._fetch(url)
            known = self._kept.metadata(sha256)
            if known is None:
                known = self._fetch_anew(url)
                self._kept.keep_metadata(known)
            return known

        return self._files.get(place.url_without_fragment, read)

    def _of_wheel(self, wheel: Any, surprised: Callable[[bytes], None] = lambda _: None) -> bytes | None:
        """Return what a wheel says of itself, if it need not be downloaded for its hash anyway.

        :param surprised: is given it if nobody had asked for it before.
        """
        sha256 = _sha256(wheel)
        if sha256 is None or wheel.comes_from is None or not wheel.is_wheel or wheel.is_file:
            return None

        url = wheel.url_without_fragment

        def read() -> bytes | None:
            known = self._kept.metadata_of(sha256, url)
            if known is None:
                known = self._inside(wheel)
                if known is not None:
                    self._kept.keep_metadata_of(sha256, url, known)
            return known

        is_news = url not in self._in_wheels
        content = self._in_wheels.get(url, read)
        if content is not None and is_news:
            surprised(content)
        return content


def _sha256(place: Any) -> str | None:
    told: str | None = place._hashes.get("sha256")  # noqa: SLF001 - borrowed.py has looked whether it is there
    return told and told.lower()


def _is_named(distribution: Any) -> bool:
    """Return whether it can be read what a distribution is of; pip takes that for granted."""
    told = distribution.metadata
    try:
        return bool(told.get("Name") and Version(told.get("Version", "")))
    except InvalidVersion:
        return False


class _InMemory(Distribution):
    """What :mod:`importlib.metadata` reads of a distribution that is not installed."""

    def __init__(self, header: bytes) -> None:
        self._text = header.decode("utf-8", "replace")

    @cached_property
    def metadata(self) -> Any:
        """What the header says, read once: pip asks for it again and again."""
        return super().metadata

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


def requires(metadata: bytes) -> tuple[str, ...]:
    """Return what metadata asks for, markers and all (PEP 508)."""
    return tuple(map(str, BytesHeaderParser().parsebytes(header_of(metadata)).get_all("Requires-Dist", [])))


def header_of(metadata: bytes) -> bytes:
    """Return metadata without the description behind its first blank line, which takes long to read."""
    end = _BLANK_LINE.search(metadata)
    return metadata[: end.end()] if end else metadata
