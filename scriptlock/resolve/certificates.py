"""Whom pip trusts, found out once in a process, and while something else is imported.

pip's TLS context loads the certificates of the system anew for each connection, urllib3 those of pip, and
with OpenSSL 3 each takes 25 ms of a processor. Some versions of it open one connection at a time, too.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import RLock, Thread
from typing import Any

MODULE, CREATE = "pip._internal.cli.index_command", "_create_truststore_ssl_context"
"""What pip calls for the context of each session. Without it, connections take longer, and nothing else."""


def share() -> None:
    """Let all of pip's sessions in this process have one context, and begin to make it."""
    with suppress(ImportError):  # who needs pip can say more
        commands = import_module(MODULE)
        create = getattr(commands, CREATE, None)
        if callable(create) and not isinstance(create, _Shared):
            shared = _Shared(create)
            setattr(commands, CREATE, shared)
            _beside(shared)


def prepare() -> None:
    """Begin to load what every connection will ask for."""
    shared = getattr(sys.modules.get(MODULE), CREATE, None)
    if isinstance(shared, _Shared):
        _beside(shared.prepare)


def _beside(work: Callable[[], object]) -> None:
    # OpenSSL has no need of Python while it reads certificates.
    def begin() -> None:
        with suppress(Exception):  # who opens a connection meets the same, and can tell it
            work()

    Thread(target=begin, daemon=True).start()


class _Shared:
    """Takes the place of what makes a context."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create = create
        self._load = _Loading()
        self._context: Any = None
        self._loads_once = False

    def __call__(self) -> Any:
        self._load("context", self._make)
        return self._context

    def _make(self) -> None:
        made = self._create()
        self._context = loaded_once(made)
        self._loads_once = self._context is not made

    def prepare(self) -> None:
        context = self()
        if self._loads_once:
            context.load_verify_locations(import_module("pip._vendor.certifi").where())
            context.load_default_certs()


class _Loading:
    """Loads each thing once, one after the other.

    Unlike :class:`~scriptlock.resolve.once.Once`, it tries again what failed, as pip would for the next
    connection, and what it calls may lead to it again.
    """

    def __init__(self) -> None:
        self._mutex = RLock()
        self._loaded: set[object] = set()

    def __call__(self, key: object, load: Callable[[], object]) -> None:
        with self._mutex:
            if key in self._loaded:
                return
            self._loaded.add(key)  # now, for who comes back here from within
            try:
                load()
            except BaseException:
                self._loaded.remove(key)
                raise


def loaded_once(context: Any) -> Any:
    """Return a context that trusts those that one of pip's does, and loads each certificate once.

    :param context: it is not to be used any more. Where it is not OpenSSL that decides about trust, as on
        macOS and Windows, it is what is returned.
    """
    inner = getattr(context, "_ctx", None)
    if sys.platform in {"darwin", "win32"} or not isinstance(inner, ssl.SSLContext):
        return context
    once, load, load_own = _Loading(), inner.load_verify_locations, inner.load_cert_chain
    wrap, wrap_in_memory = inner.wrap_socket, inner.wrap_bio

    def load_system() -> None:
        # It looks for them before it does anything else; nobody is connected.
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        # What it checks of a connection in addition, it does not check where OpenSSL has done it.
        inner.sslsocket_class, inner.sslobject_class = ssl.SSLSocket, ssl.SSLObject

    def load_default_certs(*_: object) -> None:
        once("system", load_system)

    def load_verify_locations(cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        once(("trusted", cafile, capath, cadata), lambda: load(cafile, capath, cadata))

    def load_cert_chain(certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        # To load it while others connect can crash OpenSSL.
        once(("own", certfile, keyfile, password), lambda: load_own(certfile, keyfile, password))

    def wrap_socket(*args: Any, **kwargs: Any) -> ssl.SSLSocket:
        load_default_certs()
        return wrap(*args, **kwargs)

    def wrap_bio(*args: Any, **kwargs: Any) -> ssl.SSLObject:  # for TLS by way of a proxy that speaks TLS
        load_default_certs()
        return wrap_in_memory(*args, **kwargs)

    # There is no class to derive from: pip has made the context, and loaded something already.
    vars(inner).update(
        load_default_certs=load_default_certs,
        load_verify_locations=load_verify_locations,
        load_cert_chain=load_cert_chain,
        wrap_socket=wrap_socket,
        wrap_bio=wrap_bio,
    )
    return inner
