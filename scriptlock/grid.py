"""Which targets a lock covers: platforms times released Pythons, as far as the header admits them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from packaging.markers import InvalidMarker
from packaging.specifiers import SpecifierSet

from scriptlock.errors import InvalidScript
from scriptlock.markers import read_marker
from scriptlock.model import Lock
from scriptlock.targets import PLATFORMS, Target, covers, make_target

RELEASES: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (3, 9): "2020-10-05",
        (3, 10): "2021-10-04",
        (3, 11): "2022-10-24",
        (3, 12): "2023-10-02",
        (3, 13): "2024-10-07",
        (3, 14): "2025-10-07",
        (3, 15): "2026-10-01",
    }
)
"""The CPython minors that a lock covers, with the day of their first release (UTC).

A table, and no look at a calendar: a lock must not depend on the day it is made.
"""

SHORT_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "linux": ("linux-x86_64", "linux-aarch64"),
        "macos": ("macos-arm64",),
        "windows": ("windows-amd64",),
        **{platform: (platform,) for platform in PLATFORMS},
    }
)
"""What the header's ``environments`` may name, and the platforms that each stands for."""

DEFAULT = ("linux", "macos", "windows")
_HINT = f"known are {', '.join(SHORT_NAMES)}, and PEP 508 markers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What to lock for."""

    targets: tuple[Target, ...]
    """The newest Python first."""
    optional: frozenset[str] = frozenset()
    """Those, as text, that may be left out where there is no solution: nobody named them."""
    needed: frozenset[str] = frozenset()
    """Platforms of which at least one target has to be solved."""


_TOLD_APART = tuple(name for name in PLATFORMS if not name.startswith("musl"))
"""The platforms that markers can tell apart."""


def make_grid(environments: Sequence[str], requires_python: SpecifierSet | None, host: Target) -> Grid:
    """Return what to lock for.

    Without requires-python, the minors from the host's on count. The host's own target is among them
    unless the environments leave it out. A marker names its targets; a platform's name may be
    short of some Pythons.

    :param environments: keys of :data:`SHORT_NAMES` or PEP 508 markers; none for the default platforms.
    :raises InvalidScript: if one of them is neither, or true nowhere, or if there is no target at all.
    """
    names = environments or DEFAULT
    # A marker may name any platform.
    may_be_named = {
        host.platform,
        *(platform for one in names for platform in SHORT_NAMES.get(one, PLATFORMS)),
    }
    known = {
        str(target): target
        for minor in RELEASES
        if _admits(requires_python, minor, host)
        for platform in PLATFORMS
        if platform in may_be_named
        for target in [make_target(platform, minor, requires=requires_python)]
    }
    known[str(host)] = host
    named = {one: _named(one, known.values(), host) for one in names}
    chosen = {str(target) for targets in named.values() for target in targets}
    if not environments:
        chosen.add(str(host))
    if not chosen:
        reason = f"no Python that we know on {', '.join(names)} fits the script"
        raise InvalidScript(reason, hint="upgrade scriptlock, which may know more of them")
    required = {str(t) for one, targets in named.items() if one not in SHORT_NAMES for t in targets}
    # In the table's order, or the order in which a header names them would change the lock.
    ordered = [target for name, target in known.items() if name in chosen]
    ordered.sort(key=lambda target: target.python, reverse=True)
    return Grid(
        targets=tuple(ordered),
        optional=frozenset(chosen - required - {str(host)}),
        needed=frozenset(target.platform for target in ordered) if environments else frozenset(),
    )


def _admits(requires_python: SpecifierSet | None, minor: tuple[int, int], host: Target) -> bool:
    return minor >= host.python if requires_python is None else _contains_any(requires_python, minor)


@cache
def _contains_any(requires_python: SpecifierSet, minor: tuple[int, int]) -> bool:
    return any(requires_python.contains(f"{minor[0]}.{minor[1]}.{patch}") for patch in range(100))


def _named(environment: str, known: Iterable[Target], host: Target) -> list[Target]:
    if environment in SHORT_NAMES:
        platforms = SHORT_NAMES[environment]
        return [
            target
            for target in known
            if target.platform in platforms or (target is host and _resembles(host, platforms))
        ]
    try:
        marker = read_marker(environment)
    except InvalidMarker as error:
        raise InvalidScript(f"{environment!r} is neither a platform nor a marker", hint=_HINT) from error
    everywhere = [target for target in known if marker.evaluate(dict(target.markers))]
    if not everywhere:
        raise InvalidScript(f"{environment!r} is true on no platform and Python that we know", hint=_HINT)
    # A marker cannot tell musl from glibc: the rare platforms count where the ordinary ones do not.
    ordinary = {platform for name in DEFAULT for platform in SHORT_NAMES[name]}
    usual = [target for target in everywhere if target.platform in ordinary or target is host]
    return usual or everywhere


def _resembles(host: Target, platforms: Iterable[str]) -> bool:
    facts = (host.markers["sys_platform"], host.markers["platform_machine"])
    return facts in {(PLATFORMS[name].sys_platform, PLATFORMS[name].machine) for name in platforms}


def serves(lock: Lock, grid: Grid) -> bool:
    """Return whether a lock covers all that a grid requires; what may be left out may be missing.

    Of a target that markers take for another one, nobody can tell without asking an index.
    """
    if any(map(_is_taken_for_another, grid.targets)):
        return False
    targets = [target for target in grid.targets if covers(lock, target.markers)]
    required = {str(target) for target in grid.targets} - grid.optional
    return required <= set(map(str, targets)) and grid.needed <= {target.platform for target in targets}


def reaches_beyond(lock: Lock, grid: Grid) -> bool:
    """Return whether a lock covers something that a grid does not have."""
    return not {_facts(target) for target in covered(lock)} <= {_facts(target) for target in grid.targets}


def _facts(target: Target) -> tuple[str, ...]:
    """Return what markers tell targets apart by."""
    names = ("sys_platform", "platform_machine", "implementation_name", "python_version")
    return tuple(target.markers[name] for name in names)


def _is_taken_for_another(target: Target) -> bool:
    """Return whether a usual target has the same markers, and gets other files: of musl, say."""
    return any(
        target.platform != usual.platform and _facts(target) == _facts(usual)
        for usual in (make_target(name, target.python) for name in _TOLD_APART)
    )


def adding(environments: Sequence[str], markers: Mapping[str, str]) -> str | None:
    """Return the line of a header by which a lock covers a host, too; None if it should already.

    :param environments: those of the header; without any, the host is always covered.
    :param markers: the host's PEP 508 variables.
    """
    facts = (markers["sys_platform"], markers["platform_machine"])
    names = [
        name
        for name, platforms in SHORT_NAMES.items()
        if any((PLATFORMS[one].sys_platform, PLATFORMS[one].machine) == facts for one in platforms)
    ]
    if not environments or not {*names}.isdisjoint(environments):
        return None
    missing = names[0] if names else f"sys_platform == '{facts[0]}' and platform_machine == '{facts[1]}'"
    return f"environments = {json.dumps([*environments, missing])}"


def covered(lock: Lock) -> list[Target]:
    """Return the targets that we know and a lock covers, the newest Python first.

    A platform that no marker tells from an ordinary one (musl) is left out: a lock does not say so.
    """
    minors = sorted(RELEASES, reverse=True)
    known = [make_target(name, minor) for minor in minors for name in _TOLD_APART]
    return [target for target in known if covers(lock, target.markers)]
