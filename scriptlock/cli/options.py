"""Arguments and options that several verbs share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from packaging.requirements import Requirement

from scriptlock.errors import InvalidScript
from scriptlock.requirements import read_requirement


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the time that ``30d``, ``12h`` or ``2w`` means."""
        if isinstance(value, timedelta):
            return value
        found = _AGE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no age; write 30d, 12h or 2w, say", param, ctx)
        return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})


class _Requirement(click.ParamType[Requirement]):
    name = "requirement"

    def convert(
        self, value: str | Requirement, param: click.Parameter | None, ctx: click.Context | None
    ) -> Requirement:
        """Return the requirement that the text is (PEP 508)."""
        if isinstance(value, Requirement):
            return value
        try:
            return read_requirement(value, 0)
        except InvalidScript as error:
            self.fail(error.reason, param, ctx)


_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(?P<count>\d{1,5}) ?(?P<unit>[hdw])")
age = _Age()

# Not readable: what is wrong with a file is said by whoever reads it.
_PATH = click.Path(readable=False, path_type=Path)
_WORD = click.Path(readable=False)
paths = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=_PATH)
path = click.argument("path", metavar="PATH", type=_PATH)
source = click.argument("word", metavar="PATH", type=_WORD)
sources = click.argument("words", nargs=-1, required=True, metavar="PATH...", type=_WORD)
python = click.option("--python", metavar="PYTHON", help="A path or a version, such as 3.12 or pypy3.11.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
offline = click.option(
    "--offline", is_flag=True, envvar="SCRIPTLOCK_OFFLINE", show_envvar=True, help="Never use the network."
)
locked = click.option(
    "--locked",
    is_flag=True,
    envvar="SCRIPTLOCK_LOCKED",
    show_envvar=True,
    help="Fail where the lock is missing or stale.",
)
frozen = click.option("--frozen", is_flag=True, help="Use the lock as it stands, stale or not.")
locked_only = click.option("--locked-only", is_flag=True, help="Pass over scripts that carry no lock.")
upgrade = click.option("-U", "--upgrade", is_flag=True, help="Choose every version anew.")
extra = click.option(
    "--with",
    "extra",
    multiple=True,
    metavar="REQ",
    type=_Requirement(),
    help="Install this on top, for this once (repeatable).",
)
max_age = click.option(
    "--max-age", metavar="AGE", type=age, help="Warn if the lock is older, 30d (days) say; also h and w."
)
no_cache = click.option(
    "--no-cache", is_flag=True, help="Use a temporary environment, and leave nothing of it."
)
refresh = click.option("--refresh", is_flag=True, help="Look whether there is another script at the URL.")


def refuse_contradictions(wishes: Mapping[str, Any]) -> None:
    """Return if the options can be followed together.

    :param wishes: the options by name; those that the verb has.
    :raises click.UsageError: if not.
    """
    for one, other in (
        ("upgrade", "locked"),
        ("upgrade", "frozen"),
        ("extra", "frozen"),
        ("from_cache", "upgrade"),
        ("from_cache", "upgrade_packages"),
    ):
        if wishes.get(one) and wishes.get(other):
            raise click.UsageError(f"{_OPTIONS[one]} and {_OPTIONS[other]} contradict each other")


_OPTIONS = {
    "extra": "--with",
    "from_cache": "--from-cache",
    "frozen": "--frozen",
    "locked": "--locked",
    "upgrade": "--upgrade",
    "upgrade_packages": "--upgrade-package",
}
