"""Arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from packaging.requirements import Requirement

from scriptlock.addresses import is_url
from scriptlock.cli.quantities import read_age
from scriptlock.errors import InvalidScript
from scriptlock.requirements import read_requirement


def read_by(read: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return the callback of an option whose text, or each of whose texts, means a value.

    :param read: returns it, or raises ValueError with the reason.
    """

    # Not a type of click's: those are generic in some versions, and not in others.
    def callback(ctx: click.Context, param: click.Parameter, given: Any) -> Any:
        try:
            if isinstance(given, tuple):
                return tuple(map(read, given))
            return None if given is None else read(given)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return callback


def _read_requirement(text: str) -> Requirement:
    try:
        return read_requirement(text, 0)
    except InvalidScript as error:
        raise ValueError(error.reason) from error


def _read_path(text: str) -> Path:
    if is_url(text):
        raise ValueError("a URL is nothing but for `run` and `sync`")
    return Path(_read_word(text))


def _read_word(text: str) -> str:
    if not text:
        raise ValueError("an empty text names no script")
    return text


# Not readable: what is wrong with a file is said by whoever reads it.
_WORD = click.Path(readable=False)
_MANY: dict[str, Any] = {"nargs": -1, "required": True, "metavar": "PATH...", "type": _WORD}
_ONE: dict[str, Any] = {"metavar": "PATH", "type": _WORD}
paths = click.argument("paths", callback=read_by(_read_path), **_MANY)
path = click.argument("path", callback=read_by(_read_path), **_ONE)
source = click.argument("word", callback=read_by(_read_word), **_ONE)
sources = click.argument("words", callback=read_by(_read_word), **_MANY)
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
    callback=read_by(_read_requirement),
    help="Install this on top, for this once (repeatable).",
)
max_age = click.option(
    "--max-age",
    metavar="AGE",
    callback=read_by(read_age),
    help="Warn if the lock is older, 30d (days) say; also h and w.",
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
        ("from_cache", "environments"),
        ("here", "environments"),
    ):
        if wishes.get(one) and wishes.get(other):
            raise click.UsageError(f"{_OPTIONS[one]} and {_OPTIONS[other]} contradict each other")


_OPTIONS = {
    "environments": "--environment",
    "extra": "--with",
    "from_cache": "--from-cache",
    "frozen": "--frozen",
    "here": "--here",
    "locked": "--locked",
    "upgrade": "--upgrade",
    "upgrade_packages": "--upgrade-package",
}
