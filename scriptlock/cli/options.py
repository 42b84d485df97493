"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

paths = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
path = click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
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
