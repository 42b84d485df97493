"""From what a header asks for to a lock: resolved for every target, merged, and checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from scriptlock.errors import ResolutionError
from scriptlock.grid import Grid
from scriptlock.header import Header
from scriptlock.model import Lock, Pin
from scriptlock.resolve.request import Request, Resolution, Resolver
from scriptlock.resolve.universal import environments, merge, verify

Notify = Callable[[str], None]
"""Is told what a person should know, one sentence at a time."""


def make_lock(
    header: Header,
    grid: Grid,
    resolver: Resolver,
    *,
    preferred: tuple[Pin, ...],
    refuses_other_files: bool = False,
    exclude_newer: datetime | None,
    notify: Notify,
) -> Lock:
    """Return the lock that answers a header on all targets of a grid.

    :param preferred: pins to keep where they still fit.
    :param refuses_other_files: whether a pin that stays has to have the files that it had.
    :param exclude_newer: ignore files uploaded at that moment (UTC) or later.
    :param notify: is told of optional targets without a solution, and of what the resolver remarked.
    :raises InvalidScript: if the header's settings are wrong.
    :raises ResolutionError: if there is no solution, or a file was replaced that a pin accepts; ``line`` is
        where the header shows why.
    :raises ValueError: if the resolver does not give what it is asked for.
    """
    settings = header.settings
    request = Request(
        requirements=header.dependencies,
        targets=grid.targets,
        optional=grid.optional,
        preferred=preferred,
        constraints=settings.constraints,
        index_url=settings.index_url,
        exclude_newer=exclude_newer,
        prereleases=settings.prereleases,
        allow_sdist=settings.allow_sdist,
    )
    try:
        resolutions = _resolve(request, resolver)
        _require_solutions(resolutions, grid)
        if refuses_other_files:
            _refuse_replaced(resolutions, preferred)
    except ResolutionError as error:
        error.line = next(filter(None, map(header.line_of, error.requirements)), header.line)
        raise
    solved = [resolution for resolution in resolutions if resolution.unsolved is None]
    for note in dict.fromkeys([*_left_out(resolutions), *(note for one in solved for note in one.notes)]):
        notify(note)
    lock = Lock(
        pins=merge(solved),
        environments=environments(resolution.target for resolution in solved),
        inputs=header.inputs,
        requires_python=header.requires_python,
        exclude_newer=exclude_newer,
        index_url=settings.index_url,
    )
    verify(lock, solved)
    return lock


def _resolve(request: Request, resolver: Resolver) -> Sequence[Resolution]:
    if not request.requirements:
        return [Resolution(target=target, choices=()) for target in request.targets]
    resolutions = resolver.resolve(request)
    if [resolution.target for resolution in resolutions] != [*request.targets]:
        raise ValueError("the resolver does not give one resolution for each target, in their order")
    return resolutions


def _require_solutions(resolutions: Sequence[Resolution], grid: Grid) -> None:
    """Raise the reason why a target has no solution, unless it and its platform can do without."""
    solved = {resolution.target.platform for resolution in resolutions if resolution.unsolved is None}
    for resolution in resolutions:
        target = resolution.target
        can_do_without = str(target) in grid.optional and target.platform not in grid.needed - solved
        if resolution.unsolved and not (solved and can_do_without):
            raise resolution.unsolved


def _refuse_replaced(resolutions: Iterable[Resolution], preferred: Iterable[Pin]) -> None:
    """Return if the files that preferred pins accept are still there, where the pins stay.

    :raises ResolutionError: otherwise.
    """
    versions = {pin.name: pin.version for pin in preferred}
    for name in (name for one in resolutions for name in one.replaced if name in versions):
        raise ResolutionError(
            f"{name} {versions[name]} on the index is not the file that was locked",
            hint=f"somebody replaced it; if that is all right, `scriptlock lock --upgrade-package {name}`",
        )


def _left_out(resolutions: Iterable[Resolution]) -> Iterable[str]:
    """Yield a sentence for each reason why some platforms have to do without some Pythons."""
    versions: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for resolution in resolutions:
        if resolution.unsolved:
            python, _, platform = str(resolution.target).partition(" on ")
            implementation, _, version = python.partition(" ")
            reason = resolution.unsolved.reason.removeprefix(f"for {resolution.target}: ")
            reason = reason.removesuffix(f", but this is for {resolution.target}")  # as the sentence says
            versions[reason.replace(str(resolution.target), "it"), implementation, platform].append(version)
    platforms: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (reason, implementation, platform), several in versions.items():
        platforms[reason, f"{implementation} {', '.join(reversed(several))}"].append(platform)
    for (reason, pythons), names in platforms.items():
        yield f"the lock leaves out {pythons} on {', '.join(names)}: {reason}"
