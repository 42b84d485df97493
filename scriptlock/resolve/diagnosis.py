"""From what pip gave up on to why: reads its causes and the rows of the indexes for :mod:`explain`."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar, Self

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from scriptlock.errors import IndexUnreachable, NoCompatibleWheel, ResolutionError, UnknownPackage
from scriptlock.pip_configuration import redact
from scriptlock.resolve.access import Access, Repository
from scriptlock.resolve.borrowed import Borrowed
from scriptlock.resolve.explain import explain
from scriptlock.resolve.origins import asked_by, header_of
from scriptlock.resolve.protocol import Question
from scriptlock.resolve.references import commit_in
from scriptlock.resolve.urls import file_named_by, host
from scriptlock.resolve.wants import Bounds, File, PythonWant, Want

PUBLISHER = "tell those who publish the package, or ask for another version"


def causes(borrowed: Borrowed, error: BaseException) -> Sequence[tuple[Any, Any]]:
    """Return pip's requirements that exclude each other, each with the candidate that has it, or None."""
    reason = error.__cause__
    return reason.causes if isinstance(reason, borrowed.ResolutionImpossible) else ()


class Ignored(logging.Handler):
    """Remembers the versions that pip ignores because of their metadata, which it tells its log only."""

    LOGGER: ClassVar = "pip._internal.resolution.resolvelib.found_candidates"

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reasons: dict[tuple[str, str], str] = {}
        """By normalised name and version."""

    def __enter__(self) -> Self:
        logging.getLogger(self.LOGGER).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(self.LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what was found wrong with which version."""
        match record.args:
            case (version, str() as name, error):
                why = getattr(error, "error", error)
                self.reasons[canonicalize_name(name), str(version)] = " ".join(str(why).split())


class Diagnosis:
    """Explains failures of one attempt to resolve for one target."""

    def __init__(
        self,
        borrowed: Borrowed,
        access: Access,
        repository: Repository,
        question: Question,
        ignored: Ignored,
    ) -> None:
        self._borrowed, self._access = borrowed, access
        self._repository, self._question = repository, question
        self._ignored = ignored

    def explain(self, error: Exception) -> ResolutionError:
        """Return the error to raise for one of pip's, or for one of ours that could say more."""
        if isinstance(error, ResolutionError):
            header = error.requirements or self._direct_reference_in(str(error))
            return type(error)(error.reason, header, error.hint)
        told = causes(self._borrowed, error)
        if not told:
            return self._explain_other(error)
        pythons = [want for cause in told for want in self._python_wants(*cause)]
        wants = {want: None for cause in told for want in self._wants(*cause)}
        names = {want.name for want in wants}
        bounds = [bound for bound in self._constraints() if bound.name in names]
        question = self._question
        reason = explain(
            [*wants, *bounds],
            pythons,
            Bounds(
                target=question.target,
                exclude_newer=question.exclude_newer,
                allow_sdist=question.allow_sdist,
            ),
            cache(self._files),
        )
        forbidden = [one for name in sorted(names) for one in self._access.indexes.wire.forbidding(name)]
        if isinstance(reason, UnknownPackage) and forbidden:
            return IndexUnreachable(
                f"{reason}; {forbidden[0]} refused to say (403)",
                reason.requirements,
                "check the spelling, or user and password in pip's configuration",
            )
        reason.hint = reason.hint or self._hint_to_move(reason.requirements)
        return reason

    def _hint_to_move(self, requirements: Collection[str]) -> str | None:
        """Return how to let a repository of these move that is kept at its commit, None if none is."""
        for asked in self._question.requirements:
            commit = commit_in(Requirement(asked["text"]).url or "")
            if commit and commit not in asked["header"] and asked["header"] in requirements:
                name = Requirement(asked["header"]).name
                return f"{name} stays at {commit[:7]}, unless by `scriptlock lock --upgrade-package {name}`"
        return None

    def _explain_other(self, error: Exception) -> ResolutionError:
        # Some of pip's errors have their sentence here, and only a label as text.
        text = redact(" ".join(str(getattr(error, "message", None) or error).split()))
        if silent := re.search(r"(\S+) does not provide upload-time", text):
            return ResolutionError(
                f"{host(silent[1])} does not tell when its files were uploaded, so exclude-newer cannot hold",
                hint="remove exclude-newer, or use an index that tells (PEP 700)",
            )
        if broken := re.search(r"Wheel '\S+' located at (\S+) is invalid", text):
            return ResolutionError(f"{file_named_by(broken[1])} is an invalid wheel", hint=PUBLISHER)
        if isinstance(error, self._borrowed.BadMetadata):
            return ResolutionError(f"a wheel has no metadata: {error.reason}", hint=PUBLISHER)
        if isinstance(error, self._borrowed.HashMismatch):
            filename = error.req.link.filename if error.req else "a file"
            return ResolutionError(f"{filename} is not the file that its hash promises", header_of(error.req))
        header = self._direct_reference_in(text)
        if header and isinstance(error, self._borrowed.UnsupportedWheel):
            filename = file_named_by(Requirement(header[0]).url or "")
            return NoCompatibleWheel(f"{filename} is no wheel for {self._question.target}", header)
        return ResolutionError(text, header)

    def _direct_reference_in(self, text: str) -> tuple[str, ...]:
        for asked in self._question.requirements:
            url = Requirement(asked["text"]).url
            if url and (filename := file_named_by(url)) and filename in text:
                return (asked["header"],)
        return ()

    def _python_wants(self, requirement: Any, parent: Any) -> Iterator[PythonWant]:
        python = self._question.target.markers["python_full_version"]
        if isinstance(requirement, self._borrowed.RequiresPythonRequirement):
            specifier = SpecifierSet(str(requirement.specifier))
            if parent is not None and not specifier.contains(python, prereleases=True):
                yield PythonWant(
                    package=f"{parent.project_name} {parent.version}",
                    specifier=str(specifier),
                    header=header_of(asked_by(parent)),
                )

    def _wants(self, requirement: Any, parent: Any) -> Iterator[Want]:
        if isinstance(requirement, self._borrowed.RequiresPythonRequirement):
            return
        name = canonicalize_name(requirement.project_name)
        if parent is not None and canonicalize_name(parent.project_name) == name:
            return  # a package with extras wants itself without them
        direct, asked = requirement.get_candidate_lookup()
        exactly = f"=={direct.version}" if direct else str(asked.specifier) if asked else ""
        yield Want(
            name=name,
            specifier=SpecifierSet(exactly),
            file=direct.source_link.filename if direct else None,
            parent=f"{parent.project_name} {parent.version}" if parent else None,
            header=header_of(asked_by(parent) if parent else asked or (direct and asked_by(direct))),
        )

    def _constraints(self) -> Iterator[Want]:
        for bound in self._question.constraints:
            requirement = Requirement(bound["text"])
            yield Want(
                name=canonicalize_name(requirement.name),
                specifier=requirement.specifier,
                is_constraint=True,
                header=(bound["header"],),
            )

    def _files(self, name: str) -> tuple[File, ...]:
        links = self._access.indexes.links(name)
        files = (file for link in links if (file := _file(link, name)))
        reasons = self._ignored.reasons
        return tuple(replace(file, broken=reasons.get((name, str(file.version)))) for file in files)


def _file(link: Any, name: str) -> File | None:
    try:
        if link.is_wheel:
            found, version, _, tags = parse_wheel_filename(link.filename)
        else:
            (found, version), tags = parse_sdist_filename(link.filename), None
    except ValueError:  # no name of a file, or one with a number of more digits than Python reads
        return None
    if found != name:
        return None
    return File(
        version=version,
        tags=None if tags is None else frozenset(map(str, tags)),
        requires_python=link.requires_python,
        yanked=link.is_yanked,
        uploaded=link.upload_time,
    )
