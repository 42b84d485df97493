"""Files that have taken the place of those that a lock names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

_Release = tuple[str, str, str | None]
"""Name, version, and the URL of a direct reference."""


class Pinned:
    """What the pins of an order accept.

    :param told: as the order has them.
    """

    def __init__(self, told: Iterable[Mapping[str, Any]]) -> None:
        self._hashes: dict[_Release, frozenset[str]] = {
            (pin["name"], pin["version"], pin["url"]): frozenset(pin["hashes"]) for pin in told
        }

    def replaced(
        self,
        choices: Iterable[Mapping[str, Any]],
        listings: Callable[[str, str], Iterator[Collection[str]]],
    ) -> list[str]:
        """Return the names of what is pinned to the version that was chosen, but was another file then.

        A file that was added since is none: what was locked is still there beside it.

        :param choices: as an answer has them.
        :param listings: yields what the indexes have of a version, in sha256, and then all that they have of
            the package; nothing where they do not tell.
        """
        return [choice["name"] for choice in choices if self._is_replaced(choice, listings)]

    def _is_replaced(
        self, choice: Mapping[str, Any], listings: Callable[[str, str], Iterator[Collection[str]]]
    ) -> bool:
        release = (choice["name"], choice["version"], choice["url"])
        locked = self._hashes.get(release, frozenset())
        if not locked or not choice["hashes"] or locked.issuperset(choice["hashes"]):
            return False
        if choice["url"] is not None:
            return True
        told: Collection[str] = ()
        for told in listings(choice["name"], choice["version"]):
            # One of those of which nothing is told may be what was locked.
            if not told or locked.issubset(f"sha256:{one}" for one in told):
                return False
        return bool(told)
