"""Wheel tags in words: for which Pythons and platforms a set of wheels is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

PLATFORMS = (
    (
        re.compile(r"manylinux.*?_(?P<machine>x86_64|aarch64|i686|armv7l|ppc64le|s390x|riscv64)"),
        "Linux {machine}",
    ),
    (re.compile(r"linux_(?P<machine>\w+)"), "Linux {machine}"),
    (re.compile(r"musllinux_\d+_\d+_(?P<machine>\w+)"), "Linux {machine} with musl"),
    (re.compile(r"macosx_\d+_\d+_(?P<machine>\w+)"), "macOS {machine}"),
    (re.compile(r"win32"), "Windows x86"),
    (re.compile(r"win_(?P<machine>\w+)"), "Windows {machine}"),
    (re.compile(r"any"), "any platform"),
)
NEWER = (
    (re.compile(r"manylinux_(\d+)_(\d+)_.*"), " with glibc {0}.{1}"),
    (re.compile(r"musllinux_(\d+)_(\d+)_.*"), " {0}.{1}"),
    (re.compile(r"macosx_(\d+)_(\d+)_.*"), " from {0}.{1} on"),
)
"""What to add where there is a wheel for that platform, but only for newer systems."""
PYTHONS = (
    (re.compile(r"cp(?P<major>\d)(?P<minor>\d+)"), "CPython {major}.{minor}"),
    (re.compile(r"pp(?P<major>\d)(?P<minor>\d+)"), "PyPy {major}.{minor}"),
    (re.compile(r"py(?P<major>\d)(?P<minor>\d*)"), "Python {major}"),
)


def describe(wheels: Iterable[Iterable[str]], wanted: Iterable[str]) -> str:
    """Return what the wheels are for: ``CPython 3.12, 3.13`` if only the Python is wrong, else the platforms.

    :param wheels: the tags of each.
    :param wanted: the tags that none of them has.
    """
    platforms = {tag.split("-")[2] for tag in wanted}
    tags = {tuple(tag.split("-")) for wheel in wheels for tag in wheel}
    near = {python for python, _, platform in tags if platform in platforms}
    if near:
        pythons = sorted({_words(python, PYTHONS) for python in near}, key=_numerically)
        return ", ".join(_without_repetition(pythons))
    same = {_words(platform, PLATFORMS) for platform in platforms}
    return ", ".join(sorted({_system(platform, same) for _, _, platform in tags}))


def _system(tag: str, same: Collection[str]) -> str:
    words = _words(tag, PLATFORMS)
    # To name the wanted platform and nothing else would say that there is a wheel for it.
    return words + _addition(tag) if words in same else words


def _addition(tag: str) -> str:
    for pattern, words in NEWER:
        if found := pattern.fullmatch(tag):
            return words.format(*found.groups())
    return ""


def _words(tag: str, table: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, words in table:
        if found := pattern.fullmatch(tag):
            return words.format(**found.groupdict())
    return tag


def _numerically(words: str) -> tuple[str, list[int]]:
    kind, _, version = words.partition(" ")
    return kind, [int(number) for number in re.findall(r"\d+", version)]


def _without_repetition(words: list[str]) -> list[str]:
    """Return ``CPython 3.12, 3.13`` for ``CPython 3.12, CPython 3.13``."""
    short, before = [], ""
    for word in words:
        kind, _, version = word.partition(" ")
        short.append(version if version and kind == before else word)
        before = kind
    return short
