from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptlock import pip_configuration
from scriptlock.errors import ToolError
from scriptlock.pip_configuration import as_variables, redact, take_configuration

Options = dict[str, str | list[str]]

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8)
"""Such as are in no other part of the texts."""


def ask(folder: Path, **variables: str) -> Options:
    """Return what the program says; relative paths start at the folder."""
    argv = [sys.executable, "-I", pip_configuration.__file__, str(folder)]
    environ = {**os.environ, **variables}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    options: Options = json.loads(done.stdout)
    return options


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Options]:
    """What the program makes of a configuration file and some variables."""

    def read(text: str = "", **variables: str) -> Options:
        (tmp_path / "empty.conf").touch()
        (tmp_path / "pip.conf").write_text(text, "utf-8")
        # What the machine's own configuration says, which cannot be switched off.
        known = ask(tmp_path, PIP_CONFIG_FILE="empty.conf")
        options = ask(tmp_path, PIP_CONFIG_FILE="pip.conf", **variables)
        return {name: value for name, value in options.items() if known.get(name) != value}

    return read


@pytest.mark.parametrize("name", ["index-url", "extra-index-url", "find-links"])
@pytest.mark.parametrize(
    ("url", "is_plain"),
    [
        ("https://me:s3cr/et@index.example/simple", False),
        ("https://me:12345/s3cret@index.example/simple", False),
        ("https://s3cr#et@index.example/simple", False),
        ("HTTPS://me:s3cr?et@index.example/simple", False),
        ("https://me:s3@cr/et@index.example/simple", False),
        ("https://[me:s3cret@index.example/simple", False),
        ("https:///simple", False),
        ("https://me:s3cr%2Fet@index.example:8080/simple", True),
        ("https://index.example:8080/@team/simple", True),
        ("file:///wheels@2", True),
    ],
)
def test_a_url_that_is_read_in_two_ways_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, url: str, *, is_plain: bool
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    (tmp_path / "pip.conf").write_text(f"[global]\n{name} = {url}\n", "utf-8")

    with nullcontext() if is_plain else pytest.raises(ToolError) as caught:
        take_configuration(str(tmp_path))

    if caught:
        assert str(caught.value) == f"{name} in pip's configuration holds a URL that cannot be read"
        assert "%40" in str(caught.value.hint)


def test_nothing_configured_is_nothing_to_tell(tmp_path: Path) -> None:
    assert ask(tmp_path, PIP_CONFIG_FILE=os.devnull) == {}


def test_every_option_about_indexes_is_told_and_no_other(read: Callable[..., Options]) -> None:
    options = read(
        """
        [global]
        index-url = https://a.example/simple
        extra-index-url =
            https://b.example/simple
            https://c.example/simple
        find-links = https://d.example/ https://e.example/
        trusted-host = a.example
        no-index = no
        cert = /etc/ca.pem
        client-cert = /etc/me.pem
        proxy = http://proxy.example:3128
        timeout = 3
        retries = 1
        keyring-provider = subprocess
        target = /somewhere
        no-binary = :all:
        """.replace("        ", "").replace("\nhttps", "\n    https")
    )

    assert options == {
        "index-url": "https://a.example/simple",
        "extra-index-url": ["https://b.example/simple", "https://c.example/simple"],
        "find-links": ["https://d.example/", "https://e.example/"],
        "trusted-host": ["a.example"],
        "cert": "/etc/ca.pem",
        "client-cert": "/etc/me.pem",
        "proxy": "http://proxy.example:3128",
        "timeout": "3",
        "retries": "1",
        "keyring-provider": "subprocess",
    }


def test_variables_count_more_than_install_and_that_more_than_global(read: Callable[..., Options]) -> None:
    text = "[install]\nretries = 2\nproxy = http://b:1\n"
    text += "[global]\nretries = 1\nproxy = http://a:1\ntimeout = 1\n"

    assert read(text, PIP_RETRIES="3") == {"retries": "3", "proxy": "http://b:1", "timeout": "1"}


def test_an_empty_variable_is_none(read: Callable[..., Options]) -> None:
    assert read("[global]\nretries = 1\n", PIP_RETRIES="") == {"retries": "1"}


def test_other_commands_and_other_names_of_an_option(read: Callable[..., Options]) -> None:
    text = "[download]\nretries = 9\n[global]\npypi_url = https://a.example/\ndefault-timeout = 5\n"

    assert read(text) == {"index-url": "https://a.example/", "timeout": "5"}


