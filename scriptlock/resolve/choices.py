"""From what pip chose to what a pin says: version, sha256, and where a direct reference leads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.pip_configuration import redact
from scriptlock.resolve.origins import asked_by, header_of
from scriptlock.resolve.references import ELSEWHERE, TRAVELS_NOT, address
from scriptlock.resolve.solutions import Chosen, Solution
from scriptlock.resolve.sources import SourcePolicy
from scriptlock.resolve.urls import host

CHUNK = 1 << 18
_SHA256 = re.compile("[0-9a-f]{64}")
CHECKED = frozenset({"md5", "sha1", "sha224", "sha384", "sha512"})
"""What an index may tell instead of sha256; too little for a pin, enough to notice a broken download."""


def chosen(candidates: Mapping[str, Any], policy: SourcePolicy) -> dict[NormalizedName, Chosen]:
    """Return what another target needs to know of each candidate, to get the same.

    :param candidates: pip's, by normalised name, without those that only stand for extras.
    """
    return {canonicalize_name(name): _chosen(candidate, policy) for name, candidate in candidates.items()}


def _chosen(candidate: Any, policy: SourcePolicy) -> Chosen:
    asked = candidate.get_install_requirement()
    link = candidate.source_link
    if asked.is_direct and link.is_file:
        raise ResolutionError(
            f"{candidate.project_name} {TRAVELS_NOT}", header_of(asked_by(candidate)), ELSEWHERE
        )
    requires_python = candidate.dist.metadata.get("Requires-Python")
    return Chosen(
        version=Version(str(candidate.version)),
        requires=requires(candidate),
        requires_python=None if requires_python is None else str(requires_python),
        link=link,
        commit=_commit(asked) if link.is_vcs else None,
        is_portable=not link.is_vcs or link.url in policy.portable,
        url=str(asked.req.url) if asked.is_direct else None,
        sha256=_downloaded(candidate),
    )


def requires(candidate: Any) -> tuple[str, ...]:
    """Return what a candidate's metadata asks for, markers and all (PEP 508)."""
    return tuple(map(str, candidate.dist.metadata.get_all("Requires-Dist", [])))


def choices(solution: Solution, sha256: Callable[[Any], str]) -> list[dict[str, Any]]:
    """Return one choice for each distribution, as the answer to an order has it, sorted by name.

    :param sha256: downloads the file of a link to say its sha256, where nobody else tells.
    """
    return [_choice(name, found, sha256) for name, found in sorted(solution.chosen.items())]


def _choice(name: str, found: Chosen, sha256: Callable[[Any], str]) -> dict[str, Any]:
    is_repository = found.commit is not None
    told = None if is_repository else _told(found.link) or found.sha256 or sha256(found.link)
    return {
        "name": name,
        "version": str(found.version),
        "hashes": [f"sha256:{told}"] if told else [],
        "url": address(found.link.url) if found.url and not is_repository else None,
        "git": address(found.link.url) if is_repository else None,
        "commit": found.commit,
    }


def notes(
    candidates: Mapping[str, Any], extras: Mapping[str, frozenset[str]], policy: SourcePolicy
) -> list[str]:
    """Return what a person should know about the choices, one sentence each.

    :param extras: what was asked for, by normalised name.
    """
    return [*_notes(candidates, extras, policy)]


def _notes(
    candidates: Mapping[str, Any], extras: Mapping[str, frozenset[str]], policy: SourcePolicy
) -> Iterator[str]:
    for built in policy.built:
        yield f"{built} was built from source to learn what it requires, which ran its code"
    for name, candidate in sorted(candidates.items()):
        known = f"{name} {candidate.version}"
        link = candidate.source_link
        if link.is_yanked:
            why = f" ({' '.join(link.yanked_reason.split())})" if link.yanked_reason else ""
            yield f"{known} was yanked{why}; it is kept because it is pinned"
        missing = extras.get(name, frozenset()) - frozenset(candidate.dist.iter_provided_extras())
        for extra in sorted(missing):
            yield f"{known} has no extra named {extra}"
        if not link.is_wheel:
            yield f"{known} comes as source: installing it will run its code"
        if urlsplit(link.url).query and candidate.get_install_requirement().is_direct:
            yield f"the query of {address(link.url)} is left out of the lock, since it may be secret"


def _told(link: Any) -> str | None:
    """Return the sha256 that the index tells, if it is one."""
    return _as_sha256(link._hashes)  # noqa: SLF001 - borrowed.py has looked whether it is there


def _as_sha256(hashes: Mapping[str, str] | None) -> str | None:
    told = (hashes or {}).get("sha256", "").lower()
    return told if _SHA256.fullmatch(told) else None


def _commit(asked: Any) -> str:
    """Return the commit that pip checked out of a repository."""
    found = asked.download_info
    told: Any = getattr(found, "vcs_info", None) or getattr(found, "info", None)
    return str(told.commit_id)


def _downloaded(candidate: Any) -> str | None:
    """Return the sha256 of a file that pip had to download to resolve."""
    found = candidate.get_install_requirement().download_info
    # pip renamed it in 26.1, when it moved to another way of saying where a file is from.
    told = getattr(found, "archive_info", None) or getattr(found, "info", None)
    hashes = getattr(told, "hashes", None)
    return _as_sha256(hashes)


def download_sha256(link: Any, session: Any, broken: type[Exception]) -> str:
    """Return the sha256 of a link's file, which has to be downloaded for it.

    :param broken: what the session raises where a download does not come to its end.
    :raises IndexUnreachable: if it does not.
    :raises ResolutionError: if another digest that the index tells shows that it is not the file.
    """
    hashes: dict[str, str] = link._hashes  # noqa: SLF001 - as above
    digests = {
        name: hashlib.new(name, usedforsecurity=name == "sha256")
        for name in ["sha256", *CHECKED.intersection(hashes)]
    }
    try:
        for chunk in _content(link, session):
            for digest in digests.values():
                digest.update(chunk)
    except broken as error:
        reason = f"{host(link.url)} broke off while sending {redact(link.filename)}"
        raise IndexUnreachable(reason, hint="try again") from error
    for name in CHECKED.intersection(hashes):
        if digests[name].hexdigest() != hashes[name].lower():
            raise ResolutionError(f"{redact(link.filename)} is not the file that its {name} promises")
    return digests["sha256"].hexdigest()


def _content(link: Any, session: Any) -> Iterator[bytes]:
    if link.is_file:
        with Path(link.file_path).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
        return
    # As it is on the server: not unpacked on the way.
    with session.get(
        link.url_without_fragment, headers={"Accept-Encoding": "identity"}, stream=True
    ) as answer:
        while chunk := answer.raw.read(CHUNK):
            yield chunk
