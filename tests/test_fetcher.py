"""Many wheels at once: how many are under way, and what becomes of them when one cannot be had."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Event, Lock
from types import SimpleNamespace
from typing import Any, Self

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.cache.layout import Cache
from scriptlock.errors import InstallError
from scriptlock.install.fetcher import CONNECTIONS, Fetcher
from scriptlock.install.unpackers import Shelve
from scriptlock.model import Pin

MANY = 3 * CONNECTIONS
CONTENT = b"a wheel"
HASH = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
PINS = [
    Pin(
        name=canonicalize_name(f"demo{number}"),
        version=Version("1"),
        hashes=(HASH,),
        url=f"https://files.example/demo{number}-1-py3-none-any.whl",
    )
    for number in range(MANY)
]


class Session:
    """Sends the same to everybody, and knows how many are being sent something."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = self.most = 0
        self._mutex = Lock()

    def get(self, url: str, **_: object) -> Answer:
        """Begin to answer."""
        with self._mutex:
            self.asked.append(url)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        return Answer(self, url)

    def end(self) -> None:
        """Note that an answer has come to its end."""
        with self._mutex:
            self.at_once -= 1

    def send(self, answer: Answer, size: int) -> Iterator[bytes]:
        """Yield what an answer holds."""
        yield CONTENT


@dataclass
class Answer:
    session: Session
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.end()


def fetcher(folder: Path, session: Session, shelve: Shelve) -> Fetcher:
    cache = Cache(root=folder / "cache")
    cache.prepare()
    borrowed: Any = SimpleNamespace(
        response_chunks=session.send, HTTPError=ConnectionError, RequestException=ConnectionError
    )
    reach: Any = SimpleNamespace(session=session)
    order = {"root": str(cache.root), "tags": ["py3-none-any"], "allow_sdist": []}
    return Fetcher(borrowed, reach, order, shelve)


def test_what_waits_to_be_unpacked_keeps_nothing_from_being_downloaded(tmp_path: Path) -> None:
    class Counting(Session):
        everything = Event()

        def send(self, answer: Answer, size: int) -> Iterator[bytes]:
            yield from super().send(answer, size)
            if len(self.asked) == MANY:
                self.everything.set()

    session, unpacked = Counting(), list[str]()

    def shelve(archive: Path, filename: str, sha256: str, pin: Pin) -> None:
        assert session.everything.wait(60)
        assert archive.read_bytes() == CONTENT
        unpacked.append(filename)

    assert fetcher(tmp_path, session, shelve).fetch_all(PINS) == []

    assert sorted(unpacked) == sorted(pin.url.rpartition("/")[2] for pin in PINS if pin.url)
    assert [*(tmp_path / "cache/v1/wheels").iterdir()] == []


def test_no_more_are_downloaded_at_once_than_there_may_be_connections(tmp_path: Path) -> None:
    class Together(Session):
        full = Barrier(CONNECTIONS, timeout=60)

        def send(self, answer: Answer, size: int) -> Iterator[bytes]:
            self.full.wait()
            yield from super().send(answer, size)

    session = Together()

    fetcher(tmp_path, session, lambda *_: None).fetch_all(PINS)

    assert session.most == CONNECTIONS
    assert len(session.asked) == MANY


@pytest.mark.parametrize("number", [0, CONNECTIONS - 1])
def test_when_one_cannot_be_had_no_other_is_begun(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
            over.set()
            super().shutdown(wait, cancel_futures=cancel_futures)

    class Failing(Session):
        full = Event()

        def send(self, answer: Answer, size: int) -> Iterator[bytes]:
            if len(self.asked) == CONNECTIONS:
                self.full.set()
            assert self.full.wait(60)
            if answer.url == self.asked[number]:
                raise InstallError("no")
            assert over.wait(60)
            yield from super().send(answer, size)

    monkeypatch.setattr("scriptlock.install.fetcher.ThreadPoolExecutor", Pool)
    session = Failing()

    with pytest.raises(InstallError, match="no"):
        fetcher(tmp_path, session, lambda *_: None).fetch_all(PINS)

    # Whoever is next may have its connection before anybody knows.
    assert len(session.asked) <= CONNECTIONS + 1
