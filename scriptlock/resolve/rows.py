"""Rows of an index page in JSON (PEP 691), cheap to make: there are thousands, and few are looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

JSON = "application/vnd.pypi.simple.v1+json"
"""The content type of such a page."""
METADATA = ("core-metadata", "dist-info-metadata")
"""Where it says whether the metadata is to be had by itself (PEP 714)."""
_PLAIN = re.compile(r"[A-Za-z0-9_.+-]+")
"""The last part of a URL that is the name of the file; of any other only pip knows what it makes of it."""


class Row:
    """One file. It says the same of itself as pip's link, which is made when somebody wants it.

    :param told: the row, as the page has it.
    :param filename: the last part of its URL.
    :param make: makes pip's link from it.
    """

    __slots__ = ("_link", "_make", "filename", "told")

    def __init__(
        self, told: Mapping[str, Any], filename: str, make: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        self.told = told
        self._make = make
        self._link: Any = None
        self.filename = filename

    @classmethod
    def of(cls, told: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Any]) -> Self:
        """Return it for a row in whose URL the name of the file is plain."""
        return cls(told, _last_part(told["url"]), make)

    @property
    def requires_python(self) -> str | None:
        """The Pythons that it is for (PEP 440)."""
        told = self.told.get("requires-python") or None
        # pip has to say what is wrong with anything else.
        return told if told is None or isinstance(told, str) else self.link.requires_python

    @property
    def is_yanked(self) -> bool:
        """Whether it was yanked (PEP 592)."""
        return bool(self.told.get("yanked"))

    @property
    def upload_time(self) -> datetime | None:
        """When it was uploaded, if the index tells (PEP 700)."""
        told = self.told.get("upload-time")
        try:
            return in_utc(datetime.fromisoformat(told)) if told else None
        except (ValueError, TypeError):
            uploaded: datetime | None = self.link.upload_time  # pip has to say what is wrong with it
            return uploaded

    @property
    def link(self) -> Any:
        """What pip makes of it."""
        if self._link is None:
            self._link = self._make(self.told)
        return self._link


def rows(page: bytes, make: Callable[[Mapping[str, Any]], Any]) -> list[Any]:
    """Return what a page in JSON lists: rows, and links where only pip can tell the name of the file.

    :param make: makes pip's link from a row, or None if it is nothing.
    :raises ValueError: if the page is no JSON, or none that lists files.
    """
    try:
        files = json.loads(page).get("files", [])
        return [row for told in files if (row := _row(told, make)) is not None]
    except (AttributeError, TypeError) as error:
        raise ValueError("something in it is of another type than PEP 691 says") from error


def in_utc(time: datetime) -> datetime:
    """Return a time that tells its zone, which is UTC where it tells none: PEP 700 knows no other."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def sha256_of(listed: Any) -> str | None:
    """Return the sha256 that an index tells of a file, in lower case.

    :param listed: a :class:`Row`, or pip's link.
    """
    return sha256_in(listed.told.get("hashes") if isinstance(listed, Row) else listed._hashes)  # noqa: SLF001 - borrowed


def sha256_in(hashes: object) -> str | None:
    """Return the sha256 among digests as an index tells them, in lower case."""
    told = hashes.get("sha256") if isinstance(hashes, Mapping) else None
    return told.lower() if isinstance(told, str) else None


def checked(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose values are what PEP 691 says, as far as pip does not look itself.

    :raises TypeError: if they are not.
    """
    digests = [told.get("hashes")]
    digests += [one for name in METADATA if not isinstance(one := told.get(name), bool)]
    for one in digests:
        if one is not None and not (
            isinstance(one, dict) and all(isinstance(text, str) for text in one.values())
        ):
            raise TypeError("a digest is no text")
    if not isinstance(told.get("requires-python"), str | None):
        raise TypeError("requires-python is no text")
    return told


def _row(told: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Any]) -> Any:
    url = told.get("url") or ""
    filename = _last_part(url)
    is_plain = _PLAIN.fullmatch(filename) and "?" not in url and "#" not in url
    return Row(told, filename, make) if is_plain else make(told)


def _last_part(url: str) -> str:
    return url.rpartition("/")[2]
