"""Environments out of the wheel store, and the store out of an index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scriptlock.cache.environments import Environment, open_environment
from scriptlock.cache.layout import Cache
from scriptlock.cache.leases import STORE, Lease
from scriptlock.errors import CacheError, InstallError, Offline, ToolError
from scriptlock.install.fetch import BOOT, FetchProcess, Order, Start, fetching
from scriptlock.install.fetch_worker import NAMES, respond
from scriptlock.install.store import StoreInstaller
from scriptlock.interpreters import Interpreter, find_interpreter
from scriptlock.model import Pin
from scriptlock.process import Finish
from support.cli import SECONDS
from support.index import Index, nothing_listens
from support.installers import pin_of, seen_inside
from support.servers import answering
from support.wheels import Wheel, sdist, wheel

HOST = find_interpreter(None, None)
DEMO, OTHER = wheel("demo", "1.0"), wheel("Other.Name", "2.0+local")
NOTHING = "sha256:" + "0" * 64


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def nobody_compiles(cache: Cache, interpreter: Interpreter, digests: Sequence[str]) -> None:
    """Leave compiling to others: what is tested here is not compiled."""


def store(cache: Cache, **options: object) -> StoreInstaller:
    return StoreInstaller(cache, compile_wheels=nobody_compiles, **options)  # type: ignore[arg-type]


def opened(
    cache: Cache, *pins: Pin, installer: StoreInstaller | None = None, offline: bool = False
) -> Environment:
    return open_environment(cache, HOST, pins, installer or store(cache), offline=offline)


def refused(cache: Cache, *pins: Pin, installer: StoreInstaller | None = None) -> InstallError:
    """Return the error that building ends with; nothing that could be taken for whole is left of it."""
    with pytest.raises(InstallError) as caught:
        opened(cache, *pins, installer=installer)
    assert not [*cache.environments.glob("*/*")]
    assert not [*cache.wheels.glob(".new-*")]
    return caught.value


def fetch(cache: Cache, wanted: Wheel, start: Start) -> None:
    """Have a worker fetch a wheel."""
    order = Order(index_url=None, allow_sdist=(), tags=HOST.tags)
    with fetching(cache, [pin_of(wanted)], order, inherit=[], start=start) as finish:
        finish()


def carry_out(
    order: Mapping[str, Any], argv: Sequence[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Have the worker that a command line starts carry out an order."""
    path, line = folder / "order", folder / "line"
    path.write_text(json.dumps(order))
    line.write_text(f"{path}\n")  # no pipe, by whose end it would know that nobody waits
    with line.open() as given:
        return subprocess.run(argv, stdin=given, capture_output=True, text=True, check=False)


def by_url(url: str, digest: str) -> Pin:
    return Pin(name=DEMO.name, version=DEMO.version, hashes=(digest,), url=url)


def test_a_wheel_is_fetched_once_for_all_environments(index: Index, cache: Cache) -> None:
    index.add(DEMO, OTHER)
    opened(cache, pin_of(DEMO)).close()

    with opened(cache, pin_of(DEMO), pin_of(OTHER)) as environment:
        assert seen_inside(environment) == ["Other.Name 2.0+local True True", "demo 1.0 True True"]
    assert index.requests.count(f"/files/{DEMO.filename}") == 1
    assert index.requests.count("/simple/demo/") == 1


def test_what_the_store_holds_needs_no_index(index: Index, cache: Cache) -> None:
    index.add(DEMO, OTHER)
    opened(cache, pin_of(DEMO), pin_of(OTHER)).close()
    index.reset()

    with opened(cache, pin_of(OTHER), offline=True) as environment:
        assert seen_inside(environment) == ["Other.Name 2.0+local True True"]
    assert index.count == 0


def test_offline_says_which_wheels_are_not_there(index: Index, cache: Cache) -> None:
    index.add(DEMO, OTHER)
    opened(cache, pin_of(DEMO)).close()
    index.reset()

    with pytest.raises(Offline) as caught:
        opened(cache, pin_of(DEMO), pin_of(OTHER), offline=True)

    assert str(caught.value) == "offline, and the wheel store lacks other-name 2.0+local"
    assert index.count == 0


def test_two_that_need_a_wheel_at_once_fetch_it_once(index: Index, cache: Cache) -> None:
    index.add(DEMO, OTHER)

    with ThreadPoolExecutor() as pool:
        wanted = ([pin_of(DEMO)], [pin_of(DEMO), pin_of(OTHER)])
        for build in [pool.submit(opened, cache, *pins) for pins in wanted]:
            build.result().close()

    assert index.requests.count(f"/files/{DEMO.filename}") == 1


