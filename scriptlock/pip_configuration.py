"""What the user's pip configuration says about reaching indexes, and nothing else that it says.

The rest of a pip configuration (``target``, ``user``, ``no-binary``, ...) is for somebody's own
installations; in an environment of ours it could only do harm.

Started as a program, with the interpreter that has pip, it prints the options as JSON; nothing but
the standard library and pip need to be importable then.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

LISTS = frozenset({"extra-index-url", "find-links", "trusted-host"})
FILES = frozenset({"index-url", "extra-index-url", "find-links", "cert", "client-cert"})
OPTIONS = LISTS | FILES | {"keyring-provider", "no-index", "proxy", "retries", "timeout"}
ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}

RETRIES = "2"
"""Enough for a hiccup, and an index that is not there is told within seconds."""
QUOTE = "in a user or a password, write @ as %40, / as %2F, # as %23 and ? as %3F"
HIDDEN = "****"
_SECRETS = (
    # A password that begins with an @, where it looks as if there was none.
    (re.compile(r"(?<=://)[^\s/:@]*:@\S*@"), f"{HIDDEN}@"),
    # What stands before the @ of an authority, a token alone included.
    (re.compile(r"(?<=://)[^\s/]*@"), f"{HIDDEN}@"),
    # A password with an unquoted slash, question mark or hash in it: no valid URL, so it ends up in messages.
    # But a host and its port may well have an @ behind them.
    (
        re.compile(r"(?<=://)(?!(?:[\w-]+\.[\w.-]+|localhost|\[[\da-fA-F:.]+\]):\d{1,5}/)[^\s/:@]*:\S*@"),
        f"{HIDDEN}@",
    ),
    # The address of a proxy needs no scheme.
    (re.compile(r"(?<![^\s\"'(=])[^\s/:@\"'(=]+:[^\s/@]+@"), f"{HIDDEN}@"),
    # The same URL as part of another one.
    (re.compile(r"(?<=%3A%2F%2F)(?:(?!%2F)\S)*%40", re.IGNORECASE), f"{HIDDEN}%40"),
    # Signed addresses carry their secret in the query.
    (re.compile(r"(://[^\s?#\"'<>]*\?)[^\s#\"'<>]+"), rf"\1{HIDDEN}"),
)
_HTTP = re.compile(r"https?:", re.IGNORECASE)


def redact(text: str) -> str:
    """Return the text without the users, passwords, tokens and queries of the URLs in it."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def index_options(folder: str) -> dict[str, str | list[str]]:
    """Return pip's options for reaching indexes, by their long names without dashes; only those that are set.

    Those in :data:`LISTS` are lists, ``no-index`` is ``"1"``. An environment variable counts more
    than the ``[install]`` section of a configuration file, and that more than ``[global]``. Needs
    pip, and imports parts of it that change the logging of the whole process: call it in a worker.

    :param folder: where relative paths start.
    :raises ValueError: if the configuration cannot be read; the sentence carries no secret.
    """
    # Private, but the only place that knows pip's files, their encodings and their order.
    from pip._internal.configuration import Configuration
    from pip._internal.exceptions import ConfigurationError
    from pip._internal.utils.misc import strtobool

    before = Path.cwd()
    try:
        os.chdir(folder)  # PIP_CONFIG_FILE may be relative
        configuration = Configuration(isolated=False)
        configuration.load()
    except ConfigurationError as error:
        raise ValueError(
            redact(f"pip's configuration cannot be read: {' '.join(str(error).split())}")
        ) from None
    finally:
        os.chdir(before)
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for _, settings in configuration.items():  # noqa: PERF102 - no dict: (file, its settings), the weakest first
        for key, text in settings.items():
            section, name = key.split(".", 1)
            if section in sections:
                sections[section][ALIASES.get(name, name)] = text
    texts = {name: text for values in sections.values() for name, text in values.items() if text}
    try:
        index = {"no-index": "1"} if strtobool(texts.pop("no-index", "no")) else {}
    except ValueError:
        raise ValueError("pip's configuration says neither yes nor no to no-index") from None
    return index | {name: _absolute(name, text, folder) for name, text in texts.items() if name in OPTIONS}


def _absolute(name: str, text: str, folder: str) -> str | list[str]:
    # pip splits lists at spaces, so that a path put together here must be a URL.
    def anchor(word: str) -> str:
        if (
            name not in FILES
            or word.startswith("~")
            or re.match(r"\w[\w+.-]+:", word)
            or Path(word).is_absolute()
        ):
            return word
        path = Path(os.path.normpath(Path(folder, word)))
        return str(path) if name in {"cert", "client-cert"} else path.as_uri()

    return [anchor(word) for word in text.split()] if name in LISTS else anchor(text)


def _ambiguous(options: Mapping[str, str | list[str]]) -> str | None:
    """Return an option with a URL of which it is not plain where user and password end, if there is one.

    A part of them would be taken for the host, and told to whoever reads an error.
    """
    for name in ("index-url", "extra-index-url", "find-links"):
        told = options.get(name, [])
        for url in [told] if isinstance(told, str) else told:
            if _HTTP.match(url) and not _is_plain(url):
                return name
    return None


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.port, parts.hostname
    except ValueError:
        return False
    # Some paths have a segment that begins with it.
    return bool(known[1]) and "@" not in parts.path.replace("/@", "/") + parts.query + parts.fragment


def take_configuration(folder: str) -> dict[str, str | list[str]]:
    """Return what :func:`index_options` does, and leave this process no other configuration of pip.

    :raises ToolError: if it cannot be read; the sentence carries no secret.
    """
    from scriptlock.errors import ToolError

    try:
        configured = index_options(folder)
    except ValueError as error:
        raise ToolError(str(error)) from None
    if odd := _ambiguous(configured):
        raise ToolError(f"{odd} in pip's configuration holds a URL that cannot be read", QUOTE)
    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        del os.environ[name]
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    os.environ["GIT_TERMINAL_PROMPT"] = "0"  # nobody is there to type a password
    return configured


def as_arguments(options: Mapping[str, str | list[str]], *, index_url: str | None) -> Iterator[str]:
    """Yield the arguments that tell a pip in this process exactly these options; they are no secret here.

    :param index_url: takes the place of the configured index.
    """
    chosen = {"retries": RETRIES} | dict(options) | ({"index-url": index_url} if index_url else {})
    for name, value in chosen.items():
        if name == "no-index":
            yield "--no-index"
        else:
            yield from (f"--{name}={one}" for one in ([value] if isinstance(value, str) else value))


def as_variables(options: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Return the environment variables that tell pip exactly these options: they keep secrets out of argv."""
    return {"PIP_CONFIG_FILE": os.devnull} | {
        f"PIP_{name.upper().replace('-', '_')}": value if isinstance(value, str) else " ".join(value)
        for name, value in options.items()
    }


if __name__ == "__main__":
    try:
        print(json.dumps(index_options(sys.argv[1])))  # noqa: T201 - the answer, to the process that asked
    except ValueError as trouble:
        sys.exit(str(trouble))
