from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock import launch
from scriptlock.cache.layout import Cache
from support.cli import command
from support.warm import (
    PINS,
    TEXT,
    Started,
    descriptors,
    environment_of,
    look_ready,
    new_cache,
    remember,
    start,
)


@pytest.fixture
def cache() -> Cache:
    return new_cache()


@pytest.fixture
def path(tmp_path: Path, cache: Cache) -> Path:
    """A locked script that ran before."""
    path = tmp_path / "report.py"
    path.write_text(TEXT)
    remember(path, look_ready(cache, PINS["rich"]))
    return path


def test_a_script_that_ran_before_is_started_with_its_environment_in_front(path: Path, cache: Cache) -> None:
    environment = look_ready(cache, PINS["rich"])

    started = start("run", str(path), "--help", "-x", "a b")

    commands = f"{environment}/bin"
    assert started == Started(
        python=f"{commands}/python",
        argv=[f"{commands}/python", str(path), "--help", "-x", "a b"],
        environ={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "VIRTUAL_ENV": str(environment)},
    )


@pytest.mark.parametrize(("found", "path_then"), [(None, f":{os.defpath}"), ("", "")])
def test_without_a_search_path_the_system_s_own_commands_are_still_found(
    path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, path_then: str
) -> None:
    monkeypatch.delenv("PATH")
    if found is not None:
        monkeypatch.setenv("PATH", found)

    started = start("run", str(path))

    assert started is not None
    assert started.environ["PATH"] == f"{started.environment}/bin{path_then}"


def test_the_warm_start_needs_no_module_that_a_bare_python_does_not_have(path: Path) -> None:
    # Not through main(): where it ends, nobody can look any more.
    code = (
        "import sys; bare = set(sys.modules)\n"
        "from scriptlock.__main__ import launch\n"
        "launch.start(sys.argv[1:], lambda *_: sys.exit(' '.join(set(sys.modules) - bare)))"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}

    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "run", path],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    ours = {"scriptlock", "scriptlock.__main__", "scriptlock.launch"}
    assert ours <= set(done.stderr.split()) <= ours | {"fcntl", "_sha2", "_sha256"}


@pytest.mark.parametrize(
    "name", [b"ein Ordner.py", b"caf\xe9.py", b"a\nb.py", b"'$(x)\"", "日本.py".encode()]
)
def test_any_name_of_a_file_will_do(path: Path, cache: Cache, name: bytes) -> None:
    hostile = path.rename(path.parent / os.fsdecode(name))
    remember(hostile, look_ready(cache, PINS["rich"]))

    started = start("run", str(hostile))

    assert started is not None
    assert started.argv[1] == str(hostile)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("run",),
        ("check", "report.py"),
        ("run", "-"),
        ("run", "--frozen", "report.py"),
        ("run", "--", "report.py"),
        ("run", "pipe"),
        ("run", "."),
        ("run", "missing.py"),
        ("run", ""),
        ("run", "empty"),
        ("run", "/dev/null"),
    ],
)
def test_everything_but_a_plain_run_is_left_to_the_slow_way(
    path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(path.parent)
    os.mkfifo("pipe")
    Path("empty").touch()

    assert start(*words) is None


def test_a_system_that_refuses_to_start_it_leaves_it_to_the_slow_way_to_say_so(path: Path) -> None:
    def execute(*_: object) -> NoReturn:
        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))

    before = descriptors()

    launch.start(["run", str(path)], execute)

    assert descriptors() == before


def test_an_environment_that_somebody_builds_is_not_used(path: Path, cache: Cache) -> None:
    fcntl = pytest.importorskip("fcntl")
    leases = [lease.open() for lease in cache.leases.iterdir()]
    for lease in leases:
        fcntl.flock(lease, fcntl.LOCK_EX)

    busy = environment_of(path)
    for lease in leases:
        lease.close()

    assert busy is None
    assert environment_of(path) is not None


