"""What `run` and `sync` do, for whoever has read the command line: click is not loaded for it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any, NoReturn

from scriptlock import launch, memo
from scriptlock.addresses import is_url
from scriptlock.cache.environments import Environment
from scriptlock.cache.layout import Cache
from scriptlock.cli import ahead
from scriptlock.cli.outcome import RUN_FAILED, worst
from scriptlock.cli.progress import Progress
from scriptlock.cli.sources import Source, find_source, shown
from scriptlock.errors import ScriptlockError, ToolError
from scriptlock.workers import Workers

NO_WISHES: Mapping[str, Any] = {
    "extra": (),
    "frozen": False,
    "locked": False,
    "max_age": None,
    "offline": False,
    "python": None,
    "refresh": False,
    "upgrade": False,
}
"""What the options come to where there are none."""
REPAIR = "`scriptlock cache verify --repair` has a damaged environment built anew"


def run_script(word: str, args: Sequence[str], wishes: Mapping[str, Any]) -> NoReturn:
    """Become the script, in the environment that its lock describes; exit if that cannot be.

    :param word: what PATH is on the command line.
    :param wishes: the options by name, as :data:`NO_WISHES` has them.
    """
    try:
        name = _memo_name(word)
        source, environment = _prepare(word, Cache.default(), wishes)
        # With any other option, the result is what it would be without.
        if name and source.is_file and not (wishes["python"] or wishes["frozen"] or wishes["extra"]):
            memo.remember(name, word, str(environment.path))
        _start(environment, source.words(args))
    except ScriptlockError as error:
        _complain(word, error)
        sys.exit(RUN_FAILED)


def run_without_cache(word: str, args: Sequence[str], wishes: Mapping[str, Any]) -> NoReturn:
    """Run the script in an environment for this once, and exit with its status."""
    from scriptlock import child
    from scriptlock.cache.temporary import temporary_cache

    try:
        with child.unwinding(), temporary_cache() as cache:
            source, environment = _prepare(word, cache, wishes)
            with environment:
                status = _wait_for(environment, source.words(args))
        child.end_like(status)
    except ScriptlockError as error:
        _complain(word, error)
        sys.exit(RUN_FAILED)
    except child.Ended as ended:
        child.end_like(-ended.number)


def sync_scripts(
    words: Sequence[str], wishes: Mapping[str, Any], *, say: Callable[[str], None], as_json: bool = False
) -> NoReturn:
    """Build what scripts need, say where their pythons are, and exit."""
    codes, answers = [], []
    for word in words:
        python, failure = None, None
        try:
            _, environment = _prepare(word, Cache.default(), wishes)
            with environment:
                python = environment.python
        except ScriptlockError as error:
            _complain(word, error)
            codes.append(error.exit_code)
            failure = error
        if as_json:
            from scriptlock.cli.report import sync_json

            answers.append(sync_json(shown(word), python, failure))
        elif python:
            say(str(python))
    if as_json:
        say(json.dumps(answers, indent=2))
    sys.exit(worst(codes))


def _memo_name(word: str) -> str | None:
    with suppress(OSError, ValueError):  # whoever reads it next says why it cannot be read
        return launch.memo_name(word)
    return None


def _prepare(word: str, cache: Cache, wishes: Mapping[str, Any]) -> tuple[Source, Environment]:
    refresh, offline = wishes["refresh"], wishes["offline"]
    rest = {name: wish for name, wish in wishes.items() if name != "refresh"}
    name = shown(word).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    # Who types a script wants to see nothing else meanwhile.
    with Progress(f"fetching {name}") if is_url(word) else nullcontext():
        source = find_source(word, cache, refresh=refresh, offline=offline)
    # Before the script takes this process's place, they have to be gone.
    with ahead.workers() or Workers() as workers, Progress(f"preparing {name}") as progress:

        def notify(message: str) -> None:
            from scriptlock.cli.report import remark

            with progress.pause():
                remark(shown(word), message)

        return source, source.prepare(cache=cache, workers=workers, notify=notify, **rest)


def _start(environment: Environment, words: Sequence[str]) -> NoReturn:
    if os.name == "nt":
        from scriptlock import child

        child.end_like(_wait_for(environment, words))
    environment.keep_over_exec()
    try:
        launch.become(str(environment.path), words)
    except OSError as error:
        hint = REPAIR if isinstance(error, FileNotFoundError) else None
        raise ToolError(f"it cannot be started: {error.strerror}", hint) from error


def _wait_for(environment: Environment, words: Sequence[str]) -> int:
    from scriptlock import child

    python = str(environment.python)
    environ = launch.activated(str(environment.path), str(environment.python.parent))
    try:
        return child.run([python, *words], environ)
    except OSError as error:
        raise ToolError(f"it cannot be started: {error.strerror}") from error


def _complain(word: str, error: ScriptlockError) -> None:
    from scriptlock.cli.report import complain

    complain(shown(word), error)
