"""What is made once for everybody, whoever asks first, and from whichever thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Remembers what was made for each key; who asks meanwhile waits. Failures are remembered, too."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: dict[Key, Future[Value]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._made

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return what there is for a key, and make it if there is nothing.

        :raises Exception: what making it raised, whoever asked first.
        """
        made = self._made.get(key)
        if made is None:
            with self._lock:
                made = self._made.get(key)
                is_ours = made is None
                if made is None:
                    made = self._made[key] = Future()
            if is_ours:
                try:
                    made.set_result(make())
                except BaseException as error:  # noqa: BLE001 - whoever waits has to be told of each
                    made.set_exception(error)
        return made.result()

    def put(self, key: Key, value: Value) -> None:
        """Remember what somebody knows already."""
        known: Future[Value] = Future()
        known.set_result(value)
        self._made[key] = known
