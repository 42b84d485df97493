"""Whom pip trusts: the same as without us, asked for once, and by several connections at once."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from pip._internal.cli import index_command
from pip._vendor import certifi, truststore

from scriptlock.errors import IndexUnreachable
from scriptlock.resolve import certificates
from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.certificates import CREATE, loaded_once
from scriptlock.resolve.pip_tools import PipTools
from support.index import Index
from support.resolvers import answer_here, request_for, versions
from support.wheels import wheel

TLS = Path(__file__).with_name("data") / "tls"
AUTHORITY, TRUSTED, STRANGER = (TLS / f"{name}.pem" for name in ("authority", "trusted", "stranger"))

only_openssl = pytest.mark.skipif(
    sys.platform in {"darwin", "win32"}, reason="the system decides about trust, not OpenSSL"
)


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the system trust the authority of the tests and nobody else."""
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests would believe those
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Let what is loaded beside a test be loaded before the next one."""
    before = {*threading.enumerate()}
    yield
    for thread in {*threading.enumerate()} - before:
        thread.join(30)


def pips_own() -> Any:
    """Return a context as pip makes it."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def plain_and_ours() -> list[Any]:
    return [pips_own(), loaded_once(pips_own())]


@contextmanager
def listening(certificate: Path, before: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Give the port of a server that does no more than to open connections.

    :param before: is called before each, in a thread for each.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def welcome(client: socket.socket) -> None:
        before()
        try:
            with context.wrap_socket(client, server_side=True) as stream:
                stream.recv(1)
        except OSError:  # it does not trust us
            client.close()

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threads.append(Thread(target=welcome, args=(client,)))
            threads[-1].start()

    threads = [Thread(target=accept)]
    with socket.create_server(("127.0.0.1", 0)) as server:
        threads[0].start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(30)


def connect(context: Any, port: int, name: str = "localhost") -> str:
    """Return what comes of a connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        try:
            with context.wrap_socket(client, server_hostname=name) as stream:
                return str(stream.version())
        except ssl.SSLCertVerificationError as error:
            return error.verify_message


def connect_inside(context: Any, port: int, name: str = "localhost") -> str:
    """Do the same as urllib3 does within another TLS connection."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        while True:
            try:
                inside.do_handshake()
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(1 << 16))
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            else:
                client.sendall(outgoing.read())
                return str(inside.version())


@pytest.mark.parametrize("way", [connect, connect_inside])
@pytest.mark.parametrize(
    ("certificate", "name", "expected"),
    [
        (TRUSTED, "localhost", "TLSv1.3"),
        (TRUSTED, "127.0.0.1", "TLSv1.3"),
        (TRUSTED, "index.example", "Hostname mismatch"),
        (STRANGER, "localhost", "unable to get local issuer certificate"),
    ],
)
def test_the_same_are_trusted(
    certificate: Path, name: str, expected: str, way: Callable[[Any, int, str], str]
) -> None:
    with listening(certificate) as port:
        plain, *ours = [way(context, port, name) for context in plain_and_ours() for _ in range(2)]

    assert expected in plain
    assert ours == [plain] * 3


