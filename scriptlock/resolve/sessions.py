"""How the workers' pip reaches indexes: what it is configured to, as options, and its sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Any, NoReturn
from urllib.parse import urlsplit

from scriptlock.errors import ToolError
from scriptlock.pip_configuration import as_arguments, redact
from scriptlock.resolve import certificates
from scriptlock.resolve.borrowed import Borrowed

PLAIN = ("--no-input", "--no-color", "--no-cache-dir")
"""Options of pip for a process that nobody looks at."""
CORRECT = "correct it in pip's configuration file, or in the variable of that name"
BLOCK = 1 << 20
"""Bytes to unpack at a time; by pip's 10 kB, a large page would be put together from hundreds of pieces."""


class Sessions:
    """One session for what is kept elsewhere, if at all, and one for files, which pip keeps.

    :param borrowed: what :data:`~scriptlock.resolve.borrowed.REACHING` names, at least.
    :param configured: pip's options for reaching indexes, as ``index_options`` returns them.
    :param index_url: takes the place of the configured index.
    :param folder: where pip keeps files; None for nowhere.
    """

    def __init__(
        self,
        borrowed: Borrowed,
        configured: Mapping[str, str | list[str]],
        *,
        index_url: str | None,
        folder: str | None,
    ) -> None:
        self._borrowed = borrowed
        self._folder = folder
        self._proxies_of: dict[tuple[str, str | None], dict[str, str]] = {}
        # None of pip's own commands: each of them imports what it takes to resolve and to build.
        self._command = borrowed.IndexGroupCommand("fetch", "Fetch files.", isolated=True)
        group = borrowed.make_option_group(borrowed.index_group, self._command.parser)
        self._command.parser.insert_option_group(0, group)
        self._command.parser.error = _refuse
        arguments: Iterator[str] = as_arguments(configured, index_url=index_url)
        self.options, _ = self._command.parse_args([*PLAIN, *arguments])
        # A header's index-url carries no password; the configured one, which may fit it, comes first.
        urls = [configured.get("index-url"), self.options.index_url, *self.options.extra_index_urls]
        self._urls = [url for url in urls if url]
        self.plain = self._open()

    @cached_property
    def for_files(self) -> Any:
        """The one that keeps what it fetches; few resolutions need it."""
        return self._open(self._folder)

    def request_file(self, *args: Any, **kwargs: Any) -> Any:
        """Return what :attr:`for_files` does for a request."""
        return self.for_files.request(*args, **kwargs)

    def close(self) -> None:
        """Close all connections."""
        self.plain.close()
        if "for_files" in vars(self):
            self.for_files.close()

    def _proxies(self, url: str, no_proxy: str | None = None) -> dict[str, str]:
        """Return what requests looks up for each request: it goes through all of the environment for it.

        Of a URL, only the host decides.
        """
        host = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        if (host, no_proxy) not in self._proxies_of:
            self._proxies_of[host, no_proxy] = self._borrowed.get_environ_proxies(host, no_proxy)
        return self._proxies_of[host, no_proxy]

    def _open(self, folder: str | None = None) -> Any:
        options = copy(self.options)
        options.cache_dir = folder
        # pip's own starts three programs to find out about this machine, and tells it to the index.
        # It is first here, too: some indexes answer in another way to what they do not know.
        self._borrowed.networking.user_agent = lambda: f"pip/{self._borrowed.version} (scriptlock)"
        self._borrowed.responses.CONTENT_CHUNK_SIZE = BLOCK
        self._borrowed.requesting.get_environ_proxies = self._proxies
        try:
            session = self._borrowed.build_session(self._command, options)
        except ValueError as error:  # a trusted-host that is none
            _refuse(str(error))
        session.update_index_urls(self._urls)
        if any(url.startswith("https:") for url in self._urls):
            certificates.prepare()
        return session


def _refuse(reason: str) -> NoReturn:
    """Stand in for what prints how to call pip, and ends the process."""
    raise ToolError(f"pip does not take its configuration: {redact(reason)}", CORRECT)
