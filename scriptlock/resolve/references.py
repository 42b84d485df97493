"""Direct references, ``name @ URL``: which of them a lock can pin."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from scriptlock.errors import ResolutionError


def refuse_unpinnable(requirement: Requirement, header: str) -> None:
    """Return if the requirement is no direct reference, or one to a file.

    :param header: the requirement as the request has it.
    :raises ResolutionError: if it leads to something without a sha256, or to another package.
    """
    if requirement.url is None:
        return
    parts = urlsplit(requirement.url)
    filename = file_named_by(requirement.url)
    if "+" in parts.scheme:
        reason = f"{requirement.name} is asked for from a repository, which a lock cannot pin yet"
        raise ResolutionError(reason, (header,), "ask for a version, or for the URL of a wheel")
    path = Path(url2pathname(parts.path))
    if parts.scheme == "file" and not path.exists():
        reason = f"{requirement.name} is asked for from {path}, which is not there"
        raise ResolutionError(reason, (header,))
    if parts.scheme == "file" and path.is_dir():
        raise ResolutionError(
            f"{requirement.name} is asked for from a folder, which a lock cannot pin",
            (header,),
            "build a wheel of it and ask for that",
        )
    if filename.endswith(".whl"):
        try:
            found = parse_wheel_filename(filename)[0]
        except InvalidWheelFilename:
            raise ResolutionError(f"{filename} is not how wheels are named (PEP 427)", (header,)) from None
        if found != canonicalize_name(requirement.name):
            raise ResolutionError(f"{filename} is a wheel of {found}, not of {requirement.name}", (header,))


def file_named_by(url: str) -> str:
    """Return the last part of a URL's path: nothing secret is in it."""
    return unquote(urlsplit(url).path.rpartition("/")[2])