def test_the_lease_is_held_as_long_as_the_script_runs(path: Path, cache: Cache) -> None:
    fcntl = pytest.importorskip("fcntl")
    path.write_text(
        path.read_text().replace("import importlib", "print('runs', flush=True); input()\nimport importlib")
    )
    environment = look_ready(cache, PINS["rich"])
    lease = cache.leases / str(environment.relative_to(cache.environments)).replace("/", "-")

    with (
        lease.open() as ours,
        subprocess.Popen(command("run", path), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running,
    ):
        assert running.stdout is not None
        assert running.stdout.readline() == b"runs\n"
        with pytest.raises(BlockingIOError):
            fcntl.flock(ours, fcntl.LOCK_EX | fcntl.LOCK_NB)
        running.communicate(b"\n")
        fcntl.flock(ours, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_a_script_finds_nothing_of_ours_in_the_place_of_a_closed_stream(
    path: Path, tmp_path: Path, closed: str
) -> None:
    answer = tmp_path / "answer"
    show = f"""
import os
seen = [os.readlink(f"/proc/self/fd/{{number}}") for number in range(3)]
open({str(answer)!r}, "w").write(str(seen))
import importlib"""
    path.write_text(path.read_text().replace("\nimport importlib", show))
    argv = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command("run", path)]

    nothing = subprocess.DEVNULL
    subprocess.run(argv, check=True, stdin=nothing, stdout=nothing, stderr=nothing)

    assert answer.read_text() == str(["/dev/null"] * 3)


HOMES = ("", "/", "relative", "{}", "{}/", "{}//home", "{}/nowhere")
CACHES = ("", " ", "relative", "~/x", "{}/caches", " {}/caches", "{}/caches ", "{}/../caches", "{}/caches/")


@given(
    home=st.none() | st.sampled_from(HOMES),
    caches=st.none() | st.sampled_from(CACHES),
    named=st.none()
    | st.sampled_from(
        ["", "relative", "{}/named", "{}/nowhere", "{}/named/", "{}//named", "{}/./named/.", "/{}/named"]
    ),
)
def test_the_cache_is_where_the_slow_way_has_it(
    home: str | None, caches: str | None, named: str | None
) -> None:
    variables = {"HOME": home, "XDG_CACHE_HOME": caches, "SCRIPTLOCK_CACHE_DIR": named}
    with tempfile.TemporaryDirectory() as folder:
        for name in (".cache", "home/.cache", "caches", "caches ", "named"):
            Path(folder, name, "scriptlock").mkdir(parents=True, mode=0o700)
        given = {name: value.format(folder) for name, value in variables.items() if value is not None}
        with mock.patch.dict(os.environ):
            for name in variables:
                os.environ.pop(name, None)
            os.environ.update(given)

            found = root_or_none()

            assert found is None or found == str(Cache.default().root)


def root_or_none() -> str | None:
    """Return where the warm start looks for the cache, None if it does not."""
    try:
        return launch.cache_root(os.environ)
    except OSError:
        return None


@pytest.mark.parametrize(
    "variables",
    [{"HOME": "{}"}, {"XDG_CACHE_HOME": "{}/.cache"}, {"SCRIPTLOCK_CACHE_DIR": "{}/.cache/scriptlock"}],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only platformdirs knows")
def test_the_usual_caches_are_found(tmp_path: Path, variables: dict[str, str]) -> None:
    root = tmp_path / ".cache" / "scriptlock"
    root.mkdir(parents=True, mode=0o700)

    assert launch.cache_root({name: value.format(tmp_path) for name, value in variables.items()}) == str(root)


@pytest.mark.parametrize("spoil", ["others", "link", "file", "stranger"])
def test_a_cache_that_cannot_be_trusted_is_left_to_the_slow_way_which_refuses_it(
    path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    assert environment_of(path) is not None
    root = cache.root
    if spoil == "others":
        root.chmod(0o777)
    elif spoil == "stranger" and os.geteuid() == 0:
        os.chown(root, 12345, -1)
    elif spoil == "stranger":
        monkeypatch.setenv("SCRIPTLOCK_CACHE_DIR", "/")
    else:
        root.rename(root.with_name("moved"))
        root.touch() if spoil == "file" else root.symlink_to("moved")

    assert environment_of(path) is None
