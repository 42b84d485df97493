"""Resolvers for tests: one that knows a few wheels by heart, and the worker without its process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from scriptlock.errors import (
    ConflictingRequirements,
    NoCompatibleWheel,
    NoMatchingVersion,
    PythonExcluded,
    UnknownPackage,
)
from scriptlock.model import Pin
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.indexes import Indexes
from scriptlock.resolve.reach import Reach
from scriptlock.resolve.request import Choice, Request, Resolution
from scriptlock.resolve.worker import Clerk
from scriptlock.targets import Target, make_target
from support.wheels import Wheel

LINUX = make_target("linux-x86_64", (3, 11))
WINDOWS = make_target("windows-amd64", (3, 13))


def request_for(
    *requirements: str,
    targets: Iterable[Target] = (LINUX,),
    preferred: Iterable[Pin] = (),
    constraints: Iterable[str] = (),
    index_url: str | None = None,
    exclude_newer: datetime | None = None,
    prereleases: bool = False,
    allow_sdist: Iterable[str] = (),
) -> Request:
    """Return the request for these requirements; the rest as in :class:`Request`, but as text."""
    return Request(
        requirements=tuple(map(Requirement, requirements)),
        targets=tuple(targets),
        preferred=tuple(preferred),
        constraints=tuple(map(Requirement, constraints)),
        index_url=index_url,
        exclude_newer=exclude_newer,
        prereleases=prereleases,
        allow_sdist=frozenset(map(canonicalize_name, allow_sdist)),
    )


def pin(name: str, version: str, marker: str | None = None) -> Pin:
    """Return a pin with a hash that no file has."""
    return Pin(
        name=canonicalize_name(name),
        version=Version(version),
        hashes=(f"sha256:{'0' * 64}",),
        marker=Marker(marker) if marker else None,
    )


def versions(resolution: Resolution) -> dict[str, str]:
    """Return what a target gets, as name to version."""
    return {choice.name: str(choice.version) for choice in resolution.choices}


def answer_here(order: str) -> subprocess.CompletedProcess[str]:
    """Do the worker's work in this process, which then has its environment back.

    For ``PipTools(start=answer_here)``: ten times quicker, and seen by coverage and debuggers.
    """
    with worker_here() as answer:
        return answer(order)


@contextmanager
def worker_here() -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Give what answers several orders in this process, as one worker would; see :func:`answer_here`."""
    before = dict(os.environ)
    with closing(Clerk()) as clerk:

        def answer(order: str) -> subprocess.CompletedProcess[str]:
            stdout = json.dumps(clerk.respond(json.loads(order)))
            return subprocess.CompletedProcess(args=[], returncode=0, stdout=stdout, stderr="")

        try:
            yield answer
        finally:
            os.environ.clear()
            os.environ.update(before)


def indexes_for(
    borrowed: Borrowed, order: Mapping[str, Any], configured: Mapping[str, str | list[str]]
) -> Indexes:
    """Return what the worker asks for the answer to an order."""
    reach = Reach(borrowed, configured, index_url=order["index_url"], folder=order["cache_dir"])
    return Indexes(borrowed, reach, order)


class Idle:
    """Has the looks of pip-tools' resolver, and resolves nothing."""

    def __init__(self, **_: object) -> None:
        pass

    def resolve(self, max_rounds: int) -> None:
        """Do nothing."""


class FakeResolver:
    """Takes the newest wheel that fits what is wanted by those before it; goes back on nothing.

    :param wheels: all that there is.
    """

    def __init__(self, wheels: Iterable[Wheel] = ()) -> None:
        self.wheels = list(wheels)
        self.requests: list[Request] = []
        """What it was asked, in order."""

    def resolve(self, request: Request, /) -> tuple[Resolution, ...]:
        self.requests.append(request)
        return tuple(
            Resolution(target=target, choices=self._choices(request, target)) for target in request.targets
        )

    def _choices(self, request: Request, target: Target) -> tuple[Choice, ...]:
        asked = [(root, root) for root in request.requirements if _applies(root, target)]
        chosen: dict[NormalizedName, Wheel] = {}
        seen: set[str] = set()
        while asked:
            requirement, root = asked.pop(0)
            if str(requirement) in seen:
                continue
            seen.add(str(requirement))
            name = canonicalize_name(requirement.name)
            wants = [
                other.specifier
                for other in (requirement, *(later for later, _ in asked), *request.constraints)
                if canonicalize_name(other.name) == name and _applies(other, target)
            ]
            if name not in chosen:
                chosen[name] = self._choose(name, wants, target, str(root), request)
            elif not _fits(chosen[name].version, wants):
                raise ConflictingRequirements(f"no version of {name} satisfies everybody", (str(root),))
            asked += [(child, root) for child in _dependencies(chosen[name], requirement.extras, target)]
        return tuple(
            Choice(name=name, version=wheel.version, hashes=(wheel.hash,))
            for name, wheel in sorted(chosen.items())
        )

    def _choose(
        self, name: NormalizedName, wants: list[SpecifierSet], target: Target, root: str, request: Request
    ) -> Wheel:
        known = [wheel for wheel in self.wheels if wheel.name == name]
        if not known:
            raise UnknownPackage(f"no index knows a package {name}", (root,))
        if not (fitting := [wheel for wheel in known if _fits(wheel.version, wants[:1])]):
            raise NoMatchingVersion(f"no version fits {name}{wants[0]}", (root,))
        if not (fitting := [wheel for wheel in fitting if _fits(wheel.version, wants)]):
            raise ConflictingRequirements(f"no version of {name} satisfies everybody", (root,))
        if not (admitting := [wheel for wheel in fitting if _admits(wheel, target)]):
            raise PythonExcluded(f"{name} needs Python {fitting[0].requires_python}", (root,))
        if not (usable := [wheel for wheel in admitting if _rank(wheel, target) is not None]):
            raise NoCompatibleWheel(f"{name} has no wheel for {target}", (root,))
        final = [wheel for wheel in usable if not wheel.version.is_prerelease]
        offered = usable if request.prereleases or not final else final
        preferred = {pin.version for pin in request.preferred if _is_for(pin, name, target)}
        offered = [wheel for wheel in usable if wheel.version in preferred] or offered
        return max(offered, key=lambda wheel: (wheel.version, -(_rank(wheel, target) or 0)))


def _applies(requirement: Requirement, target: Target) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(dict(target.markers))


def _fits(version: Version, wants: list[SpecifierSet]) -> bool:
    return all(want.contains(version, prereleases=True) for want in wants)


def _admits(wheel: Wheel, target: Target) -> bool:
    return SpecifierSet(wheel.requires_python or "").contains(target.markers["python_full_version"])


def _is_for(pin: Pin, name: NormalizedName, target: Target) -> bool:
    return pin.name == name and (pin.marker is None or pin.marker.evaluate(dict(target.markers)))


def _rank(wheel: Wheel, target: Target) -> int | None:
    tags: frozenset[Tag] = parse_wheel_filename(wheel.filename)[3]
    return min((target.tags.index(str(tag)) for tag in tags if str(tag) in target.tags), default=None)


def _dependencies(wheel: Wheel, extras: Iterable[str], target: Target) -> Iterator[Requirement]:
    for line in wheel.metadata.decode().splitlines():
        if line.startswith("Requires-Dist: "):
            requirement = Requirement(line.removeprefix("Requires-Dist: "))
            for extra in ("", *extras):
                if requirement.marker is None or requirement.marker.evaluate(
                    {**target.markers, "extra": extra}
                ):
                    requirement.marker = None
                    yield requirement
                    break
