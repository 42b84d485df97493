"""What pip may and may not do in an environment of ours."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from scriptlock.cache.environments import Environment, open_environment
from scriptlock.cache.layout import Cache
from scriptlock.errors import InstallError, ToolError
from scriptlock.install.pip import PipInstaller, _runner
from scriptlock.interpreters import find_interpreter
from scriptlock.model import Pin
from support.index import Index, nothing_listens
from support.installers import pin_of, seen_inside
from support.wheels import sdist, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

DEMO = wheel("demo", "1.0")
OTHER = wheel("Other.Name", "2.0+local")
NOTHING = "sha256:" + "0" * 64


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def opened(cache: Cache, installer: PipInstaller, *pins: Pin) -> Environment:
    return open_environment(cache, find_interpreter(None, None), pins, installer)


def test_builds_nothing_from_source(index: Index, cache: Cache, tmp_path: Path) -> None:
    trap = tmp_path / "built"
    source = sdist("demo", "1.0", on_build=f"open({str(trap)!r}, 'w').close()")
    index.add(source)

    with pytest.raises(InstallError) as caught:
        opened(cache, PipInstaller(), pin_of(source))

    assert str(caught.value) == "no index offers a wheel of demo==1.0 that fits this Python"
    assert not trap.exists()


def test_builds_from_source_what_the_header_allows(index: Index, cache: Cache) -> None:
    source = sdist("demo", "1.0")
    index.add(source, OTHER)

    with opened(cache, PipInstaller(allow_sdist={source.name}), pin_of(source), pin_of(OTHER)) as environment:
        assert seen_inside(environment) == ["Other.Name 2.0+local True True", "demo 1.0 True True"]


def test_installs_a_wheel_from_its_url(index: Index, cache: Cache) -> None:
    index.add(DEMO)
    url = f"{index.url.removesuffix('simple/')}files/{DEMO.filename}"
    pin = Pin(name=DEMO.name, version=DEMO.version, hashes=(DEMO.hash,), url=url)

    with opened(cache, PipInstaller(), pin) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_refuses_the_url_of_a_source_distribution(cache: Cache) -> None:
    url = "https://user:geheim@a.example/demo-1.0.tar.gz"
    pin = Pin(name=DEMO.name, version=DEMO.version, hashes=(NOTHING,), url=url)

    with pytest.raises(InstallError) as caught:
        opened(cache, PipInstaller(), pin)

    assert str(caught.value) == "demo is pinned to https://****@a.example/demo-1.0.tar.gz, which is no wheel"


def test_refuses_a_git_commit_that_is_not_allowed(cache: Cache) -> None:
    pin = Pin(name=DEMO.name, version=DEMO.version, git="https://example.org/demo", commit="0" * 40)

    with pytest.raises(InstallError) as caught:
        opened(cache, PipInstaller(), pin)

    assert str(caught.value) == "demo comes as source, from a repository"


def test_asks_the_index_that_the_header_names(
    index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(DEMO)
    with nothing_listens() as nowhere:
        monkeypatch.setenv("PIP_INDEX_URL", nowhere)

        with opened(cache, PipInstaller(index_url=index.url), pin_of(DEMO)) as environment:
            assert seen_inside(environment) == ["demo 1.0 True True"]


def test_keeps_what_it_fetched_where_it_is_told_to(
    index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", f"127.0.0.1:{index.port}")
    index.add(DEMO)

    opened(cache, PipInstaller(cache.http), pin_of(DEMO)).close()

    assert any(path.is_file() for path in cache.http.rglob("*"))
    assert not Path(os.environ["XDG_CACHE_HOME"], "pip").exists()


def test_heeds_nothing_of_the_users_configuration_but_the_index(
    index: Index, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(DEMO)
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL")
    (tmp_path / "pip.conf").write_text(
        f"""
        [global]
        index-url = {index.url}
        target = {elsewhere}
        log = {elsewhere}/log
        require-virtualenv = true
        isolated = true
        quiet = 3
        [install]
        user = true
        prefix = {elsewhere}
        root = {elsewhere}
        no-binary = :all:
        constraint = {elsewhere}/none.txt
        dry-run = true
        """.replace("        ", ""),
        "utf-8",
    )

    with opened(cache, PipInstaller(), pin_of(DEMO)) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]
    assert not elsewhere.exists()


def test_heeds_no_variable_of_the_user_but_those_about_the_index(
    index: Index, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(DEMO)
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "pip.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_TARGET", str(elsewhere))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("VIRTUALENV_SYSTEM_SITE_PACKAGES", "1")
    monkeypatch.setenv("VIRTUALENV_CLEAR", "1")

    with opened(cache, PipInstaller(), pin_of(DEMO)) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]
        settings = (environment.path / "pyvenv.cfg").read_text("utf-8")
    assert "include-system-site-packages = false" in settings
    assert not elsewhere.exists()


def test_puts_passwords_into_no_message(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    with Index(credentials=("user", "right")) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//user:geheim@"))

        with pytest.raises(InstallError) as caught:
            opened(cache, PipInstaller(), pin_of(DEMO))

    assert str(caught.value) == f"the index refused {index.url.replace('//', '//****@')}demo/"


def test_uses_the_password_of_the_configuration(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    with Index(credentials=("user", "right")) as index:
        index.add(DEMO)
        monkeypatch.setenv("PIP_INDEX_URL", index.url_with_credentials)

        with opened(cache, PipInstaller(), pin_of(DEMO)) as environment:
            assert seen_inside(environment) == ["demo 1.0 True True"]


def test_says_that_an_index_does_not_answer(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    with nothing_listens() as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)

        with pytest.raises(InstallError) as caught:
            opened(cache, PipInstaller(), pin_of(DEMO))

    assert str(caught.value) == f"no answer from {url}demo/"
    assert caught.value.hint is not None


def test_says_that_the_host_of_a_url_does_not_answer(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    with nothing_listens() as url:
        pin = Pin(name=DEMO.name, version=DEMO.version, hashes=(NOTHING,), url=f"{url}{DEMO.filename}")

        with pytest.raises(InstallError) as caught:
            opened(cache, PipInstaller(), pin)

    # An older pip does not say to whom it could not connect.
    names_the_host = Version(version("pip")) >= Version("26.2")
    assert str(caught.value) == (
        "Failed to connect to 127.0.0.1"
        if names_the_host
        else "pip failed: Could not install packages due to an OSError"
    )


def test_passes_on_what_else_pip_says(index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TIMEOUT", "soon")

    with pytest.raises(InstallError, match=r"pip failed: .*invalid floating-point value: 'soon'"):
        opened(cache, PipInstaller(), pin_of(DEMO))


def test_says_what_is_wrong_with_a_configuration_file(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text("index-url = https://user:geheim@example.org\n", "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))

    with pytest.raises(ToolError) as caught:
        opened(cache, PipInstaller(), pin_of(DEMO))

    assert str(caught.value).startswith("pip's configuration cannot be read: ")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("package", ["json", "no_such_package"])
def test_a_pip_that_cannot_do_it_is_an_error(package: str) -> None:
    with pytest.raises(ToolError, match="this pip cannot install into another environment"):
        _runner(package)
