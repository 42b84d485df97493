"""A web server on loopback that offers scripts, beside being an index."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from support.index import Index
from support.pages import Answer


class Site(Index):
    """An index with other pages, each by its path."""

    def __init__(self, *, credentials: tuple[str, str] | None = None) -> None:
        super().__init__(credentials=credentials)
        self.pages: dict[str, Answer] = {}

    def put(self, path: str, text: str, *, kind: str = "text/x-python") -> str:
        """Offer a text; return its URL."""
        self.pages[path] = Answer(body=text.encode(), kind=kind)
        return self.at(path)

    def redirect(self, path: str, target: str) -> str:
        """Send whoever asks for the path elsewhere; return its URL."""
        self.pages[path] = Answer(status=HTTPStatus.FOUND, headers={"Location": target})
        return self.at(path)

    def at(self, path: str, *, user: str = "") -> str:
        """Return the URL of a path.

        :param user: ``user:password@``, to be written before the host.
        """
        return f"http://{user}127.0.0.1:{self.port}{path}"

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = super().answer(path, headers)
        page = self.pages.get(unquote(urlsplit(path).path))
        return page if page and found.status == HTTPStatus.NOT_FOUND else found