def content(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder, by their paths there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "bin" not in path.parts and path.name != "pyvenv.cfg"
    }


def test_a_process_that_was_started_before_fetches_the_same(index: Index, tmp_path: Path) -> None:
    index.add(DEMO, OTHER)
    caches = [Cache(root=tmp_path / name) for name in ("usual", "ahead")]
    made, asked = [], []
    for cache, is_ahead in zip(caches, (False, True), strict=True):
        cache.prepare()
        process = FetchProcess(cache)
        installer = StoreInstaller(cache, fetch=process, compile_wheels=nobody_compiles)
        if is_ahead:
            process.begin()
            process.begin()
        with open_environment(cache, HOST, [pin_of(DEMO), pin_of(OTHER)], installer) as environment:
            made.append(content(environment.path / "lib"))
        asked.append(sorted(index.requests))
        index.reset()

    assert made[0]
    assert made[0] == made[1]
    assert asked[0] == asked[1]


def test_a_process_that_was_started_in_vain_is_ended(cache: Cache) -> None:
    cache.prepare()
    process = FetchProcess(cache)

    process.begin()
    with Lease(cache.leases / STORE) as lease:
        assert not lease.attempt(exclusive=True)
        process.close()
        assert lease.attempt(exclusive=True)

    process.close()


def test_no_process_is_started_while_the_store_is_being_cleaned_up(cache: Cache) -> None:
    cache.prepare()
    process = FetchProcess(cache)

    with Lease(cache.leases / STORE) as lease:
        lease.acquire(exclusive=True)
        process.begin()
        lease.release()
        assert lease.attempt(exclusive=True)


def test_a_process_that_was_started_before_ends_with_who_started_it(cache: Cache) -> None:
    cache.prepare()
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom scriptlock.cache.layout import Cache\n"
        "from scriptlock.install.fetch import FetchProcess\n"
        "FetchProcess(Cache(root=Path(sys.argv[1]))).begin()\nos.kill(os.getpid(), 9)\n"
    )

    done = subprocess.run([sys.executable, "-c", program, str(cache.root)], check=False)

    assert done.returncode == -9
    with Lease(cache.leases / STORE, patience=SECONDS) as lease:
        assert lease.acquire(exclusive=True)


def test_the_best_file_for_the_interpreter_is_taken(index: Index, cache: Cache) -> None:
    tags = ["py3-none-any", HOST.tags[3], HOST.tags[0], "cp33-cp33m-win32"]
    files = [wheel("demo", "1.0", tag=tag) for tag in tags]
    index.add(*files)

    opened(cache, pin_of(*files)).close()

    assert [path for path in index.requests if "files" in path] == [f"/files/{files[2].filename}"]


def test_of_the_files_in_the_store_the_best_is_taken(index: Index, cache: Cache) -> None:
    plain, better = wheel("demo", "1.0", build="7"), wheel("demo", "1.0", tag=HOST.tags[0])
    index.add(plain, better)
    for each in (plain, better):
        opened(cache, pin_of(each)).close()

    with opened(cache, pin_of(plain, better), offline=True) as environment:
        (record,) = environment.path.rglob("WHEEL")
        assert HOST.tags[0] in record.read_text("utf-8")


def test_a_file_that_does_not_fit_the_interpreter_is_not_taken_from_the_store(
    index: Index, cache: Cache
) -> None:
    foreign = wheel("demo", "1.0", tag="cp33-cp33m-win32")
    index.add(foreign)

    error = refused(cache, pin_of(foreign))

    assert str(error) == "no index offers a wheel of demo==1.0 that fits this Python"


