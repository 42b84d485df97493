"""Small worlds of packages, and what is wrong with a choice in one, as its wheels tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser

from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from scriptlock.grid import covered
from scriptlock.model import Lock, Pin
from scriptlock.targets import Target, make_target, select
from support.wheels import Wheel, wheel

TARGETS = tuple(
    make_target(platform, (3, minor))
    for minor in (13, 12, 11)
    for platform in ("linux-x86_64", "windows-amd64")
)
NAMES = ("apple", "berry", "cherry")
TAGS = (
    "py3-none-any",
    "cp311-abi3-win_amd64",
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp313-cp313-manylinux_2_17_x86_64",
    "cp311-cp311-manylinux_2_17_x86_64",
)
MARKERS = ("", "; sys_platform == 'win32'", "; sys_platform == 'linux'", "; python_version < '3.13'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What pip knows of a file before it opens it, as far as we ask."""

    filename: str
    requires_python: str | None = None
    is_yanked: bool = False
    upload_time: datetime | None = None

    @property
    def is_wheel(self) -> bool:
        return self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """All the wheels that there are."""

    wheels: tuple[Wheel, ...]
    yanked: frozenset[str] = frozenset()
    """File names."""

    def links(self, name: str) -> list[Link]:
        """Return what an index that tells Requires-Python has of a package."""
        return [
            Link(
                filename=file.filename,
                requires_python=file.requires_python,
                is_yanked=file.filename in self.yanked,
            )
            for file in self.wheels
            if file.name == name
        ]

    def requires(self, link: Link) -> tuple[str, ...]:
        """Return what a file's metadata asks for."""
        return next(_told(file, "Requires-Dist") for file in self.wheels if file.filename == link.filename)


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    """Draw a world in which most things can be had, and some only here or there."""
    files, yanked = [], set()
    for name in NAMES:
        others = [other for other in NAMES if other != name]
        for version in draw(st.sets(st.sampled_from(["1", "2", "3b1", "3"]), min_size=1, max_size=3)):
            requires = draw(st.lists(_requirements(others), max_size=2))
            extras = {"more": draw(st.lists(_requirements(others), max_size=1))}
            python = draw(st.sampled_from([None, None, None, ">=3.12", "<3.13"]))
            for tag in draw(st.sampled_from([TAGS[:1], TAGS[:1], TAGS[:2], TAGS[1:], TAGS[2:4]])):
                file = wheel(name, version, requires=requires, extras=extras, requires_python=python, tag=tag)
                files.append(file)
                if draw(st.integers(0, 9)) == 0:
                    yanked.add(file.filename)
    return Universe(wheels=tuple(files), yanked=frozenset(yanked))


@st.composite
def _requirements(draw: st.DrawFn, names: Sequence[str]) -> str:
    name = draw(st.sampled_from(list(names)))
    extra = draw(st.sampled_from(["", "", "[more]"]))
    bound = draw(st.sampled_from(["", "", "", ">=2", "<3", "!=3", ">=3b1"]))
    return f"{name}{extra}{bound}{draw(st.sampled_from(MARKERS))}"


roots = st.lists(_requirements(NAMES), min_size=1, max_size=2, unique_by=lambda text: text[:3])


