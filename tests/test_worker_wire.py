"""Answers that say nothing about packages, and what is made of them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.borrowed import borrow
from scriptlock.resolve.wire import Wire

BORROWED = borrow()
JSON = "application/vnd.pypi.simple.v1+json"
PAGE = "https://me:s3cr3t@index.example:8443/simple/tool/"


@dataclass(frozen=True, kw_only=True)
class Response:
    """As ``requests`` has it, as far as anybody looks."""

    status_code: int = 200
    reason: str = "OK"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON})
    request: Any = field(default_factory=lambda: SimpleNamespace(headers={}))
    history: tuple[object, ...] = ()
    content: bytes = b"{}"


class Server:
    """Gives the same answer to everybody, or fails; counts."""

    def __init__(self, answer: Response | BaseException) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def __call__(self, method: str, url: str, **_: object) -> Response:
        self.asked.append((method, url))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def caused_by(cause: BaseException) -> Exception:
    """Return pip's error about another one deep inside."""
    error: Exception = BORROWED.RequestException(f"HTTPSConnectionPool: {PAGE}")
    error.__context__ = RuntimeError("Max retries exceeded")
    error.__context__.__cause__ = cause
    return error


def test_a_page_is_asked_for_once_and_a_file_whenever_it_is_wanted() -> None:
    server = Server(Response())
    wire = Wire(BORROWED, server)

    pages = [wire.request("GET", PAGE) for _ in range(2)]
    files = [wire.request("GET", PAGE, stream=True) for _ in range(2)]

    assert pages == files == [server.answer] * 2
    assert server.asked == [("GET", PAGE)] * 3


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_not_there_is_an_answer(status: int) -> None:
    missing = Response(status_code=status, headers={})

    assert Wire(BORROWED, Server(missing)).request("GET", PAGE) is missing


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_local_page_is_nobodys_failure(method: str) -> None:
    missing = Response(status_code=404, headers={})

    assert Wire(BORROWED, Server(missing)).request(method, "file:///page.html") is missing


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "no answer in time"),
        (ssl.SSLCertVerificationError(1, "verify failed"), "its certificate is not trusted (self-signed)"),
        (ssl.SSLError(1, "wrong version number"), "wrong version number"),
        (ValueError(f"odd\n address {PAGE}"), "odd address https://****@index.example:8443/simple/tool/"),
    ],
)
def test_a_host_that_cannot_be_reached_is_told_with_the_innermost_cause(
    cause: BaseException, words: str
) -> None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        cause.verify_message = "self-signed"

    with pytest.raises(IndexUnreachable) as caught:
        Wire(BORROWED, Server(caused_by(cause))).request("GET", PAGE)

    assert str(caught.value) == f"index.example:8443 cannot be reached: {words}"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_what_is_no_failure_of_the_network_passes(error: BaseException) -> None:
    with pytest.raises(type(error)):
        Wire(BORROWED, Server(error)).request("GET", PAGE)


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (407, "Proxy Authentication Required", "asks for credentials (407)"),
        (429, "", "is out of order: it answered 429"),
        (500, "Internal Server Error", "is out of order: it answered 500 Internal Server Error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_status_that_says_nothing_about_packages_is_told(
    status: int, reason: str, words: str, *, stream: bool
) -> None:
    server = Server(Response(status_code=status, reason=reason))

    with pytest.raises(IndexUnreachable) as caught:
        Wire(BORROWED, server).request("GET", PAGE, stream=stream)

    assert str(caught.value) == f"index.example:8443 {words}"


def test_credentials_that_were_sent_in_vain_are_told_as_such() -> None:
    sent = SimpleNamespace(headers={"Authorization": "Basic bWU6czNjcjN0"})
    server = Server(Response(status_code=401, request=sent))

    with pytest.raises(IndexUnreachable, match="refused the credentials"):
        Wire(BORROWED, server).request("GET", PAGE)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content-Type": "application/json; charset=utf-8"}, "application/json"),
        ({}, "nothing that it would name"),
    ],
)
def test_an_answer_that_is_no_page_is_told(headers: Mapping[str, str], words: str) -> None:
    with pytest.raises(IndexUnreachable) as caught:
        Wire(BORROWED, Server(Response(headers=headers))).request("GET", PAGE)

    assert str(caught.value) == f"index.example:8443 is no package index: it answered with {words}"


def test_a_file_that_is_not_there_is_told_without_secrets() -> None:
    url = "https://me:s3cr3t@files.example/a/tool%2B1.whl?token=s3cr3t#sha256=0"

    with pytest.raises(ResolutionError) as caught:
        Wire(BORROWED, Server(Response(status_code=410))).request("GET", url, stream=True)

    assert str(caught.value) == "files.example has no tool+1.whl: it answered 410"
