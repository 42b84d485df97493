"""Every test runs as if on a machine that nobody ever used; so do the processes it starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.cli import Cli, Done, run_cli
from support.index import Index

STEERING = tuple("PIP_ _PIP_ UV_ PYTHON __PYVENV VIRTUAL_ENV VIRTUALENV_ PYENV_ SCRIPTLOCK_".split())
"""How the names of variables begin that would change what the programs under test do."""
OTHERS = ("NETRC", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS")

# Whatever a shell starts in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a machine that is busy with something else is no bug.
# No database: no run depends on a former one.
settings.register_profile("quick", deadline=None, database=None, max_examples=50)
settings.register_profile(
    "thorough",
    deadline=None,
    database=None,
    max_examples=2000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def _unused_machine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Give the test an empty home, and none of the configuration of the user or the machine."""
    asks_public_index = request.node.get_closest_marker("network") is not None
    home = tmp_path_factory.mktemp("home")
    if asks_public_index:
        _keep_pip_configuration(monkeypatch)
    else:
        for name in [name for name in os.environ if name.upper().startswith(STEERING)]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)
    folders = {
        "HOME": home,
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "SCRIPTLOCK_CACHE_DIR": home / "scriptlock",
    }
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def measured() -> None:
    """Count for coverage what the test's processes do, though its neighbours are ``unmeasured``."""


@pytest.fixture
def unmeasured(
    request: pytest.FixtureRequest, _unused_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let coverage count nothing in the processes that a test starts, unless it is ``measured``.

    It makes each start twice as slow: where they only do what other tests have counted, that is in vain.
    """
    if "measured" in request.fixturenames:
        return
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)


def _keep_pip_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip find the index of this machine, and its certificates, though the home is another."""
    for name in [name for name in os.environ if name.upper().startswith(STEERING)]:
        if not name.upper().startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    config = Path(os.environ.get("XDG_CONFIG_HOME", "~/.config"), "pip", "pip.conf").expanduser()
    if "PIP_CONFIG_FILE" not in os.environ and config.is_file():
        monkeypatch.setenv("PIP_CONFIG_FILE", str(config))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An empty index that pip is configured to use, here and in every process.

    Over plain http pip caches nothing, so what is added is seen at once. A test of caching sets
    ``PIP_TRUSTED_HOST``; pip then keeps pages and files as it does over https.
    """
    with Index() as opened:
        monkeypatch.setenv("PIP_INDEX_URL", opened.url)
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield opened


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command, in a process of its own."""

    def cli(
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        under: Sequence[str] = (),
    ) -> Done:
        return run_cli(*args, cwd=cwd or tmp_path, env=env, stdin=stdin, under=under)

    return cli
