"""Why there is no solution, in one sentence about packages and who asked for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from scriptlock.errors import (
    ConflictingRequirements,
    NoCompatibleWheel,
    NoMatchingVersion,
    PythonExcluded,
    ResolutionError,
    UnknownPackage,
)
from scriptlock.resolve.references import allowing
from scriptlock.resolve.wants import Bounds, File, PythonWant, Want, listed, versions
from scriptlock.resolve.wheels import describe


def explain(
    wants: Sequence[Want],
    pythons: Sequence[PythonWant],
    bounds: Bounds,
    files_of: Callable[[str], Sequence[File]],
) -> ResolutionError:
    """Return the error that fits: the first package that could not be had at all, else the conflict.

    :param wants: what could not be satisfied together.
    :param files_of: what all indexes have of a package; asked only for names of ``wants``.
    """
    if pythons:
        return _python_excluded(pythons, bounds)
    ordered = sorted(wants, key=lambda want: (want.parent is not None, want.name, want.parent or ""))
    for want in ordered:
        if not want.is_constraint and (reason := _unobtainable(want, files_of(want.name), bounds)):
            return reason
    return _conflict(ordered, files_of)


def _unobtainable(want: Want, files: Sequence[File], bounds: Bounds) -> ResolutionError | None:
    """Return why one requirement cannot be satisfied even alone, or None if it can."""
    if not files:
        return UnknownPackage(
            f"no index knows a package {want.name}{want.asked}",
            want.header,
            "check the spelling, and the indexes of pip's configuration",
        )
    for passes, blame in SIEVES:
        left = [file for file in files if passes(file, want, bounds)]
        if not left:
            return blame(want, files, bounds)
        files = left
    return None


def _has_version(file: File, want: Want, _: Bounds) -> bool:
    return want.specifier.contains(file.version, prereleases=True)


def _is_old_enough(file: File, _: Want, bounds: Bounds) -> bool:
    return bounds.exclude_newer is None or file.uploaded is None or file.uploaded < bounds.exclude_newer


def _is_not_yanked(file: File, want: Want, _: Bounds) -> bool:
    # PEP 592: who names a version exactly gets it.
    exactly = any(part.operator in {"==", "==="} and "*" not in part.version for part in want.specifier)
    return exactly or not file.yanked


def _admits_python(file: File, _: Want, bounds: Bounds) -> bool:
    try:
        admitted = SpecifierSet(file.requires_python or "")
    except InvalidSpecifier:
        return True  # as pip has it
    return admitted.contains(bounds.target.markers["python_full_version"], prereleases=True)


def _is_installable(file: File, want: Want, bounds: Bounds) -> bool:
    if file.tags is None:
        return want.name in bounds.allow_sdist
    return not file.tags.isdisjoint(bounds.target.tags)


def _is_readable(file: File, _: Want, __: Bounds) -> bool:
    return file.broken is None


def _no_version(want: Want, files: Sequence[File], _: Bounds) -> ResolutionError:
    there = "are" if len({file.version for file in files}) > 1 else "is only"
    reason = f"no version fits {want.text}{want.asked}; there {there} {versions(files)}"
    return NoMatchingVersion(reason, want.header)


def _too_new(want: Want, files: Sequence[File], _: Bounds) -> ResolutionError:
    return NoMatchingVersion(
        f"exclude-newer leaves nothing that fits {want.text}{want.asked}: {versions(files)} came later",
        want.header,
        "choose a later exclude-newer, or an older version",
    )


def _all_yanked(want: Want, files: Sequence[File], _: Bounds) -> ResolutionError:
    newest = max(file.version for file in files)
    return NoMatchingVersion(
        f"everything that fits {want.text}{want.asked} was yanked: {versions(files)}",
        want.header,
        f"to have a yanked version anyway, pin it: {want.name}=={newest}",
    )


def _other_python(want: Want, files: Sequence[File], bounds: Bounds) -> ResolutionError:
    best = max(files, key=lambda file: file.version)
    package = f"{want.name} {best.version}"
    python = PythonWant(package=package, specifier=str(best.requires_python), header=want.header)
    return _python_excluded([python], bounds, want.asked)


def _no_wheel(want: Want, files: Sequence[File], bounds: Bounds) -> ResolutionError:
    newest = max(file.version for file in files)
    offered = [file for file in files if file.version == newest]
    tags = [file.tags for file in offered if file.tags is not None]
    hint = allowing(want.name) if len(tags) < len(offered) else None
    what = f"only wheels for {describe(tags, bounds.target.tags)}" if tags else "only a source distribution"
    reason = f"{want.name} {newest}{want.asked} has no wheel for {bounds.target}, {what}"
    return NoCompatibleWheel(reason, want.header, hint)


def _broken(want: Want, files: Sequence[File], _: Bounds) -> ResolutionError:
    best = max(files, key=lambda file: file.version)
    reason = f"the metadata of {want.name} {best.version}{want.asked} is invalid: {best.broken}"
    return NoMatchingVersion(reason, want.header, "ask for another version")


SIEVES: tuple[
    tuple[
        Callable[[File, Want, Bounds], bool],
        Callable[[Want, Sequence[File], Bounds], ResolutionError],
    ],
    ...,
] = (
    (_has_version, _no_version),
    (_is_old_enough, _too_new),
    (_is_not_yanked, _all_yanked),
    (_admits_python, _other_python),
    (_is_installable, _no_wheel),
    (_is_readable, _broken),
)
"""What a file has to pass, and what to say when none is left."""


def _python_excluded(pythons: Sequence[PythonWant], bounds: Bounds, asked: str = "") -> ResolutionError:
    newest = {want.package.split()[0]: want for want in sorted(pythons, key=_by_version)}
    told = [f"{want.package}{asked} needs Python {want.specifier}" for _, want in sorted(newest.items())]
    return PythonExcluded(
        f"{listed(told)}, but this is for {bounds.target}",
        _headers(newest.values()),
        "raise requires-python in the header, or ask for an older version",
    )


def _conflict(wants: Sequence[Want], files_of: Callable[[str], Sequence[File]]) -> ResolutionError:
    core: list[Want] = []
    for name in sorted({want.name for want in wants}):
        versions_there = {file.version for file in files_of(name)}
        core += _core([want for want in wants if want.name == name], versions_there)
    told = listed([f"{want.asker} wants {want.text}" for want in core or wants])
    what = (
        f"version of {listed(sorted({want.name for want in core}), 'or')}" if core else "choice of versions"
    )
    return ConflictingRequirements(f"no {what} satisfies everybody: {told}", _headers(core or wants))


def _core(wants: Sequence[Want], there: Collection[Version]) -> list[Want]:
    """Return a few of the wants that exclude each other already, newer packages rather; none if none do."""
    core = list(wants)
    if not _exclude_each_other(core, there):
        return []
    for want in sorted(wants, key=_by_parent):
        rest = [other for other in core if other is not want]
        if _exclude_each_other(rest, there):
            core = rest
    return core


def _exclude_each_other(wants: Sequence[Want], there: Collection[Version]) -> bool:
    return not any(
        all(want.specifier.contains(version, prereleases=True) for want in wants) for version in there
    )


def _by_parent(want: Want) -> Version:
    return Version(want.parent.split()[1]) if want.parent else Version("0")


def _by_version(want: PythonWant) -> Version:
    return Version(want.package.split()[1])


def _headers(wants: Iterable[Want | PythonWant]) -> tuple[str, ...]:
    return tuple(sorted({text for want in wants for text in want.header}))
