from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPMessage
from io import BytesIO
from urllib.request import HTTPRedirectHandler, Request

import pytest

from scriptlock.addresses import is_url
from scriptlock.download import LARGEST, Page, _opener, download
from scriptlock.errors import FetchError
from support.index import nothing_listens
from support.pages import Answer, sha256
from support.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server without pages."""
    with Site() as opened:
        yield opened


def refusal(url: str, **options: float) -> str:
    """Return why nothing is to be had from there."""
    with pytest.raises(FetchError) as caught:
        download(url, **options)  # type: ignore[arg-type]  # whatever the test is about
    return str(caught.value).replace(url, "URL")


@pytest.mark.parametrize("word", ["http://a/b.py", "https://a", "HTTPS://a/b"])
def test_addresses_of_the_web_are_urls(word: str) -> None:
    assert is_url(word)


@pytest.mark.parametrize(
    "word", ["a.py", "/a/b.py", "C:/a.py", "http:/a", "file:///a", "ftp://a/b", "a://http://"]
)
def test_everything_else_is_a_path(word: str) -> None:
    assert not is_url(word)


def test_a_page_comes_with_its_etag(site: Site) -> None:
    page = download(site.put("/a b/ü.py", "text"))

    assert page is not None
    assert (page.text, page.etag) == (b"text", site_etag(site))
    assert download(site.at("/a b/ü.py"), etag=page.etag) is None


def site_etag(site: Site) -> str:
    """Return the ETag of the only page."""
    (page,) = site.pages.values()
    return f'"{sha256(page.body)}"'


def test_a_fragment_is_none_of_the_server_s_business(site: Site) -> None:
    page = download(site.put("/a.py", "text") + "#L3")

    assert page is not None
    assert site.requests == ["/a.py"]


def test_a_text_that_is_too_large_is_not_kept(site: Site) -> None:
    url = site.put("/a.py", " " * (LARGEST + 1))

    assert refusal(url) == "URL is larger than 8 MiB"
    assert isinstance(download(site.put("/b.py", " " * LARGEST)), Page)


def test_a_text_that_ends_too_early_is_not_kept(site: Site) -> None:
    url = site.at("/a.py")
    site.pages["/a.py"] = Answer(body=b"", headers={"Content-Length": "7"})

    assert refusal(url) == "URL ended after 0 of 7 bytes"


def test_a_server_that_says_nothing_is_not_waited_for_long(site: Site) -> None:
    site.delay = 0.5
    url = site.put("/a.py", "text")

    assert refusal(url, seconds=0.001) == "no answer from URL: timed out"


def test_a_server_that_is_not_there_is_named() -> None:
    with nothing_listens() as url:
        assert refusal(url) == "no answer from URL: Connection refused"


def test_a_script_that_was_asked_for_encrypted_never_comes_otherwise() -> None:
    handlers = vars(_opener())["handlers"]
    (redirects,) = (handler for handler in handlers if isinstance(handler, HTTPRedirectHandler))
    asked = Request("https://here/a.py")

    with pytest.raises(FetchError) as caught:
        redirects.redirect_request(asked, BytesIO(), 302, "Found", HTTPMessage(), "http://here/a.py")

    assert str(caught.value) == "https://here/a.py redirects to http://here/a.py, which is not encrypted"


@pytest.mark.parametrize("url", ["http://", "http://[::1/a.py", "http://a:b/c.py", "http://a/\n.py"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    assert refusal(url).endswith(" is no address")


def test_a_password_in_an_address_that_is_none_is_not_shown() -> None:
    assert "s3cret" not in refusal("http://me:s3cret@host:port/a.py")
