"""The verbs that deal with the environment of a script: run, sync, which."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from scriptlock import by_path
from scriptlock.cli import options, preparing
from scriptlock.cli.report import complain, out, remark
from scriptlock.errors import ScriptlockError


@click.command(context_settings={"allow_interspersed_args": False})
@options.source
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@options.extra
@options.upgrade
@options.max_age
@options.no_cache
@options.refresh
@options.python
@options.locked
@options.frozen
@options.offline
def run(word: str, args: Sequence[str], *, no_cache: bool, **wishes: Any) -> NoReturn:
    """Run a script with exactly the packages that its lock pins.

    A lock that no longer answers the header is refreshed first, in the script. A script without a
    lock gets one in the cache; the script is left alone. Options for scriptlock go before PATH, all
    that follows it is the script's. PATH may be a URL, or - for standard input.

    \b
    Examples:
      scriptlock run report.py --fast
      scriptlock run --python 3.12 --locked report.py
      scriptlock run --with ipython -U report.py
      scriptlock run https://example.org/report.py
      #!/usr/bin/env -S scriptlock run        as the first line of an executable script
    """
    options.refuse_contradictions(wishes)
    if no_cache:
        preparing.run_without_cache(word, args, wishes)
    preparing.run_script(word, args, wishes)


@click.command()
@options.sources
@options.extra
@options.upgrade
@options.refresh
@options.python
@options.locked
@options.frozen
@options.offline
@options.as_json
def sync(words: Sequence[str], *, as_json: bool, **wishes: Any) -> NoReturn:
    """Build what a script needs, without running it; print its environment's python.

    \b
    Example:
      "$(scriptlock sync report.py)" -m pdb report.py
    """
    options.refuse_contradictions(wishes)
    preparing.sync_scripts(words, wishes, say=out, as_json=as_json)


@click.command()
@options.path
@options.python
def which(path: Path, *, python: str | None) -> None:
    """Print the python of a script's environment if it is built; exit 1 if it is not. Builds nothing.

    \b
    Example:
      scriptlock which report.py
    """
    try:
        found = by_path.which_file(path, python=python)
    except ScriptlockError as error:
        complain(path, error)
        sys.exit(error.exit_code)
    if found is None:
        remark(path, "its environment is not built; `scriptlock sync` builds it")
        sys.exit(1)
    out(str(found))
