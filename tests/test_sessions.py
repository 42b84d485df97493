"""pip's session as the workers open it: it asks in the same way, and takes less time."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pip._vendor.requests.utils import get_environ_proxies

from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.sessions import Sessions

BORROWED = borrow_for_indexes()
HOSTS = [
    "index.example",
    "index.example:8080",
    "me:s3cr3t@index.example",
    "files.index.example",
    "[::1]:80",
    "127.0.0.1",
]
PROXY = "http://proxy.example:3128"

urls = st.builds(
    "{}://{}/simple/{}/".format, st.sampled_from(["http", "https"]), st.sampled_from(HOSTS), st.just("tool")
)
exceptions = st.lists(st.sampled_from([*HOSTS, "*", ".example", "127.0.0.0/8"]), max_size=2).map(",".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    urls=st.lists(urls, min_size=1, max_size=4),
    environ=st.fixed_dictionaries(
        {}, optional={name: st.just(PROXY) for name in ("http_proxy", "HTTPS_PROXY", "all_proxy")}
    ),
    no_proxy=exceptions,
)
def test_each_host_is_asked_by_the_proxy_that_requests_would_use(
    urls: list[str], environ: dict[str, str], no_proxy: str
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
            patched.delenv(name, raising=False)
        for name, value in {**environ, "no_proxy": no_proxy}.items():
            patched.setenv(name, value)
        session = Sessions(BORROWED, {}, index_url=None, folder=None).plain
        plain = BORROWED.get_environ_proxies
        for url in [*urls, *urls]:
            found = session.merge_environment_settings(url, {}, None, None, None)["proxies"]

            assert found == plain(url)


def test_no_session_asks_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", PROXY)
    for number in range(3):
        monkeypatch.setenv("no_proxy", f"{number}.example")
        session = Sessions(borrow_for_indexes(), {}, index_url=None, folder=None).plain
        found = [
            session.merge_environment_settings(f"https://{name}.example/", {}, None, None, None)["proxies"]
            for name in range(3)
        ]

        assert [name for name in range(3) if not found[name]] == [number]
    assert borrow_for_indexes().get_environ_proxies is get_environ_proxies


def test_the_environment_is_read_once_for_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def listen(url: str, no_proxy: str | None) -> dict[str, str]:
        asked.append(url)
        return {}

    monkeypatch.setattr(BORROWED, "get_environ_proxies", listen)
    session = Sessions(BORROWED, {}, index_url=None, folder=None).plain
    for name in ("a", "b"):
        for host in ("https://index.example", "https://files.example"):
            session.merge_environment_settings(f"{host}/{name}/", {}, None, None, None)

    assert asked == ["https://index.example", "https://files.example"]
