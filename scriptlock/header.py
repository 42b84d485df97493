"""The ``# /// script`` block of a script (PEP 723), read and checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from scriptlock import plaintoml
from scriptlock.errors import InvalidScript
from scriptlock.requirements import normalise, read_requirement, read_specifiers
from scriptlock.settings import Settings, read_settings

LONGEST = 64 * 1024
"""Bytes that a header may have. Nobody writes longer ones, and reading TOML is what takes the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a script declares."""

    text: str
    """The TOML, out of its comments, each line ending in ``\\n``."""
    line: int
    """The 1-based line of ``# /// script``; the TOML begins on the next."""
    metadata: dict[str, Any] = field(hash=False)
    """The whole table, as the TOML has it."""
    dependencies: tuple[Requirement, ...]
    """In the header's order."""
    requires_python: SpecifierSet | None

    @property
    def settings(self) -> Settings:
        """What ``[tool.scriptlock]`` asks for.

        :raises InvalidScript: for an unknown key or a value of the wrong type, with its line.
        """
        tool = self.metadata.get("tool", {})
        if not isinstance(tool, dict):
            raise InvalidScript("tool is not a table", self.line_of("tool"))
        return read_settings(tool.get("scriptlock", {}), self._line_of_setting)

    @property
    def inputs(self) -> str:
        """``v1:`` and 32 hex digits: equal when the same is asked for, however it is written.

        :raises InvalidScript: as :attr:`settings` does.
        """
        return digest_inputs(
            map(normalise, self.dependencies), self.requires_python, self.settings.resolving()
        )

    def line_of(self, text: str) -> int | None:
        """Return the line of the script where a dependency of that text stands, or else a key of that name.

        A key in a table goes by its full name, ``tool.scriptlock.required`` say.
        """
        from scriptlock import tomltext

        statements = list(tomltext.find_statements(self.text))
        for statement in statements:
            if statement.path == ("dependencies",):
                for string, line in statement.strings:
                    if text in {string, _as_shown(string)}:
                        return self.line + 1 + line
        for statement in statements:
            if ".".join(statement.path) == text:
                return self.line + 1 + statement.line
        return None

    def _line_of_setting(self, key: str) -> int:
        return self.line_in(("tool", "scriptlock", key))

    def line_in(self, path: tuple[str, ...]) -> int:
        """Return the line of the script where a key stands, or what holds it, by its full name."""
        from scriptlock import tomltext

        places = [
            (min(len(path), len(statement.path)), -statement.line)
            for statement in tomltext.find_statements(self.text)
            if all(part == other for part, other in zip(path, statement.path, strict=False))
        ]
        # The first statement that names most of the path: an inline table has its keys further up.
        _, line = max(places, default=(0, 1))
        return self.line + 1 - line


def read_header(text: str, line: int) -> Header:
    """Return the header that a block's TOML is.

    :param line: the line of ``# /// script``.
    :raises InvalidScript: if it is no TOML, or a standard field is not what PEP 723 says, with the line.
    """
    metadata = read_metadata(text, line)
    header = Header(text=text, line=line, metadata=metadata, dependencies=(), requires_python=None)
    return replace(
        header, dependencies=_read_dependencies(header), requires_python=_read_requires_python(header)
    )


def read_metadata(text: str, line: int) -> dict[str, Any]:
    """Return the table that a header's TOML is, whatever it says.

    :param line: the line of ``# /// script``.
    :raises InvalidScript: if it is no TOML, with the line.
    """
    swallowed = "a block goes on to the last `# ///` below it; put an empty line between blocks"
    hint = swallowed if re.search(r"^///", text, re.MULTILINE) else None
    return plaintoml.load(text, line=line + 1, what="the header", hint=hint)


def _read_dependencies(header: Header) -> tuple[Requirement, ...]:
    texts = header.metadata.get("dependencies", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        hint = 'write dependencies = ["requests", "rich >= 13"]'
        raise InvalidScript("dependencies is not a list of strings", header.line_of("dependencies"), hint)
    read = []
    for text in texts:
        try:
            read.append(read_requirement(text, header.line))
        except InvalidScript as error:  # only now is it worth looking for the line
            raise InvalidScript(error.reason, header.line_of(text), error.hint) from error
    return tuple(read)


def _as_shown(text: str) -> str:
    """Return a requirement as an error shows it, whatever else as it is."""
    try:
        return str(Requirement(text))
    except (InvalidRequirement, RecursionError):
        return text


def _read_requires_python(header: Header) -> SpecifierSet | None:
    text = header.metadata.get("requires-python")
    if text is None:
        return None
    hint = 'write requires-python = ">=3.11"'
    try:
        if not isinstance(text, str):
            raise InvalidScript("requires-python is not a string", header.line_of("requires-python"), hint)
        return read_specifiers(text) if text.strip() else None
    except ValueError as error:
        reason = f"requires-python {text!r} is no version specifier"
        raise InvalidScript(reason, header.line_of("requires-python"), hint) from error


def digest_inputs(
    dependencies: Iterable[str], requires_python: SpecifierSet | None, settings: dict[str, Any]
) -> str:
    """Return the digest of what is asked for: ``v1:`` and 32 hex digits.

    :param dependencies: as :func:`~scriptlock.requirements.normalise` gives them, in any order.
    :param settings: as :meth:`~scriptlock.settings.Settings.resolving` gives them.
    """
    asked = {
        "dependencies": sorted(set(dependencies)),
        "requires-python": str(requires_python or ""),
        "settings": settings,
    }
    return digest(asked)


def digest(value: object) -> str:
    """Return ``v1:`` and the first 32 hex digits of a sha256 over the value as canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"v1:{hashlib.sha256(canonical.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
