"""What the pages of an index say, as JSON (PEP 691, 700) and as HTML (PEP 503); pure."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from support.wheels import Distribution, Wheel

JSON = "application/vnd.pypi.simple.v1+json"
PAGE_HEADERS = {"Cache-Control": "max-age=600, public", "Vary": "Accept"}
FILE_HEADERS = {"Cache-Control": "max-age=365000000, immutable, public", "Accept-Ranges": "bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file as the index offers it."""

    distribution: Distribution
    yanked: str | bool
    upload_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request gets."""

    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """An index's way of telling what it has."""

    metadata: bool
    """Offer each wheel's METADATA as a file of its own (PEP 658, 714)."""
    hashes: bool
    upload_times: bool

    def names(self, names: Sequence[str], *, as_json: bool) -> Answer:
        """Return the list of all projects."""
        if as_json:
            return _json({"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]})
        return _html([f'<a href="/simple/{name}/">{name}</a>' for name in names])

    def project(self, name: str, entries: Sequence[Entry], *, as_json: bool) -> Answer:
        """Return the page of one project."""
        if not as_json:
            return _html([self._anchor(entry) for entry in entries])
        versions = sorted({entry.distribution.version for entry in entries})
        page = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "versions": [str(version) for version in versions],
            "files": [self._row(entry) for entry in entries],
        }
        return _json(page)

    def file(self, filename: str, entries: Sequence[Entry]) -> Answer | None:
        """Return a file, or the metadata file of a wheel, or None where neither is offered."""
        for file in (entry.distribution for entry in entries):
            if filename == file.filename:
                return _binary(file.content)
            if self.metadata and isinstance(file, Wheel) and filename == f"{file.filename}.metadata":
                return _binary(file.metadata)
        return None

    def _row(self, entry: Entry) -> dict[str, object]:
        file = entry.distribution
        row: dict[str, object] = {
            "filename": file.filename,
            "url": f"../../files/{file.filename}",
            "hashes": {"sha256": file.sha256} if self.hashes else {},
            "size": len(file.content),
            "yanked": entry.yanked,
        }
        if file.requires_python is not None:
            row["requires-python"] = file.requires_python
        if self.upload_times:
            row["upload-time"] = entry.upload_time
        if self.metadata and isinstance(file, Wheel):
            row["core-metadata"] = {"sha256": sha256(file.metadata)} if self.hashes else True
        return row

    def _anchor(self, entry: Entry) -> str:
        file = entry.distribution
        attributes = {"href": f"../../files/{file.filename}"}
        if self.hashes:
            attributes["href"] += f"#sha256={file.sha256}"
        if file.requires_python is not None:
            attributes["data-requires-python"] = file.requires_python
        if entry.yanked is not False:
            attributes["data-yanked"] = "" if entry.yanked is True else entry.yanked
        if self.metadata and isinstance(file, Wheel):
            attributes["data-core-metadata"] = f"sha256={sha256(file.metadata)}" if self.hashes else "true"
        written = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
        return f"<a{written}>{file.filename}</a>"


def _json(page: object) -> Answer:
    return Answer(body=json.dumps(page).encode(), kind=JSON, headers=PAGE_HEADERS)


def _html(anchors: list[str]) -> Answer:
    head = '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1"></head><body>\n'
    page = head + "".join(f"{anchor}<br>\n" for anchor in anchors) + "</body></html>\n"
    return Answer(body=page.encode(), kind="text/html; charset=utf-8", headers=PAGE_HEADERS)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _binary(content: bytes) -> Answer:
    return Answer(body=content, kind="application/octet-stream", headers=FILE_HEADERS)
