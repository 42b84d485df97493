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
from threading import Thread
from typing import Any

from scriptlock.resolve.once import Once

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
        self._made = Once[str, Any]()

    def __call__(self) -> Any:
        return self._made.get("context", lambda: loaded_once(self._create()))

    def prepare(self) -> None:
        context = self()
        if isinstance(context, ssl.SSLContext) and "wrap_socket" in vars(context):
            context.load_verify_locations(import_module("pip._vendor.certifi").where())
            context.load_default_certs()


def loaded_once(context: Any) -> Any:
    """Return a context that trusts those that one of pip's does, and loads each certificate once.

    :param context: it is not to be used any more. Where it is not OpenSSL that decides about trust, as on
        macOS and Windows, it is what is returned.
    """
    inner = getattr(context, "_ctx", None)
    if sys.platform in {"darwin", "win32"} or not isinstance(inner, ssl.SSLContext):
        return context
    loaded = Once[object, None]()
    load, wrap = inner.load_verify_locations, inner.wrap_socket

    def load_system() -> None:
        # It looks for them before it does anything else; nobody is connected.
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        # What it checks of a connection in addition, it does not check where OpenSSL has done it.
        inner.sslsocket_class, inner.sslobject_class = ssl.SSLSocket, ssl.SSLObject

    def load_default_certs(*_: object) -> None:
        loaded.get("system", load_system)

    def load_verify_locations(cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        loaded.get((cafile, capath, cadata), lambda: load(cafile, capath, cadata))

    def wrap_socket(*args: Any, **kwargs: Any) -> ssl.SSLSocket:
        load_default_certs()
        return wrap(*args, **kwargs)

    # There is no class to derive from: pip has made the context, and loaded something already.
    vars(inner).update(
        load_default_certs=load_default_certs,
        load_verify_locations=load_verify_locations,
        wrap_socket=wrap_socket,
    )
    return inner
