"""Filling an environment by pip, which stays outside of it."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import urlsplit

from packaging.utils import NormalizedName

from scriptlock import pip_configuration, process
from scriptlock.errors import InstallError, Offline, ToolError
from scriptlock.install.installer import EmptyEnvironment
from scriptlock.model import Pin
from scriptlock.pip_configuration import as_variables, redact
from scriptlock.repositories import variables_for_cloning
from scriptlock.resolve.references import allowing

OPTIONS = (
    "--no-deps --no-input --disable-pip-version-check "
    "--no-warn-script-location --root-user-action ignore --progress-bar off --no-color "
    # Twice verbose is where it says which index did not answer.
    "-vv"
).split()

MARKS = ("ERROR: ", "\N{MULTIPLICATION SIGN} ")
"""How pip begins a line that tells an error."""
CONNECT = "check the connection, and the index, proxy and certificates of pip's configuration"
NO_WHEEL = "depend on a release, or on the URL of a wheel"
REPLACED = "somebody replaced the file; if that is all right, run `scriptlock lock` with --upgrade-package"
SYMPTOMS = (
    (
        r"DO NOT MATCH THE HASHES.*\n\s+(\S+?)(?:==| @ )",
        "{} on the index is not the file that was locked",
        REPLACED,
    ),
    (
        r"Could not fetch URL (\S+): 40[13]",
        "the index refused {}",
        "check user and password in pip's configuration",
    ),
    # A 404 is how one of several indexes says that it does not have the package.
    (r"Could not fetch URL (\S+): (?!404)(\d{3})", "{} answered with status {}", CONNECT),
    (r"Could not fetch URL (\S+): [^\n]*ssl certificate", "the certificate of {} is not trusted", CONNECT),
    (r"Could not fetch URL (\S+): (?!404)", "no answer from {}", CONNECT),
    (rf"{MARKS[1]}((?:Failed|Unable) to connect to \S+|[^\n]*[Tt]imed out[^\n]*)", "{}", CONNECT),
    (
        r"No matching distribution found for (\S+)",
        "no index offers a wheel of {} that fits this Python",
        "run `scriptlock lock` here, with --upgrade if it is gone from the index",
    ),
    (
        r"pip does not support python (\S+) \(requires (\S+)\)",
        "pip installs for Python {1}, not for {0}",
        None,
    ),
)
"""What to look for in pip's output, what it means, and what to do, the most telling first."""


class PipInstaller:
    """Installs wheels with the pip beside scriptlock, from the indexes of the user's pip configuration.

    :param http_cache: a folder for what pip fetches; without one nothing is kept.
    :param index_url: takes the place of the configured index; extra indexes and find-links stay.
    :param allow_sdist: packages that may be built from source, which runs their code; wheels only otherwise.
    """

    def __init__(
        self,
        http_cache: Path | None = None,
        *,
        index_url: str | None = None,
        allow_sdist: Collection[NormalizedName] = (),
    ) -> None:
        self.http_cache, self.index_url, self.allow_sdist = http_cache, index_url, frozenset(allow_sdist)

    def install(self, pins: Sequence[Pin], environment: EmptyEnvironment, /, *, offline: bool) -> None:
        """Install exactly the pins, as :class:`scriptlock.install.Installer` has it."""
        if offline:
            raise Offline(f"pip would have to fetch {', '.join(pin.name for pin in pins)}")
        options = _index_options()
        if self.index_url is not None:
            options["index-url"] = self.index_url
        # A commit has no hash that pip would check; it is one.
        for several, checks in (
            ([pin for pin in pins if pin.git is None], ["--require-hashes"]),
            ([pin for pin in pins if pin.git is not None], []),
        ):
            if several:
                self._install(several, environment, options, checks)

    def _install(
        self,
        pins: Sequence[Pin],
        environment: EmptyEnvironment,
        options: Mapping[str, str | list[str]],
        checks: Sequence[str],
    ) -> None:
        lines = "".join(f"{self._requirement(pin)}\n" for pin in pins)
        with tempfile.TemporaryDirectory(prefix="scriptlock-") as folder:
            requirements = Path(folder, "requirements.txt")
            requirements.write_text(lines, "utf-8")
            cache = ["--no-cache-dir"] if self.http_cache is None else ["--cache-dir", str(self.http_cache)]
            # Not `pip --python`: that starts a second process, which would not inherit the lease.
            argv = [
                str(environment.python),
                "-I",
                _runner(),
                "install",
                *checks,
                *OPTIONS,
                *cache,
                "-r",
                str(requirements),
            ]
            # Not :all:, which no later option could take back for one name alone.
            argv += [f"--only-binary={pin.name}" for pin in pins if pin.name not in self.allow_sdist]
            # Variables, not arguments: everybody can read those in the list of processes.
            variables = {**as_variables(options), "GIT_TERMINAL_PROMPT": "0"}
            for url in {pin.git for pin in pins if pin.git is not None}:
                variables |= variables_for_cloning(url)
            done = process.run(argv, environ=variables, inherit=[environment.lease])
        if done.returncode:
            raise _explain(done)

    def _requirement(self, pin: Pin) -> str:
        """Return the line of a requirements file that admits the files of the pin and no other."""
        if pin.git is not None and pin.name not in self.allow_sdist:
            raise InstallError(f"{pin.name} comes as source, from a repository", allowing(pin.name))
        if pin.git is not None:
            return f"{pin.name} @ git+{pin.git}@{pin.commit}"
        if pin.url is None:
            return " ".join([f"{pin.name}=={pin.version}", *(f"--hash={digest}" for digest in pin.hashes)])
        if pin.name not in self.allow_sdist and not urlsplit(pin.url).path.endswith(".whl"):
            raise InstallError(f"{pin.name} is pinned to {redact(pin.url)}, which is no wheel", NO_WHEEL)
        return " ".join([f"{pin.name} @ {pin.url}", *(f"--hash={digest}" for digest in pin.hashes)])


def _runner(package: str = "pip") -> str:
    # The file that pip itself starts for `pip --python`; it makes nothing but pip importable there.
    spec = find_spec(package)
    runner = Path((spec and spec.origin) or package).with_name("__pip-runner__.py")
    if not runner.is_file():
        raise ToolError("this pip cannot install into another environment", "install pip 26 or newer")
    return str(runner)


def _index_options() -> dict[str, str | list[str]]:
    folder = os.sep
    with suppress(FileNotFoundError):  # the working folder was deleted
        folder = str(Path.cwd())
    done = process.run([sys.executable, "-I", pip_configuration.__file__, folder])
    if done.returncode:
        raise ToolError(redact(_last_line(done.stderr)) or "pip's configuration cannot be read")
    options: dict[str, str | list[str]] = json.loads(done.stdout)
    return options


def _explain(done: CompletedProcess[str]) -> InstallError:
    """Return the error that pip's output comes down to."""
    text = redact(f"{done.stdout}\n{done.stderr}")
    for pattern, sentence, hint in SYMPTOMS:
        if found := re.search(pattern, text):
            return InstallError(sentence.format(*found.groups()), hint)
    return InstallError(f"pip failed: {_last_line(text) or f'exit status {done.returncode}'}")


def _last_line(text: str) -> str:
    """Return the last line that tells an error, without its mark, or if none does the last of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(MARKS)] or lines
    return re.sub(f"^({'|'.join(MARKS)})", "", errors[-1]).rstrip(".") if errors else ""
