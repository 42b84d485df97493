"""From what pip chose to what a pin says: version, sha256, and where a direct reference leads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from scriptlock.errors import ResolutionError
from scriptlock.pip_configuration import redact
from scriptlock.resolve.sources import SourcePolicy

CHUNK = 1 << 18
CHECKED = frozenset({"md5", "sha1", "sha224", "sha384", "sha512"})
"""What an index may tell instead of sha256; too little for a pin, enough to notice a broken download."""


def choices(candidates: Mapping[str, Any], session: Any) -> list[dict[str, Any]]:
    """Return one choice for each candidate, as the answer to an order has it, sorted by name.

    A file whose sha256 nobody tells is downloaded for it.

    :param candidates: pip's, by normalised name, without those that only stand for extras.
    """
    return [
        {
            "name": name,
            "version": str(candidate.version),
            "hashes": [f"sha256:{_sha256(candidate, session)}"],
            "url": _address(candidate) if _is_direct(candidate) else None,
        }
        for name, candidate in sorted(candidates.items())
    ]


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
        if _is_direct(candidate) and urlsplit(link.url).query:
            yield f"the query of {_address(candidate)} is left out of the lock, since it may be secret"


def _is_direct(candidate: Any) -> bool:
    return bool(candidate.get_install_requirement().is_direct)


def _address(candidate: Any) -> str:
    """Return the URL of a direct reference without user, password, query and fragment."""
    parts = urlsplit(str(candidate.source_link.url))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _sha256(candidate: Any, session: Any) -> str:
    link: Any = candidate.source_link
    hashes: dict[str, str] = link._hashes  # noqa: SLF001 - borrowed.py has looked whether it is there
    if "sha256" in hashes:
        return str(hashes["sha256"]).lower()
    downloaded = candidate.get_install_requirement().download_info
    # pip renamed it in 26.1, when it moved to another way of saying where a file is from.
    told = getattr(downloaded, "archive_info", None) or getattr(downloaded, "info", None)
    known = getattr(told, "hashes", None)
    if known and "sha256" in known:
        return str(known["sha256"])
    digests = {
        name: hashlib.new(name, usedforsecurity=name == "sha256")
        for name in ["sha256", *CHECKED.intersection(hashes)]
    }
    for chunk in _content(link, session):
        for digest in digests.values():
            digest.update(chunk)
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
