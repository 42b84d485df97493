"""One lock from many resolutions: the smallest markers (PEP 508) that give each target what it was given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations, groupby, product

from packaging.markers import Marker

from scriptlock.errors import ResolutionError
from scriptlock.model import Lock, Pin
from scriptlock.resolve.request import Choice, Resolution
from scriptlock.targets import Target, select

_FACTS = ("sys_platform", "platform_machine", "implementation_name")
_Row = tuple[tuple[str, ...], tuple[int, int]]
"""What markers tell targets apart by: the facts above, and the Python's major and minor."""


def merge(resolutions: Sequence[Resolution]) -> tuple[Pin, ...]:
    """Return the pins that give every target exactly the choices of its resolution.

    :raises ResolutionError: if two targets that no marker can tell apart want different versions.
    """
    rows = tuple(_row(resolution.target) for resolution in resolutions)
    where: defaultdict[tuple[object, ...], int] = defaultdict(int)
    first: dict[tuple[object, ...], Choice] = {}
    hashes: defaultdict[str, set[str]] = defaultdict(set)
    for number, resolution in enumerate(resolutions):
        for choice in resolution.choices:
            key = (choice.name, choice.version, choice.url, choice.git, choice.commit)
            where[key] |= 1 << number
            first.setdefault(key, choice)
            hashes[choice.name].update(choice.hashes)
    pins = [
        Pin(
            name=choice.name,
            version=choice.version,
            marker=_marker(where[key], rows, choice.name),
            hashes=tuple(sorted(hashes[choice.name])),
            url=choice.url,
            git=choice.git,
            commit=choice.commit,
        )
        for key, choice in first.items()
    ]
    # Newest last would read the other way round in a diff; an equal version differs by its marker.
    pins.sort(key=lambda pin: str(pin.marker or ""))
    pins.sort(key=lambda pin: pin.version, reverse=True)
    pins.sort(key=lambda pin: pin.name)
    return tuple(pins)


def verify(lock: Lock, resolutions: Iterable[Resolution]) -> None:
    """Return if the lock gives every target what its resolution chose, evaluating each marker on each.

    :raises AssertionError: otherwise; it would be a bug of :func:`merge`, and nothing may be written.
    """
    for resolution in resolutions:
        given = {(pin.name, pin.version) for pin in select(lock, resolution.target.markers)}
        chosen = {(choice.name, choice.version) for choice in resolution.choices}
        if given != chosen:
            raise AssertionError(f"{resolution.target}: the lock gives {given ^ chosen} other than chosen")


def environments(targets: Iterable[Target]) -> tuple[Marker, ...]:
    """Return one marker for each platform and unbroken run of Python minors, true on these targets only."""
    platforms: defaultdict[tuple[str, ...], set[tuple[int, int]]] = defaultdict(set)
    for target in targets:
        facts, python = _row(target)
        platforms[facts].add(python)
    return tuple(
        Marker(f"{_platform(facts)} and {_pythons(run)}")
        for facts, pythons in platforms.items()
        for run in _runs(sorted(pythons))
    )


def _row(target: Target) -> _Row:
    return tuple(target.markers[fact] for fact in _FACTS), target.python


def _platform(facts: tuple[str, ...]) -> str:
    said = [f"{name} == '{value}'" for name, value in zip(_FACTS, facts, strict=True) if value != "cpython"]
    return " and ".join(said)


def _runs(minors: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    numbered = enumerate(minors)
    for _, run in groupby(numbered, key=lambda pair: (pair[1][0], pair[1][1] - pair[0])):
        yield [minor for _, minor in run]


def _pythons(run: Sequence[tuple[int, int]]) -> str:
    (major, low), (_, high) = run[0], run[-1]
    if low == high:
        return f"python_version == '{major}.{low}'"
    return f"python_version >= '{major}.{low}' and python_version < '{major}.{high + 1}'"


def _marker(wanted: int, rows: tuple[_Row, ...], name: str) -> Marker | None:
    """Return the shortest marker that is true on exactly the wanted targets (a bit set), None for all."""
    everywhere = (1 << len(rows)) - 1
    if wanted == everywhere:
        return None
    candidates = _candidates(rows)
    if wanted in candidates:
        return Marker(candidates[wanted])
    inside = {bits: text for bits, text in candidates.items() if not bits & ~wanted}
    pairs = ((inside[one], inside[other]) for one, other in combinations(inside, 2) if one | other == wanted)
    best = min(pairs, key=lambda texts: (len("".join(texts)), texts), default=None)
    parts = list(best) if best else _cover(wanted, inside, name)
    return Marker(" or ".join(sorted(f"({text})" if " and " in text else text for text in parts)))


def _cover(wanted: int, inside: dict[int, str], name: str) -> list[str]:
    # Greedy is not always the smallest, but a lock that needs three terms for one pin is rare.
    parts, left = [], wanted
    while left:
        gains = ((-(bits & left).bit_count(), len(text), text, bits) for bits, text in inside.items())
        gain, _, text, bits = min(gains, default=(0, 0, "", 0))
        if not gain:
            raise ResolutionError(
                f"{name} needs different versions on targets that no marker can tell apart",
                hint="name fewer platforms in the header's `environments`, or use `scriptlock lock --here`",
            )
        parts.append(text)
        left &= ~bits
    return parts


@lru_cache(maxsize=8)
def _candidates(rows: tuple[_Row, ...]) -> dict[int, str]:
    """Return every conjunction worth writing: where it is true (a bit set), and its shortest text."""
    everywhere = (1 << len(rows)) - 1
    axes = [list(_equalities(number, rows)) for number in range(len(_FACTS))]
    axes.append(list(_ranges(rows)))
    shortest: dict[int, str] = {}
    for terms in product(*axes):
        bits, said = everywhere, [text for _, text in terms if text]
        for term, _ in terms:
            bits &= term
        text = " and ".join(said)
        known = shortest.get(bits)
        if bits and said and (known is None or (len(text), text) < (len(known), known)):
            shortest[bits] = text
    return shortest


def _equalities(number: int, rows: tuple[_Row, ...]) -> Iterator[tuple[int, str]]:
    everywhere, fact = (1 << len(rows)) - 1, _FACTS[number]
    yield everywhere, ""
    for value in sorted({facts[number] for facts, _ in rows}):
        bits = sum(1 << i for i, (facts, _) in enumerate(rows) if facts[number] == value)
        yield bits, f"{fact} == '{value}'"
        yield everywhere & ~bits, f"{fact} != '{value}'"


def _ranges(rows: tuple[_Row, ...]) -> Iterator[tuple[int, str]]:
    pythons = sorted({python for _, python in rows})
    minors = [f"{major}.{minor}" for major, minor in pythons]
    bits = [sum(1 << i for i, row in enumerate(rows) if row[1] == python) for python in pythons]
    for low in range(len(minors)):
        for high in range(low, len(minors)):
            texts = [f"python_version >= '{minors[low]}'"] if low else []
            texts += [f"python_version < '{minors[high + 1]}'"] if high + 1 < len(minors) else []
            if low == high and len(texts) == 2:  # noqa: PLR2004 - a lower and an upper bound
                texts = [f"python_version == '{minors[low]}'"]
            yield sum(bits[low : high + 1]), " and ".join(texts)
