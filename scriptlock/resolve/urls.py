"""What of a URL can be told to anybody."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def host(url: str) -> str:
    """Return the host of a URL, with the port if it has one, and nothing secret."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def file_named_by(url: str) -> str:
    """Return the last part of a URL's path that is not empty, or a slash: nothing secret is in it."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "/"
