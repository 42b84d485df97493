"""What a lock is resolved for: one platform and one Python, and what a wheel or a marker sees there.

Markers are those of PEP 508, wheel tags those of PEP 425 and its successors (PEP 600, 656).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from types import MappingProxyType

from packaging.markers import Marker, default_environment
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags, mac_platforms

from scriptlock.errors import InvalidFooter, UncoveredHost
from scriptlock.model import Lock, Pin

GLIBC_FLOOR = (2, 28)
"""The oldest glibc that a Linux target promises: RHEL 8, Debian 10, Ubuntu 20.04."""
MACOS_FLOOR = (13, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One platform and one Python."""

    platform: str
    """A key of :data:`PLATFORMS`; anything else is an interpreter that is like none of them."""
    markers: Mapping[str, str] = field(hash=False)
    """The PEP 508 variables, by name."""
    tags: tuple[str, ...]
    """The wheel tags it accepts, the most preferred first."""
    key: str = field(init=False, repr=False, compare=False)
    """The same for equal ones alone, in this process; as text, 3.11.4 and 3.11.9 are the same."""

    def __post_init__(self) -> None:
        facts = (f"{name}={value}" for name, value in sorted(self.markers.items()))
        object.__setattr__(self, "key", "\n".join((self.platform, *facts, str(hash(self.tags)))))

    @property
    def python(self) -> tuple[int, int]:
        """Major and minor."""
        major, minor = self.markers["python_version"].split(".")
        return int(major), int(minor)

    @property
    def marker(self) -> Marker:
        """True on this target, and on no other that a lock could name beside it."""
        facts = ["sys_platform", "platform_machine", "python_version"]
        if self.markers["implementation_name"] != "cpython":
            facts.append("implementation_name")
        return Marker(" and ".join(f"{fact} == '{self.markers[fact]}'" for fact in facts))

    def __str__(self) -> str:
        implementation = self.markers["platform_python_implementation"]
        return f"{implementation} {self.markers['python_version']} on {self.platform}"


def _manylinux(machine: str) -> Iterator[str]:
    # PEP 600 counts down to glibc 2.5 on x86_64 and to 2.17 elsewhere; the three older names are aliases.
    aliases = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
    oldest = 5 if machine == "x86_64" else 17
    major, newest = GLIBC_FLOOR
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_{major}_{minor}_{machine}"
        if (major, minor) in aliases:
            yield f"{aliases[major, minor]}_{machine}"
    yield f"linux_{machine}"


def _musllinux(machine: str) -> Iterator[str]:
    yield from (f"musllinux_1_{minor}_{machine}" for minor in (2, 1, 0))
    yield f"linux_{machine}"


def _win(machine: str) -> Iterator[str]:
    yield f"win_{machine.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Platform:
    os_name: str
    sys_platform: str
    system: str
    machine: str
    tags: Callable[[str], Iterable[str]]


def _linux(machine: str, tags: Callable[[str], Iterable[str]]) -> _Platform:
    return _Platform(os_name="posix", sys_platform="linux", system="Linux", machine=machine, tags=tags)


def _macos(machine: str) -> _Platform:
    tags = partial(mac_platforms, MACOS_FLOOR)
    return _Platform(os_name="posix", sys_platform="darwin", system="Darwin", machine=machine, tags=tags)


def _windows(machine: str) -> _Platform:
    return _Platform(os_name="nt", sys_platform="win32", system="Windows", machine=machine, tags=_win)


PLATFORMS: Mapping[str, _Platform] = MappingProxyType(
    {
        "linux-x86_64": _linux("x86_64", _manylinux),
        "linux-aarch64": _linux("aarch64", _manylinux),
        "musllinux-x86_64": _linux("x86_64", _musllinux),
        "musllinux-aarch64": _linux("aarch64", _musllinux),
        "macos-arm64": _macos("arm64"),
        "macos-x86_64": _macos("x86_64"),
        "windows-amd64": _windows("AMD64"),
        "windows-arm64": _windows("ARM64"),
    }
)