@pytest.mark.parametrize("text", ["1", "yes", "True"])
def test_no_index_is_on_or_not_there(text: str, read: Callable[..., Options]) -> None:
    assert read(f"[global]\nno-index = {text}\n") == {"no-index": "1"}


def test_a_no_index_that_says_neither_is_an_error(read: Callable[..., Options]) -> None:
    with pytest.raises(ValueError, match="pip's configuration says neither yes nor no to no-index"):
        read("[global]\nno-index = perhaps\n")


def test_relative_paths_are_made_absolute(read: Callable[..., Options], tmp_path: Path) -> None:
    options = read(
        PIP_FIND_LINKS="wheels ../more ~/mine /abs file:///there",
        PIP_CERT="ca.pem",
        PIP_INDEX_URL="simple",
        PIP_CLIENT_CERT="~/me.pem",
    )

    assert options == {
        "find-links": [
            f"file://{tmp_path}/wheels",
            f"file://{tmp_path.parent}/more",
            "~/mine",
            "/abs",
            "file:///there",
        ],
        "cert": f"{tmp_path}/ca.pem",
        "index-url": f"file://{tmp_path}/simple",
        "client-cert": "~/me.pem",
    }


def test_a_file_that_cannot_be_read_is_an_error_without_secrets(read: Callable[..., Options]) -> None:
    with pytest.raises(
        ValueError, match=r"pip's configuration cannot be read: .*https://\*\*\*\*@a\.example"
    ):
        read("index-url = https://user:geheim@a.example/\n")


def test_options_become_variables() -> None:
    assert as_variables({"index-url": "https://a.example", "find-links": ["a", "b"], "no-index": "1"}) == {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "https://a.example",
        "PIP_FIND_LINKS": "a b",
        "PIP_NO_INDEX": "1",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:geheim@a.example/x", "https://****@a.example/x"),
        ("'https://geheim@a.example/x',", "'https://****@a.example/x',"),
        ("https://user:ge@heim@a.example/", "https://****@a.example/"),
        ("https://user:ge/heim@a.example/", "https://****@a.example/"),
        ("https://user:ge@h#eim@a.example/", "https://****@a.example/"),
        ("https://user:@ge/heim@a.example/", "https://****@a.example/"),
        ("https://x:geheim@a https://y:geheim@b", "https://****@a https://****@b"),
        ("demo @ https://x:geheim@a.example/d.whl", "demo @ https://****@a.example/d.whl"),
        ("git+ssh://x:geheim@a.example/d@main", "git+ssh://****@a.example/d@main"),
        ("https://a.example/d.whl?token=geheim#sha256=0", "https://a.example/d.whl?****#sha256=0"),
        ("https%3A%2F%2Fx%3Ageheim%40a.example%2Fsimple", "https%3A%2F%2F****%40a.example%2Fsimple"),
        ("proxy user:geheim@proxy.example:3128", "proxy ****@proxy.example:3128"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(secret=secrets, form=st.sampled_from(["https://u:{}@a.de", "https://{}@a.de", "u:{}@p.de"]))
@example(secret="!@/?#:%'\"=", form="https://u:{}@a.example/x")
def test_a_quoted_password_never_shows(secret: str, form: str) -> None:
    shown = redact(f"cannot open {form.format(quote(secret, safe=''))}: no")

    assert shown.startswith("cannot open ")
    assert quote(secret, safe="") not in shown


@given(secret=secrets)
@example(secret="0000000#")  # once taken for a port
@example(secret="00000/")
@example(secret="0000000/?")
@example(secret="@000000#")  # what looks like the end of the password is not
@example(secret="@00/0000")
def test_a_password_never_shows_in_a_url_as_it_was_typed(secret: str) -> None:
    assert secret not in redact(f"cannot open https://user:{secret}@a.example/simple/: no")


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/simple/demo/",
        "http://127.0.0.1:8080/repo@main",
        "http://[::1]:8080/repo@main",
        "http://localhost:8080/repo@main",
        "git@a.example:me/repo",
        "demo @ file:///home/me/d@1.whl",
        "mail me@a.example: it is 12:30",
        "HTTPConnectionPool(host='a.example', port=80)",
        "",
    ],
)
def test_what_holds_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(st.text(st.characters(exclude_characters="?@")))
def test_only_an_at_sign_or_a_query_hides_anything(text: str) -> None:
    if "%40" not in text:
        assert redact(text) == text
