"""Scripts as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

SHOW = """
import importlib.metadata, sys
for found in sorted(importlib.metadata.distributions(), key=lambda found: found.name):
    print(found.name, found.version)
"""
"""A body that prints the distributions it sees, by name."""
RICH_SHOWN = "idna 3.19\nrich 15.0.0\n"
"""What that prints where rich 15.0.0 was installed, which wants idna."""


def script(
    *dependencies: str,
    requires_python: str | None = None,
    settings: Sequence[str] = (),
    body: str = SHOW,
    shebang: str | None = None,
) -> str:
    """Return a script with a PEP 723 header.

    :param settings: lines of its ``[tool.scriptlock]`` table.
    """
    lines = [f"#!{shebang}"] if shebang else []
    lines.append("# /// script")
    if requires_python is not None:
        lines.append(f'# requires-python = "{requires_python}"')
    lines.append("# dependencies = [")
    lines += [f'#   "{dependency}",' for dependency in dependencies]
    lines.append("# ]")
    if settings:
        lines += ["#", "# [tool.scriptlock]", *(f"# {setting}" for setting in settings)]
    lines.append("# ///")
    return "".join(line + "\n" for line in lines) + dedent(body)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a piece of a script once, as its author would."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
