from __future__ import annotations

import json
from pathlib import Path

import pytest

from scriptlock.cache.fetched import fetched_script
from scriptlock.cache.layout import Cache
from scriptlock.download import Page
from scriptlock.errors import CacheError, Offline

URL = "https://example.org/tools/a.py"


class Web:
    """Answers every URL with the same text, and remembers what it was asked."""

    def __init__(self, text: bytes = b"print(1)\n", etag: str | None = '"1"') -> None:
        self.page = Page(text=text, etag=etag)
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, url: str, *, etag: str | None = None) -> Page | None:
        self.asked.append((url, etag))
        return None if etag is not None and etag == self.page.etag else self.page


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache that holds nothing."""
    return Cache(root=tmp_path / "cache")


def test_a_script_is_asked_for_once_and_then_only_whether_it_changed(cache: Cache) -> None:
    web = Web()

    first = fetched_script(cache, URL, download=web)
    again = fetched_script(cache, URL, offline=True, download=web)
    fresh = fetched_script(cache, URL, refresh=True, download=web)

    assert first == again == fresh
    assert (first.name, first.read_bytes()) == ("a.py", b"print(1)\n")
    assert web.asked == [(URL, None), (URL, '"1"')]


def test_offline_asks_nobody(cache: Cache) -> None:
    web = Web()

    for refresh in (False, True):
        with pytest.raises(Offline):
            fetched_script(cache, URL, offline=True, refresh=refresh, download=web)

    assert web.asked == []


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"etag": 3}', '{"etag": "\\"1\\"", "sha256": "other"}'])
def test_an_etag_counts_only_for_the_text_it_came_with(cache: Cache, told: str) -> None:
    web = Web()
    script = fetched_script(cache, URL, download=web)
    script.parent.with_suffix(".json").write_text(told, "utf-8")

    fetched_script(cache, URL, refresh=True, download=web)

    assert web.asked == [(URL, None), (URL, None)]


def test_a_server_without_etags_is_asked_for_the_whole(cache: Cache) -> None:
    web = Web(etag=None)

    for _ in range(2):
        fetched_script(cache, URL, refresh=True, download=web)

    assert web.asked == [(URL, None), (URL, None)]


def test_passwords_make_no_other_script_and_are_not_kept(cache: Cache) -> None:
    plain = fetched_script(cache, URL, download=Web())
    secret = fetched_script(cache, URL.replace("://", "://me:s3cret@"), refresh=True, download=Web())
    query = fetched_script(cache, f"{URL}?token=s3cret", download=Web())

    kept = [path.read_text("utf-8") for path in cache.fetched.glob("*.json")]
    assert (plain == secret, plain == query) == (True, False)
    assert [json.loads(text)["url"] for text in sorted(kept)] != []
    assert "s3cret" not in "".join(kept)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host", "script.py"),
        ("https://host/a/", "script.py"),
        ("https://host/..", "script.py"),
        ("https://host/%2e%2e%2fetc%2fpasswd", "passwd"),
        ("https://host/-c.py", "c.py"),
        ("https://host/.hidden.py", "hidden.py"),
        ("https://host/a%00b%20c.py?x=/y#z", "a_b_c.py"),
        ("https://host/" + "a" * 200 + ".py", "a" * 97 + ".py"),
    ],
)
def test_the_name_is_the_url_s_as_far_as_that_is_safe(cache: Cache, url: str, name: str) -> None:
    script = fetched_script(cache, url, download=Web())

    assert script.name == name
    assert script.parent.parent == cache.fetched


def test_what_cannot_be_kept_is_the_cache_s_trouble(cache: Cache) -> None:
    cache.prepare()
    script = fetched_script(cache, URL, download=Web())
    script.parent.with_suffix(".json").unlink()
    script.parent.with_suffix(".json").mkdir()

    with pytest.raises(CacheError) as caught:
        fetched_script(cache, URL, refresh=True, download=Web())

    assert str(caught.value) == "the script cannot be kept in the cache: Is a directory"
