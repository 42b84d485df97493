"""The verbs that deal with the environment of a script: run, sync, which."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from scriptlock import by_path, child, launch, memo
from scriptlock.addresses import is_url
from scriptlock.cache.environments import Environment
from scriptlock.cache.layout import Cache
from scriptlock.cache.temporary import temporary_cache
from scriptlock.cli import options
from scriptlock.cli.outcome import RUN_FAILED, worst
from scriptlock.cli.progress import Progress
from scriptlock.cli.report import complain, out, remark, sync_json
from scriptlock.cli.sources import Source, find_source, shown
from scriptlock.errors import ScriptlockError, ToolError


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
    try:
        if no_cache:
            child.end_like(_run_without_cache(word, args, wishes))
        name = _memo_name(word)
        source, environment = _prepare(word, Cache.default(), wishes)
        # With any other option, the result is what it would be without.
        if name and source.is_file and not (wishes["python"] or wishes["frozen"] or wishes["extra"]):
            memo.remember(name, word, str(environment.path))
        _start(environment, source.words(args))
    except ScriptlockError as error:
        complain(shown(word), error)
        sys.exit(RUN_FAILED)
    except child.Ended as ended:
        child.end_like(-ended.number)


def _memo_name(word: str) -> str | None:
    with suppress(OSError, ValueError):  # whoever reads it next says why it cannot be read
        return launch.memo_name(word)
    return None


def _prepare(word: str, cache: Cache, wishes: Mapping[str, Any]) -> tuple[Source, Environment]:
    refresh, offline = wishes["refresh"], wishes["offline"]
    rest = {name: wish for name, wish in wishes.items() if name != "refresh"}
    name = click.format_filename(shown(word))
    # Who types a script wants to see nothing else meanwhile.
    with Progress(f"fetching {name}") if is_url(word) else nullcontext():
        source = find_source(word, cache, refresh=refresh, offline=offline)
    with Progress(f"preparing {name}") as progress:

        def notify(message: str) -> None:
            with progress.pause():
                remark(shown(word), message)

        return source, source.prepare(cache=cache, notify=notify, **rest)


def _start(environment: Environment, words: Sequence[str]) -> NoReturn:
    if os.name == "nt":
        child.end_like(_wait_for(environment, words))
    environment.keep_over_exec()
    try:
        launch.become(str(environment.path), words)
    except OSError as error:
        raise ToolError(f"it cannot be started: {error.strerror}") from error


def _run_without_cache(word: str, args: Sequence[str], wishes: Mapping[str, Any]) -> int:
    with child.unwinding(), temporary_cache() as cache:
        source, environment = _prepare(word, cache, wishes)
        with environment:
            return _wait_for(environment, source.words(args))


def _wait_for(environment: Environment, words: Sequence[str]) -> int:
    python = str(environment.python)
    environ = launch.activated(str(environment.path), str(environment.python.parent))
    try:
        return child.run([python, *words], environ)
    except OSError as error:
        raise ToolError(f"it cannot be started: {error.strerror}") from error


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
def sync(words: Sequence[str], *, as_json: bool, **wishes: Any) -> None:
    """Build what a script needs, without running it; print its environment's python.

    \b
    Example:
      "$(scriptlock sync report.py)" -m pdb report.py
    """
    options.refuse_contradictions(wishes)
    answers, codes = [], []
    for word in words:
        try:
            _, environment = _prepare(word, Cache.default(), wishes)
            with environment:
                answer = sync_json(shown(word), environment.python, None)
        except ScriptlockError as error:
            complain(shown(word), error)
            codes.append(error.exit_code)
            answer = sync_json(shown(word), None, error)
        answers.append(answer)
        if answer["python"] and not as_json:
            out(answer["python"])
    if as_json:
        out(json.dumps(answers, indent=2))
    sys.exit(worst(codes))


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
