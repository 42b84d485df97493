"""Metadata files that indexes have beside wheels (PEP 658): each is fetched once, and kept by its sha256."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.kept import Kept
from scriptlock.resolve.once import Once

SUFFIX = ".whl.metadata"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class Metadata:
    """The metadata of wheels. Several threads may ask at once.

    :param fetch: returns the file at a URL.
    :param kept: files of earlier resolutions.
    """

    def __init__(self, fetch: Callable[[str], bytes], kept: Kept) -> None:
        self._fetch = fetch
        self._kept = kept
        self._files = Once[str, bytes]()

    def of(self, wheel: Any) -> bytes | None:
        """Return the metadata of a wheel, or None if it is not to be had without the wheel.

        :param wheel: pip's link.
        :raises IndexUnreachable: if the index does not answer.
        """
        place = wheel.metadata_link()
        if place is None:
            return None
        try:
            return self._file(place)
        except IndexUnreachable:
            raise
        except ResolutionError:
            return None  # promised, and not there: a resolver that needs it will say so

    @contextmanager
    def handed_to(self, borrowed: Borrowed) -> Iterator[None]:
        """Give pip these files, in place of having it fetch them again, and of each no more than it reads."""
        preparing, number = borrowed.preparing, count()

        def get_http_url(link: Any, download: Any, download_dir: Any = None, hashes: Any = None) -> Any:
            if not link.url_without_fragment.endswith(SUFFIX):
                return borrowed.get_http_url(link, download, download_dir, hashes)
            path = Path(folder, str(next(number)))
            path.write_bytes(self._file(link))
            if hashes:
                hashes.check_against_path(str(path))
            return borrowed.File(str(path), "text/plain")

        def get_metadata_distribution(content: bytes, *args: Any, **kwargs: Any) -> Any:
            return borrowed.get_metadata_distribution(header_of(content), *args, **kwargs)

        preparing.get_http_url = get_http_url
        preparing.get_metadata_distribution = get_metadata_distribution
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield
        finally:
            preparing.get_http_url = borrowed.get_http_url
            preparing.get_metadata_distribution = borrowed.get_metadata_distribution

    def _file(self, place: Any) -> bytes:
        sha256 = place._hashes.get("sha256")  # noqa: SLF001 - borrowed.py has looked whether it is there

        def read() -> bytes:
            known = self._kept.metadata(sha256) if sha256 else None
            if known is None:
                known = self._fetch(place.url_without_fragment)
                if sha256:
                    self._kept.keep_metadata(known)
            return known

        return self._files.get(place.url_without_fragment, read)


def header_of(metadata: bytes) -> bytes:
    """Return the metadata without the description behind its first blank line, which takes pip long to read."""
    end = _BLANK_LINE.search(metadata)
    return metadata[: end.end()] if end else metadata
