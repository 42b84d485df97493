"""Single requirements (PEP 508) as people write them, and in the one form that we compare."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scriptlock.errors import InvalidScript
from scriptlock.markers import read_marker

FEW_DIGITS = 640
"""Python reads as many in any case; the usual limit is 4,300."""
_USER = re.compile(r"(?<=://)[^/?#\s]*@")


def without_credentials(text: str) -> str:
    """Return the text with user and password taken out of the URLs in it."""
    return _USER.sub("", text)


def read_requirement(text: str, line: int) -> Requirement:
    """Return the requirement that the text is.

    :param line: where it stands in the script.
    :raises InvalidScript: if it is none, or more than one: an option of pip, say.
    """
    shown = repr(without_credentials(text))
    if text.lstrip().startswith("-"):
        hint = (
            "name an index with `index-url` in [tool.scriptlock]; other options belong in pip's configuration"
        )
        raise InvalidScript(f"{shown} is an option, not a requirement", line, hint)
    hint = 'write a name and perhaps bounds, as in "requests >= 2.31" (PEP 508)'
    if not text.isprintable():
        reason = f"{shown} is no requirement: it holds a line break or another control character"
        raise InvalidScript(reason, line, hint)
    try:
        return _read(text)
    except (ValueError, RecursionError) as error:
        reason = without_credentials(str(error)).partition("\n")[0] or "nested too deeply"
        raise InvalidScript(f"{shown} is no requirement: {reason}", line, hint) from error


@lru_cache(maxsize=4096)  # many scripts ask for the same; nobody changes what is returned
def _read(text: str) -> Requirement:
    requirement = Requirement(text)
    _read_versions(requirement.specifier, text)
    if requirement.marker:
        read_marker(str(requirement.marker))
    if requirement.url:
        _ = urlsplit(requirement.url).port
    return requirement


def read_specifiers(text: str) -> SpecifierSet:
    """Return the specifiers that the text is (PEP 440).

    :raises ValueError: if it is none, or holds a number of more digits than Python reads.
    """
    found = SpecifierSet(text)
    _read_versions(found, text)
    return found


def _read_versions(specifiers: SpecifierSet, text: str) -> None:
    # packaging reads a version only when somebody needs it, and then it may have too many digits.
    if len(text) > FEW_DIGITS:
        for one in specifiers:
            one.contains("1")


def normalise(requirement: Requirement) -> str:
    """Return the requirement as one text that is equal for equal requirements; no credentials in it."""
    extras = ",".join(sorted(map(canonicalize_name, requirement.extras)))
    text = (
        canonicalize_name(requirement.name) + (f"[{extras}]" if extras else "") + str(requirement.specifier)
    )
    if requirement.url:
        text += f" @ {without_credentials(requirement.url)} "  # or a semicolon would belong to the URL
    if requirement.marker:
        text += f"; {requirement.marker}"
    return text.strip()
