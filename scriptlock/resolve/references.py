"""Direct references, ``name @ URL``: which of them a lock can pin."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from scriptlock.errors import NoCompatibleWheel, ResolutionError
from scriptlock.model import COMMIT
from scriptlock.resolve.urls import file_named_by

REPOSITORIES = frozenset({"git+https", "git+http"})
"""The schemes of references to repositories that need no user name, which a lock would not keep."""
TRAVELS_NOT = "is asked for from a path of this machine, which nobody else has"
ELSEWHERE = "put a wheel of it on an index or a web server, and ask for that"


def allowing(name: str) -> str:
    """Return the hint that names the header line for a package that may come as source."""
    return f'`allow-sdist = ["{name}"]` under [tool.scriptlock] has it built from source, which runs its code'


def refuse_unpinnable(requirement: Requirement, header: str, allow_sdist: Collection[str]) -> None:
    """Return if the requirement is no direct reference, or one to a file or commit that others can have, too.

    :param header: the requirement as the request has it.
    :param allow_sdist: the packages that may come as source.
    :raises ResolutionError: if it leads to something that a lock cannot pin, or to another package.
    """
    if requirement.url is None:
        return
    parts = urlsplit(requirement.url)
    name, filename = canonicalize_name(requirement.name), file_named_by(requirement.url)
    if parts.scheme.rpartition("+")[2] in {"", "file"}:
        raise ResolutionError(f"{requirement.name} {TRAVELS_NOT}", (header,), ELSEWHERE)
    if "+" in parts.scheme:
        if parts.scheme not in REPOSITORIES:
            reason = f"{requirement.name} is asked for by {parts.scheme}, which a lock cannot pin"
            raise ResolutionError(reason, (header,), "ask for it by git+https")
        if "subdirectory" in parse_qs(parts.fragment):
            reason = f"{requirement.name} is asked for from a part of a repository, which a lock cannot pin"
            raise ResolutionError(reason, (header,), "ask for a release, or for the URL of a wheel")
        if name not in allow_sdist:
            raise NoCompatibleWheel(
                f"{requirement.name} comes as source, from a repository", (header,), allowing(name)
            )
    if filename.endswith(".whl"):
        try:
            found = parse_wheel_filename(filename)[0]
        except InvalidWheelFilename:
            raise ResolutionError(f"{filename} is not how wheels are named (PEP 427)", (header,)) from None
        if found != canonicalize_name(requirement.name):
            raise ResolutionError(f"{filename} is a wheel of {found}, not of {requirement.name}", (header,))


def commit_in(url: str) -> str | None:
    """Return the commit that the URL of a repository asks for; None if that is a branch, a tag or nothing."""
    revision = urlsplit(url).path.rpartition("@")[2]
    return revision if COMMIT.fullmatch(revision) else None


def at_commit(url: str, commit: str) -> str:
    """Return the URL of a repository with a commit in place of its revision, and the rest as it is."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('@')[0] or parts.path}@{commit}"))


def address(url: str) -> str:
    """Return the URL of a direct reference without user, password, query and fragment.

    Of a repository it is what git would be told: without the revision, too.
    """
    parts = urlsplit(url)
    path = parts.path.rpartition("@")[0] or parts.path if "+" in parts.scheme else parts.path
    scheme = parts.scheme.rpartition("+")[2]
    return urlunsplit((scheme, parts.netloc.rpartition("@")[2], path, "", ""))