def make_target(platform: str, python: tuple[int, int], *, requires: SpecifierSet | None = None) -> Target:
    """Return the target of that platform and CPython minor.

    :param platform: a key of :data:`PLATFORMS`.
    :param requires: the script's requires-python; markers see the oldest patch release it admits,
        so that whatever is chosen fits every later one.
    :raises KeyError: if the platform is none of ours.
    """
    facts = PLATFORMS[platform]
    minor = f"{python[0]}.{python[1]}"
    patches = (f"{minor}.{patch}" for patch in range(100))
    full = next((p for p in patches if requires is None or requires.contains(p)), f"{minor}.0")
    markers = {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": facts.os_name,
        "platform_machine": facts.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": facts.system,
        "platform_version": "",
        "python_full_version": full,
        "python_version": minor,
        "sys_platform": facts.sys_platform,
    }
    return Target(platform=platform, markers=markers, tags=_tags(platform, python))


@cache  # for many scripts again and again
def _tags(platform: str, python: tuple[int, int]) -> tuple[str, ...]:
    facts = PLATFORMS[platform]
    platforms = list(facts.tags(facts.machine))
    tags: list[str] = []
    for tag in _tags_for(python, ""):
        tags += [tag] if tag.endswith("-any") else [tag + one for one in platforms]
    return tuple(tags)


@cache
def _tags_for(python: tuple[int, int], platform: str) -> tuple[str, ...]:
    # Tags are made one by one, a thousand for each target. But their platforms come last, in the same
    # order for every interpreter and ABI, so those for one platform tell what precedes them.
    abi = f"cp{python[0]}{python[1]}"
    tags = [*cpython_tags(python, [abi], [platform]), *compatible_tags(python, abi, [platform])]
    return tuple(str(tag) for tag in tags)


def host_target(
    markers: Mapping[str, str], tags: Sequence[str], *, requires: SpecifierSet | None = None
) -> Target:
    """Return the target that an interpreter stands for, from what it says of itself.

    An ordinary one gets the same target as its like on every machine, so that a lock does not
    depend on who made it; one that is not ordinary (PyPy, an old glibc, free threading) gets its own.

    :param markers: its PEP 508 variables.
    :param tags: the wheel tags it accepts, the most preferred first.
    """
    major, minor = markers["python_version"].split(".")
    accepted = frozenset(tags)
    told = tuple(markers[name] for name in ("sys_platform", "platform_machine", "implementation_name"))
    for platform, facts in PLATFORMS.items():
        if told == (facts.sys_platform, facts.machine, "cpython"):
            target = make_target(platform, (int(major), int(minor)), requires=requires)
            if accepted.issuperset(target.tags):
                return target
    platform = f"this {markers['sys_platform']}-{markers['platform_machine']}"
    return Target(platform=platform, markers=dict(markers), tags=tuple(tags))


def covers(lock: Lock, markers: Mapping[str, str]) -> bool:
    """Return whether the lock says anything about an environment with these PEP 508 variables."""
    return any(marker.evaluate(dict(markers)) for marker in lock.environments)


def select(lock: Lock, markers: Mapping[str, str]) -> tuple[Pin, ...]:
    """Return the pins that apply to an environment with these PEP 508 variables, by name.

    :raises UncoveredHost: if the lock was not made for it.
    :raises InvalidFooter: if it pins something twice there, which no lock of ours does.
    """
    require_covered(lock, markers)
    environment = dict(markers)
    pins = tuple(pin for pin in lock.pins if pin.marker is None or pin.marker.evaluate(environment))
    for one, other in pairwise(pins):
        if one.name == other.name:
            reason = f"the lock pins {one.name} to both {one.version} and {other.version} here"
            raise InvalidFooter(reason, hint="run `scriptlock lock --upgrade` to make it anew")
    return pins


def require_covered(lock: Lock, markers: Mapping[str, str]) -> None:
    """Return if the lock says something about an environment with these PEP 508 variables.

    :raises UncoveredHost: if not.
    """
    if not covers(lock, markers):
        told = {**default_environment(), **markers}
        facts = ("platform_python_implementation", "python_version", "sys_platform", "platform_machine")
        raise UncoveredHost(" ".join(str(told[fact]) for fact in facts), tuple(map(str, lock.environments)))