def test_a_file_that_is_named_is_trusted_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (nobody := tmp_path / "nobody.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(nobody))
    found = []
    with listening(TRUSTED) as port:
        for context in plain_and_ours():
            found.append(connect(context, port))
            context.load_verify_locations(str(AUTHORITY), None, None)
            found.append(connect(context, port))

    assert found == ["unable to get local issuer certificate", "TLSv1.3"] * 2


def test_a_file_that_is_missing_is_told_each_time_and_loaded_when_it_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (nobody := tmp_path / "nobody.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(nobody))
    contexts, late = plain_and_ours(), tmp_path / "late.pem"
    for context in contexts:
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                context.load_verify_locations(str(late), None, None)
    late.write_bytes(AUTHORITY.read_bytes())
    with listening(TRUSTED) as port:
        for context in contexts:
            context.load_verify_locations(str(late), None, None)
            assert connect(context, port) == "TLSv1.3"


@only_openssl
def test_the_certificate_of_the_client_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[object, ...]] = []
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", lambda _, *args: loaded.append(args))
    context = loaded_once(pips_own())
    for _ in range(3):
        context.load_cert_chain(str(TRUSTED), None)
        context.load_cert_chain(str(TRUSTED), None, "geheim")

    assert loaded == [(str(TRUSTED), None, None), (str(TRUSTED), None, "geheim")]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter[object]:
    """Counts what is loaded into contexts that are made from here on."""
    counts: Counter[object] = Counter()
    load, defaults = ssl.SSLContext.load_verify_locations, ssl.SSLContext.set_default_verify_paths

    def load_verify_locations(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        counts[Path((args or [*kwargs.values()])[0]).name] += 1
        load(context, *args, **kwargs)

    def set_default_verify_paths(context: ssl.SSLContext) -> None:
        counts["system"] += 1
        defaults(context)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load_verify_locations)
    monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", set_default_verify_paths)
    return counts


@only_openssl
def test_certificates_are_loaded_once_for_all_connections(loads: Counter[object]) -> None:
    context = loaded_once(pips_own())
    loads.clear()

    def use() -> str:
        context.load_verify_locations(certifi.where(), None, None)  # as urllib3 does
        return connect(context, port)

    with listening(TRUSTED) as port, ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(use) for _ in range(8)]]

    assert found == ["TLSv1.3"] * 8
    assert loads == {"system": 1, "cacert.pem": 1}


@only_openssl
def test_several_connections_are_opened_at_once() -> None:
    together = Barrier(3, timeout=30)
    context = loaded_once(pips_own())

    with listening(TRUSTED, together.wait) as port, ThreadPoolExecutor(3) as pool:
        found = [*pool.map(lambda _: connect(context, port), range(3))]

    assert found == ["TLSv1.3"] * 3
    assert not together.broken


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_where_the_system_decides_pips_own_context_stays(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    context = pips_own()
    monkeypatch.setattr(sys, "platform", system)

    assert loaded_once(context) is context


def test_a_context_of_another_make_is_left_alone() -> None:
    context = ssl.create_default_context()

    assert loaded_once(context) is context
    assert loaded_once(None) is None


def test_all_sessions_share_one_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def create() -> Any:
        made.append(pips_own())
        return made[-1]

    monkeypatch.setattr(index_command, CREATE, create)
    for _ in range(3):
        certificates.share()
    shared: Any = getattr(index_command, CREATE)

    assert len({id(shared()) for _ in range(3)}) == 1
    assert len(made) == 1


@pytest.mark.parametrize("is_there", [False, True])
def test_a_pip_without_such_a_context_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    if is_there:
        monkeypatch.setattr(index_command, CREATE, lambda: None)  # for want of TLS
    else:
        monkeypatch.delattr(index_command, CREATE)

    assert borrow_for_indexes().build_session
    assert hasattr(index_command, CREATE) is is_there
    assert not is_there or getattr(index_command, CREATE)() is None


@pytest.mark.parametrize("certificate", [TRUSTED, STRANGER])
def test_an_index_is_asked_if_its_certificate_is_trusted(
    monkeypatch: pytest.MonkeyPatch, loads: Counter[object], certificate: Path
) -> None:
    monkeypatch.setattr(index_command, CREATE, pips_own)
    monkeypatch.setenv("PIP_CERT", str(AUTHORITY))
    with Index(certificate=certificate) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        names = [f"part{number}" for number in range(4)]
        index.add(wheel("tool", "1", requires=names), *(wheel(name, "1") for name in names))
        resolver = PipTools(start=answer_here)
        if certificate == TRUSTED:
            assert versions(*resolver.resolve(request_for("tool"))) == dict.fromkeys(["tool", *names], "1")
        else:
            with pytest.raises(IndexUnreachable, match="its certificate is not trusted"):
                resolver.resolve(request_for("tool"))
            assert index.count == 0
    if sys.platform not in {"darwin", "win32"}:
        assert loads[AUTHORITY.name] == loads["system"] == 1