@pytest.mark.parametrize("options", [{"html": True}, {"hashes": False}, {"html": True, "hashes": False}])
def test_an_old_index_serves_as_well(
    options: dict[str, Any], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(**options) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(DEMO)

        with opened(cache, pin_of(DEMO)) as environment:
            assert seen_inside(environment) == ["demo 1.0 True True"]


def test_an_index_that_tells_no_digests_is_not_believed(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(hashes=False) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        index.add(DEMO)

        error = refused(cache, Pin(name=DEMO.name, version=DEMO.version, hashes=(NOTHING,)))

    assert str(error) == f"{DEMO.filename} from 127.0.0.1:{index.port} is not the file that was locked"
    assert not [*cache.wheels.iterdir()]


def test_a_file_that_was_exchanged_after_its_page_was_read_is_refused(index: Index, cache: Cache) -> None:
    index.add(DEMO)
    other = wheel("demo", "1.0", files={"demo.py": "import os"})

    def exchange(path: str) -> None:
        if "files" in path:
            index.add(other)

    index.on_request = exchange

    error = refused(cache, pin_of(DEMO))

    assert str(error) == f"{DEMO.filename} from 127.0.0.1:{index.port} is not the file that was locked"
    assert not [*cache.wheels.iterdir()]


def test_a_file_that_is_gone_is_named(index: Index, cache: Cache) -> None:
    index.add(DEMO)

    def withdraw(path: str) -> None:
        if "files" in path:
            index.remove("demo")

    index.on_request = withdraw

    error = refused(cache, pin_of(DEMO))

    assert str(error) == f"127.0.0.1:{index.port} has no {DEMO.filename}: it answered 404"


def test_a_package_that_no_index_has_is_named(index: Index, cache: Cache) -> None:
    error = refused(cache, pin_of(DEMO))

    assert str(error) == "no index offers a wheel of demo==1.0 that fits this Python"
    assert error.hint == "run `scriptlock lock` here, with --upgrade if it is gone from the index"


def test_a_page_that_is_older_than_the_lock_is_asked_for_again(
    index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", f"127.0.0.1:{index.port}")  # pip keeps pages then
    newer = wheel("demo", "1.1")
    index.add(DEMO)
    opened(cache, pin_of(DEMO)).close()
    index.add(newer)

    with opened(cache, pin_of(newer)) as environment:
        assert seen_inside(environment) == ["demo 1.1 True True"]


def test_an_index_that_refuses_is_named(index: Index, cache: Cache) -> None:
    index.break_down(403)

    error = refused(cache, pin_of(DEMO))

    assert error.hint == f"127.0.0.1:{index.port} refused to say what it has (403)"


def test_a_file_that_breaks_off_is_asked_for_again_and_then_refused(index: Index, cache: Cache) -> None:
    half = DEMO.content[: len(DEMO.content) // 2]
    with answering(half, length=len(DEMO.content)) as server:
        error = refused(cache, by_url(f"{server.url}/{DEMO.filename}", DEMO.hash))

    assert str(error) == f"127.0.0.1:{server.port} broke off while sending {DEMO.filename}"
    assert server.asked == 3


def test_who_cannot_have_one_wheel_waits_for_no_other(
    index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TIMEOUT", str(SECONDS))  # else it would be given up
    slow, is_asked, is_refused = wheel("slow", "1.0"), threading.Event(), threading.Event()
    index.add(slow)

    def hold(path: str) -> None:
        if path.endswith(slow.filename):
            is_asked.set()
            is_refused.wait(SECONDS / 4)
        elif path == "/simple/demo/":
            is_asked.wait(SECONDS)

    index.on_request = hold
    try:
        with pytest.raises(InstallError, match=r"no index offers a wheel of demo==1\.0"):
            opened(cache, pin_of(DEMO), pin_of(slow))
        answered = [path for path in index.requests if path.endswith(slow.filename)]
    finally:
        is_refused.set()

    assert answered == []


def test_an_index_that_asks_for_a_password_gets_the_configured_one(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(credentials=("user", "right")) as index:
        index.add(DEMO)
        monkeypatch.setenv("PIP_INDEX_URL", index.url_with_credentials)

        with opened(cache, pin_of(DEMO)) as environment:
            assert seen_inside(environment) == ["demo 1.0 True True"]


def test_puts_passwords_into_no_message(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    with Index(credentials=("user", "right")) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//user:geheim@"))

        error = refused(cache, pin_of(DEMO))

    assert str(error) == f"127.0.0.1:{index.port} refused the credentials of pip's configuration (401)"


def test_says_that_an_index_does_not_answer(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    with nothing_listens() as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)

        error = refused(cache, pin_of(DEMO))

    assert str(error) == f"{url.split('/')[2]} cannot be reached: Connection refused"


def test_an_index_without_encryption_is_refused(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://plain.example/simple/")

    error = refused(cache, pin_of(DEMO))

    assert str(error) == "pip ignores plain.example, which is asked without encryption"


def test_asks_the_index_that_the_header_names(
    index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(DEMO)
    with nothing_listens() as nowhere:
        monkeypatch.setenv("PIP_INDEX_URL", nowhere)

        with opened(cache, pin_of(DEMO), installer=store(cache, index_url=index.url)) as environment:
            assert seen_inside(environment) == ["demo 1.0 True True"]


def test_several_indexes_and_folders_are_searched(
    index: Index, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / OTHER.filename).write_bytes(OTHER.content)
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    with Index() as extra:
        extra.add(DEMO)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", extra.url)

        with opened(cache, pin_of(DEMO), pin_of(OTHER)) as environment:
            assert seen_inside(environment) == ["Other.Name 2.0+local True True", "demo 1.0 True True"]


def test_a_file_that_one_index_has_lost_is_had_from_another(
    index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(DEMO)

    def withdraw(path: str) -> None:
        if "files" in path:
            index.remove("demo")

    index.on_request = withdraw
    with Index() as extra:
        extra.add(DEMO)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", extra.url)

        with opened(cache, pin_of(DEMO)) as environment:
            assert seen_inside(environment) == ["demo 1.0 True True"]


def test_without_an_index_folders_serve(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DEMO.filename).write_bytes(DEMO.content)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with opened(cache, pin_of(DEMO)) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_a_working_folder_that_was_deleted_does_no_harm(
    index: Index, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(DEMO)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with opened(cache, pin_of(DEMO)) as environment:
        assert environment.python.exists()


def test_says_what_is_wrong_with_a_configuration(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text("index-url = https://user:geheim@example.org\n", "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))

    with pytest.raises(ToolError) as caught:
        opened(cache, pin_of(DEMO))

    assert str(caught.value).startswith("pip's configuration cannot be read: ")
    assert "geheim" not in str(caught.value)


def test_a_wheel_by_its_url_says_where_it_came_from(index: Index, cache: Cache) -> None:
    index.add(DEMO)
    place = f"127.0.0.1:{index.port}/files/{DEMO.filename}"

    with opened(cache, by_url(f"http://user:geheim@{place}#egg=demo", DEMO.hash)) as environment:
        (origin,) = environment.path.rglob("direct_url.json")
        assert json.loads(origin.read_bytes()) == {
            "url": f"http://{place}",
            "archive_info": {"hash": f"sha256={DEMO.sha256}", "hashes": {"sha256": DEMO.sha256}},
        }
    with opened(cache, pin_of(DEMO)) as environment:
        assert not [*environment.path.rglob("direct_url.json")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("demo-1.0.tar.gz", "demo is pinned to https://****@a.example/demo-1.0.tar.gz, which is no wheel"),
        (
            "demo-1.1-py3-none-any.whl",
            "https://****@a.example/demo-1.1-py3-none-any.whl is no wheel of demo 1.0 that fits this Python",
        ),
        (
            "demo.whl",
            "https://****@a.example/demo.whl is no wheel of demo 1.0 that fits this Python",
        ),
    ],
)
def test_a_url_that_is_none_of_a_fitting_wheel_is_refused(path: str, reason: str, cache: Cache) -> None:
    error = refused(cache, by_url(f"https://user:geheim@a.example/{path}", NOTHING))

    assert str(error) == reason


def test_a_git_commit_that_is_not_allowed_is_refused(cache: Cache) -> None:
    error = refused(
        cache, Pin(name=DEMO.name, version=DEMO.version, git="https://a.example/demo", commit="0" * 40)
    )

    assert str(error) == "demo comes as source, from a repository"


def test_what_is_another_package_than_its_name_says_is_refused(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo-1.0-py3-none-any.whl").write_bytes(OTHER.content)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    error = refused(cache, Pin(name=DEMO.name, version=DEMO.version, hashes=(OTHER.hash,)))

    assert str(error) == (
        "demo-1.0-py3-none-any.whl says of itself that it is demo 1.0 and other-name 2.0+local"
    )
    assert not [*cache.wheels.iterdir()]


def test_builds_nothing_from_source(index: Index, cache: Cache, tmp_path: Path) -> None:
    trap = tmp_path / "built"
    source = sdist("demo", "1.0", on_build=f"open({str(trap)!r}, 'w').close()")
    index.add(source)

    error = refused(cache, pin_of(source))

    assert str(error) == "no index offers a wheel of demo==1.0 that fits this Python"
    assert not trap.exists()


def test_builds_from_source_what_the_header_allows(index: Index, cache: Cache) -> None:
    source = sdist("demo", "1.0")
    index.add(source, sdist("demo", "0.9"), replace(DEMO, filename="demo-one-py3-none-any.whl"), OTHER)
    installer = store(cache, allow_sdist={source.name})

    with opened(cache, pin_of(source), pin_of(OTHER), installer=installer) as environment:
        assert seen_inside(environment) == ["Other.Name 2.0+local True True", "demo 1.0 True True"]


def test_builds_the_source_of_a_url_that_the_header_allows(index: Index, cache: Cache) -> None:
    source = sdist("demo", "1.0")
    index.add(source)
    pin = by_url(f"{index.url.removesuffix('simple/')}files/{source.filename}", source.hash)
    installer = store(cache, allow_sdist={source.name})

    with pytest.raises(Offline, match=r"the wheel store lacks demo 1\.0"):
        opened(cache, pin, installer=installer, offline=True)
    with opened(cache, pin, installer=installer) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_a_store_that_cannot_be_written_is_an_error(index: Index, cache: Cache) -> None:
    index.add(DEMO)
    cache.prepare()
    cache.wheels.rmdir()
    cache.wheels.symlink_to("/dev/fd")

    with pytest.raises(CacheError, match="the wheel store cannot be written: "):
        opened(cache, pin_of(DEMO))


def test_a_wheel_of_another_format_is_fetched_anew(index: Index, cache: Cache) -> None:
    index.add(DEMO)
    opened(cache, pin_of(DEMO)).close()
    description = cache.wheels / DEMO.sha256 / "wheel.json"
    description.write_text(json.dumps(json.loads(description.read_bytes()) | {"format": 0}), "utf-8")

    index.add(OTHER)

    with opened(cache, pin_of(DEMO), pin_of(OTHER)) as environment:
        assert seen_inside(environment) == ["Other.Name 2.0+local True True", "demo 1.0 True True"]
    assert index.requests.count(f"/files/{DEMO.filename}") == 2


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise SystemExit(3)", "the process that fetches wheels failed: status 3, and not a word"),
        ("raise ValueError('no https://a:b@c.example')", "the process that fetches wheels failed: "),
    ],
)
def test_a_worker_that_fails_is_an_error(script: str, reason: str, cache: Cache) -> None:
    @contextmanager
    def start(order: Mapping[str, Any], inherit: Sequence[int]) -> Iterator[Finish]:
        argv = [sys.executable, "-c", script]
        yield lambda: subprocess.run(argv, capture_output=True, text=True, check=False)

    with pytest.raises(ToolError) as caught:
        fetch(cache, DEMO, start)

    assert str(caught.value).startswith(reason)
    assert "a:b" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="nobody says which processors to use")
def test_where_there_is_one_processor_nobody_else_unpacks(index: Index, cache: Cache, tmp_path: Path) -> None:
    index.add(DEMO)
    cache.prepare()

    @contextmanager
    def start(order: Mapping[str, Any], inherit: Sequence[int]) -> Iterator[Finish]:
        refuse_copies = "os.fork = None; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
        alone = [sys.executable, "-I", "-c", f"import os; {refuse_copies}; {BOOT}", "", str(cache.root), "1"]
        yield partial(carry_out, order, alone, tmp_path)

    fetch(cache, DEMO, start)

    assert [path.name for path in cache.wheels.iterdir()] == [DEMO.sha256]


def test_a_full_disk_while_unpacking_is_an_error(index: Index, cache: Cache, tmp_path: Path) -> None:
    large = wheel("demo", "1.0", files={"demo.bin": os.urandom(1 << 17)})
    index.add(large)
    cache.prepare()

    @contextmanager
    def start(order: Mapping[str, Any], inherit: Sequence[int]) -> Iterator[Finish]:
        limit = ["/bin/sh", "-c", 'ulimit -f 16; exec "$@"', "sh"]
        limited = [*limit, sys.executable, "-I", "-c", BOOT, "", str(cache.root), "1"]
        yield partial(carry_out, order, limited, tmp_path)

    with pytest.raises(CacheError, match="the wheel store cannot be written: File too large"):
        fetch(cache, large, start)

    assert [*cache.wheels.iterdir()] == []


def test_a_worker_that_cannot_be_started_is_an_error(cache: Cache) -> None:
    def start(order: Mapping[str, Any], inherit: Sequence[int]) -> AbstractContextManager[Finish]:
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(ToolError, match="no process can be started: No such file or directory"):
        fetch(cache, DEMO, start)


def test_a_pip_that_moved_a_name_is_an_error() -> None:
    answer = respond({}, {**NAMES, "create_collector": "pip._internal.index.collector:LinkCollector.gone"})

    assert answer["failure"]["kind"] == "ToolError"
    assert "moved pip._internal.index.collector.LinkCollector.gone" in answer["failure"]["reason"]
