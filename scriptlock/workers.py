"""The processes that resolve and fetch for one command, each started as soon as it is known to be needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from scriptlock.conversation import Conversation
from scriptlock.errors import ScriptlockError

if TYPE_CHECKING:
    import subprocess

    from scriptlock.cache.layout import Cache
    from scriptlock.install.fetch import FetchProcess
    from scriptlock.process import Finish


class Workers:
    """None at first; a context manager that ends those that were started."""

    def __init__(self) -> None:
        self.resolver = Conversation()
        self._fetching: FetchProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fetching is not None:
            self._fetching.close()
        self.resolver.__exit__()

    def begin_to_fetch(self, cache: Cache) -> None:
        """Start what fetches into a cache's store.

        :raises OSError: if this Python cannot be started.
        :raises CacheError: if the store cannot be used.
        """
        self._fetching_into(cache).begin()

    def fetch(
        self, cache: Cache, order: Mapping[str, Any], inherit: Sequence[int]
    ) -> AbstractContextManager[Finish]:
        """Have an order carried out, as :class:`~scriptlock.install.fetch.FetchProcess` does."""
        return self._fetching_into(cache)(order, inherit)

    def resolve(self, cache: Cache, order: str) -> subprocess.CompletedProcess[str]:
        """Have an order answered; and as what is new will have to be fetched, begin with that meanwhile.

        :raises OSError: if this Python cannot be started.
        """
        with suppress(OSError, ScriptlockError):  # who needs it tells why it cannot be started
            self.begin_to_fetch(cache)
        return self.resolver(order)

    def _fetching_into(self, cache: Cache) -> FetchProcess:
        from scriptlock.install.fetch import FetchProcess

        if self._fetching is None or self._fetching.cache != cache:
            self._fetching = FetchProcess(cache)
        return self._fetching