def faults(
    universe: Universe,
    asked: Iterable[str],
    constraints: Iterable[str],
    target: Target,
    given: Mapping[str, str],
) -> list[str]:
    """Return what is wrong with giving a target these files, as sentences; best none.

    :param given: ``sha256:<hex>`` by normalised name.
    """
    files = {file.hash: file for file in universe.wheels}
    chosen = {name: files[digest] for name, digest in given.items()}
    found = [fault for file in chosen.values() for fault in _misplaced(file, target)]
    needed: dict[str, set[str]] = {}
    pending = [(Requirement(text), "") for text in asked]
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({**target.markers, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in chosen:
            found.append(f"{name} is missing")
        elif not requirement.specifier.contains(chosen[name].version, prereleases=True):
            found.append(f"{name} {chosen[name].version} is not {requirement.specifier}")
        else:
            for one in {"", *requirement.extras} - needed.get(name, set()):
                needed.setdefault(name, set()).add(one)
                told = _told(chosen[name], "Requires-Dist")
                pending += [(Requirement(text), one) for text in told]
    for constraint in map(Requirement, constraints):
        file = chosen.get(canonicalize_name(constraint.name))
        if file and not constraint.specifier.contains(file.version, prereleases=True):
            found.append(f"{file.name} {file.version} is not {constraint}")
    return [*found, *(f"nobody needs {name}" for name in chosen if name not in needed)]


def faults_of_lock(
    universe: Universe, asked: Sequence[str], constraints: Sequence[str], lock: Lock
) -> list[str]:
    """Return what is wrong with a lock on any target that it covers, as sentences; best none."""
    found = []
    for target in covered(lock):
        given = {pin.name: _best(universe, pin, target) for pin in select(lock, target.markers)}
        wrong = [f"no file of {name}" for name, digest in given.items() if digest is None]
        wrong = wrong or faults(universe, asked, constraints, target, {n: d for n, d in given.items() if d})
        found += [f"{target}: {fault}" for fault in wrong]
    return found


def _best(universe: Universe, pin: Pin, target: Target) -> str | None:
    """Return the hash of the file that an installer would take."""
    places = {tag: place for place, tag in enumerate(target.tags)}
    ranked = [
        (places[str(tag)], file.hash)
        for file in universe.wheels
        if (file.name, file.version) == (pin.name, pin.version) and file.hash in pin.hashes
        for tag in parse_wheel_filename(file.filename)[3]
        if str(tag) in places
    ]
    return min(ranked, default=(0, None))[1]


def _misplaced(file: Wheel, target: Target) -> Iterator[str]:
    tags = {str(tag) for tag in parse_wheel_filename(file.filename)[3]}
    if tags.isdisjoint(target.tags):
        yield f"{file.filename} is not for {target}"
    for python in _told(file, "Requires-Python"):
        if not SpecifierSet(python).contains(target.markers["python_full_version"]):
            yield f"{file.filename} is for Python {python}"


def _told(file: Wheel, field: str) -> tuple[str, ...]:
    return tuple(map(str, BytesHeaderParser().parsebytes(file.metadata).get_all(field, [])))


def newest(universe: Universe, asked: Iterable[str], target: Target) -> dict[str, Version] | None:
    """Return versions, by name, that satisfy everybody on a target; None if there are none.

    Tries all there is, the newest of each package first, and takes nothing yanked.
    """
    return _search(universe, target, [Requirement(text) for text in asked], {}, set())


def _search(
    universe: Universe,
    target: Target,
    pending: list[Requirement],
    chosen: dict[str, Version],
    done: set[tuple[str, str]],
) -> dict[str, Version] | None:
    if not pending:
        return chosen
    requirement, *rest = pending
    if requirement.marker and not requirement.marker.evaluate({**target.markers, "extra": ""}):
        return _search(universe, target, rest, chosen, done)
    name = canonicalize_name(requirement.name)
    offered = [chosen[name]] if name in chosen else _offered(universe, name, target)
    for version in offered:
        if not requirement.specifier.contains(version, prereleases=True):
            continue
        more = [Requirement(text) for text in _required(universe, name, version, target)]
        extras = {"", *requirement.extras} - {extra for known, extra in done if known == name}
        children = [
            child
            for extra in sorted(extras)
            for child in more
            if (child.marker is None and not extra)
            or (child.marker and child.marker.evaluate({**target.markers, "extra": extra}))
        ]
        for child in children:
            child.marker = None
        found = _search(
            universe,
            target,
            [*rest, *children],
            {**chosen, name: version},
            done | {(name, extra) for extra in extras},
        )
        if found is not None:
            return found
    return None


def _offered(universe: Universe, name: str, target: Target) -> list[Version]:
    fitting = {
        file.version
        for file in universe.wheels
        if file.name == name and file.filename not in universe.yanked and not [*_misplaced(file, target)]
    }
    return sorted(fitting, key=lambda version: (not version.is_prerelease, version), reverse=True)


def _required(universe: Universe, name: str, version: Version, target: Target) -> tuple[str, ...]:
    return next(
        _told(file, "Requires-Dist")
        for file in universe.wheels
        if (file.name, file.version) == (name, version) and not [*_misplaced(file, target)]
    )
