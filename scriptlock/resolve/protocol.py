"""What :mod:`pip_tools` and its worker say to each other: JSON, one order and one answer.

The order::

    {"folder": ..., "cache_dir": ..., "index_url": ..., "exclude_newer": ..., "prereleases": ...,
     "allow_sdist": [...], "pinned": [{"name": ..., "version": ..., "url": ..., "hashes": [...]}],
     "targets": [{"platform": ..., "markers": {...}, "tags": [...], "optional": ...,
                  "preferred": {name: version},
                  "requirements": [{"text": ..., "header": ...}], "constraints": [...]}]}

``text`` is what pip gets (markers are evaluated already), ``header`` the same as the request has it.
The answer is ``{"resolutions": [{"choices": [...], "notes": [...], "replaced": [names]}]}`` in the order's
order, or ``{"failure": {"kind": ..., "reason": ..., "requirements": [...], "hint": ...}}``; such a failure
may also stand in the place of an optional target's resolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from scriptlock import errors
from scriptlock.errors import ResolutionError, ScriptlockError, ToolError
from scriptlock.model import Pin
from scriptlock.pip_configuration import redact
from scriptlock.resolve.references import at_commit
from scriptlock.resolve.request import Choice, Request, Resolution
from scriptlock.targets import Target

FAILURES: Mapping[str, type[ResolutionError]] = {
    kind.__name__: kind
    for kind in (
        errors.ResolutionError,
        errors.UnknownPackage,
        errors.ConflictingRequirements,
        errors.NoMatchingVersion,
        errors.NoCompatibleWheel,
        errors.PythonExcluded,
        errors.IndexUnreachable,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an order asks for one target."""

    target: Target
    requirements: tuple[Mapping[str, str], ...]
    """``text`` for pip, ``header`` for people."""
    constraints: tuple[Mapping[str, str], ...]
    """As the requirements."""
    preferred: Mapping[str, str]
    """Versions, by normalised name."""
    exclude_newer: datetime | None
    prereleases: bool
    allow_sdist: frozenset[str]
    is_optional: bool


def make_order(request: Request, *, folder: str, cache_dir: Path | None) -> dict[str, Any]:
    """Return the request as the worker reads it.

    :param folder: where the relative paths of pip's configuration start.
    :param cache_dir: where pip may keep answers of indexes; None for nowhere.
    """
    return {
        "folder": folder,
        "cache_dir": str(cache_dir) if cache_dir else None,
        "index_url": request.index_url,
        "exclude_newer": request.exclude_newer.isoformat() if request.exclude_newer else None,
        "prereleases": request.prereleases,
        "allow_sdist": sorted(request.allow_sdist),
        "pinned": [
            {"name": pin.name, "version": str(pin.version), "url": pin.url, "hashes": pin.hashes}
            for pin in request.preferred
        ],
        "targets": [
            {
                "platform": target.platform,
                "markers": dict(target.markers),
                "tags": list(target.tags),
                "optional": str(target) in request.optional,
                "preferred": _preferred(request.preferred, target),
                "requirements": _applicable(request.requirements, target, request.preferred),
                "constraints": _applicable(request.constraints, target),
            }
            for target in request.targets
        ],
    }


def asks_for_nothing(order: Mapping[str, Any]) -> bool:
    """Return whether there is nothing to resolve on any target."""
    return not any(target["requirements"] for target in order["targets"])


def questions(order: Mapping[str, Any]) -> Iterator[Question]:
    """Yield what an order asks, target by target."""
    moment = order["exclude_newer"]
    for told in order["targets"]:
        yield Question(
            target=Target(platform=told["platform"], markers=told["markers"], tags=tuple(told["tags"])),
            requirements=tuple(told["requirements"]),
            constraints=tuple(told["constraints"]),
            preferred=told["preferred"],
            exclude_newer=datetime.fromisoformat(moment) if moment else None,
            prereleases=order["prereleases"],
            allow_sdist=frozenset(order["allow_sdist"]),
            is_optional=told["optional"],
        )


def in_turn(several: Sequence[Question]) -> list[int]:
    """Return the numbers of the questions as they are best answered, those for the newest Python last.

    Many packages have no wheels for it yet; what it gets says the least about the others.
    """
    newest = max((question.target.python for question in several), default=None)
    return sorted(range(len(several)), key=lambda number: several[number].target.python == newest)


def empty_answer(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to an order that asks for nothing."""
    return {"resolutions": [{"choices": [], "notes": [], "replaced": []} for _ in order["targets"]]}


def failure(error: ScriptlockError) -> dict[str, Any]:
    """Return the answer that says why there is none."""
    return {
        "failure": {
            "kind": type(error).__name__,
            "reason": redact(str(error)),
            "requirements": list(getattr(error, "requirements", ())),
            "hint": error.hint,
        }
    }


def read_answer(answer: Mapping[str, Any], request: Request) -> tuple[Resolution, ...]:
    """Return the resolutions that the worker answered with.

    :raises ResolutionError: if it answered why there is none.
    :raises ToolError: if it answered that pip or pip-tools cannot be used.
    """
    if "failure" in answer:
        raise _failure(answer["failure"])
    return tuple(
        _resolution(target, told) for target, told in zip(request.targets, answer["resolutions"], strict=True)
    )


def _resolution(target: Target, told: Mapping[str, Any]) -> Resolution:
    if "failure" in told:
        reason = _failure(told["failure"])
        if not isinstance(reason, ResolutionError):
            raise reason
        return Resolution(target=target, choices=(), unsolved=reason)
    return Resolution(
        target=target,
        choices=tuple(sorted(map(_choice, told["choices"]), key=lambda choice: choice.name)),
        notes=tuple(told["notes"]),
        replaced=tuple(map(canonicalize_name, told["replaced"])),
    )


def _failure(told: Mapping[str, Any]) -> ResolutionError | ToolError:
    if told["kind"] not in FAILURES:
        return ToolError(told["reason"], told["hint"])
    return FAILURES[told["kind"]](told["reason"], tuple(told["requirements"]), told["hint"])


def _choice(told: Mapping[str, Any]) -> Choice:
    return Choice(
        name=canonicalize_name(told["name"]),
        version=Version(told["version"]),
        hashes=tuple(told["hashes"]),
        url=told["url"],
        git=told["git"],
        commit=told["commit"],
    )


def _applicable(
    requirements: Sequence[Requirement], target: Target, preferred: Sequence[Pin] = ()
) -> list[dict[str, str]]:
    # Sorted, so that the order of a header's lines, which is no input of a lock, decides nothing.
    texts = []
    commits = {pin.name: pin.commit for pin in preferred if pin.git and _applies(pin, target)}
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate(dict(target.markers)):
            bare = copy(requirement)
            bare.marker = None
            commit = commits.get(canonicalize_name(requirement.name))
            if requirement.url is not None and commit is not None:
                bare.url = at_commit(requirement.url, commit)
            texts.append({"text": str(bare), "header": str(requirement)})
    return sorted(
        texts, key=lambda entry: (canonicalize_name(Requirement(entry["text"]).name), entry["text"])
    )


def _preferred(pins: Sequence[Pin], target: Target) -> dict[NormalizedName, str]:
    # A direct reference comes from the header or not at all.
    return {
        pin.name: str(pin.version)
        for pin in pins
        if pin.url is None and pin.git is None and _applies(pin, target)
    }


def _applies(pin: Pin, target: Target) -> bool:
    return pin.marker is None or pin.marker.evaluate(dict(target.markers))
