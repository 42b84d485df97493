"""What an environment out of the wheel store looks like from inside and outside."""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from installer.scripts import Script
from installer.utils import get_launcher_kind
from packaging.version import Version

from scriptlock.cache.environments import Environment, open_environment
from scriptlock.cache.layout import Cache
from scriptlock.errors import CacheError, InstallError, Offline
from scriptlock.install import bytecode
from scriptlock.install.commands import shebang, write
from scriptlock.install.compile import compile_in_background, python_name
from scriptlock.install.shelves import NEW, Shelves
from scriptlock.install.shelving import describe, shelve
from scriptlock.install.store import StoreInstaller
from scriptlock.interpreters import Interpreter, find_interpreter
from support.index import Index
from support.installers import pin_of, seen_inside
from support.repacked import EXECUTABLE, adding, repacked
from support.stocked import compile_now, stock
from support.wheels import Wheel, wheel

HOST = find_interpreter(None, None)
PYTHON = f"python{HOST.version.major}.{HOST.version.minor}"
SITE = f"lib/{PYTHON}/site-packages"
TOLD = "import sys\n\n\ndef main() -> None:\n    print('told', *sys.argv[1:])\n"
FULL = wheel(
    "full",
    "1.0",
    files={
        "full/__init__.py": TOLD,
        "full/broken.py": "print 'for another Python'\n",
        "full-1.0.data/data/share/full.txt": "shared",
        "full-1.0.data/headers/full.h": "#define FULL",
        "full-1.0.data/purelib/more/full.py": "MORE = 1\n",
        "full-1.0.data/scripts/full-script": "#!python\nimport full\nfull.main()\n",
        "full-1.0.data/scripts/full-shell": "#!/bin/sh\necho shell\n",
    },
    entry_points={"full-command": "full:main"},
)
DEMO, OTHER = wheel("demo", "1.0"), wheel("other", "2.0")

Link = Callable[[str, str], None]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def nobody_compiles(cache: Cache, interpreter: Interpreter, digests: Sequence[str]) -> None:
    """Leave compiling to others."""


def linked(cache: Cache, *wheels: Wheel, link: Link = os.link, threads: int | None = None) -> Environment:
    """Return the environment of wheels that the store has."""
    installer = StoreInstaller(cache, link=link, threads=threads, compile_wheels=nobody_compiles)
    return open_environment(cache, HOST, [*map(pin_of, wheels)], installer, offline=True)


def no_links(number: int) -> Link:
    """Return a way to link that always fails like this."""

    def link(source: str, target: str) -> None:
        raise OSError(number, os.strerror(number), source, None, target)

    return link


def recorded(environment: Environment, dist_info: str) -> dict[str, tuple[str, str]]:
    """Return digest and size of each file that a distribution recorded, by its path in the environment."""
    site = environment.path / SITE
    with (site / dist_info / "RECORD").open(encoding="utf-8", newline="") as rows:
        return {
            os.path.relpath(os.path.normpath(site / path), environment.path): (digest, size)
            for path, digest, size in csv.reader(rows)
        }


def output(*argv: str | Path) -> str:
    return subprocess.run([*map(str, argv)], capture_output=True, text=True, check=True).stdout


def test_files_are_links_to_the_store_that_nobody_can_write_to(cache: Cache) -> None:
    stock(cache, DEMO)

    with linked(cache, DEMO) as environment:
        module = environment.path / SITE / "demo/__init__.py"
        assert module.samefile(cache.wheels / DEMO.sha256 / "content/demo/__init__.py")
        assert stat.S_IMODE(module.stat().st_mode) & 0o222 == 0


def test_every_part_of_a_wheel_is_where_it_belongs(cache: Cache) -> None:
    stock(cache, FULL)

    with linked(cache, FULL) as environment:
        found = sorted(recorded(environment, "full-1.0.dist-info"))
        texts = {path: (environment.path / path).read_text("utf-8") for path in found[:3]}

    metadata = ("INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt")
    assert found == [
        "bin/full-command",
        "bin/full-script",
        "bin/full-shell",
        f"include/site/{PYTHON}/full/full.h",
        *(f"{SITE}/full-1.0.dist-info/{name}" for name in metadata),
        f"{SITE}/full/__init__.py",
        f"{SITE}/full/broken.py",
        f"{SITE}/more/full.py",
        "share/full.txt",
    ]
    assert texts["bin/full-script"] == f"{shebang(environment.python).decode()}import full\nfull.main()\n"
    assert texts["bin/full-shell"] == "#!/bin/sh\necho shell\n"


def test_record_is_true_and_complete(cache: Cache) -> None:
    stock(cache, FULL)
    compile_now(cache, HOST, [FULL.sha256])

    with linked(cache, FULL) as environment:
        rows = recorded(environment, "full-1.0.dist-info")
        there = {
            str(path.relative_to(environment.path))
            for path in environment.path.rglob("*")
            if not path.is_dir() and "full" in str(path.relative_to(environment.path))
        }

        assert there | {f"{SITE}/more/full.py"} == set(rows)
        for path, (digest, size) in rows.items():
            content = (environment.path / path).read_bytes()
            actual = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            unsaid = path.endswith((".pyc", "/RECORD"))
            assert (digest, size) == (("", "") if unsaid else (f"sha256={actual}", str(len(content))))


def test_commands_and_scripts_run(cache: Cache) -> None:
    stock(cache, FULL)

    with linked(cache, FULL) as environment:
        folder = environment.path / "bin"
        said = [output(folder / f"full-{name}", "it") for name in ("command", "script", "shell")]

    assert said == ["told it\n", "told it\n", "shell\n"]


def test_a_script_in_a_long_path_runs(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / ("long path " * 12) / "cache")
    stock(cache, FULL)

    with linked(cache, FULL) as environment:
        assert output(environment.path / "bin/full-script", "it") == "told it\n"
        assert output(environment.path / "bin/full-command", "it") == "told it\n"


def test_a_short_path_needs_no_shell() -> None:
    assert shebang(Path("/env/bin/python")) == b"#!/env/bin/python\n"


@pytest.mark.parametrize("python", ["/env/bin/python", f"/{'long/' * 30}bin/python", "/a b/bin/python"])
@pytest.mark.parametrize("section", ["console", "gui"])
def test_a_command_is_what_the_installer_library_makes_of_it(section: Any, python: str) -> None:
    expected = Script("full-command", "full", "main.at", section).generate(python, get_launcher_kind())

    assert write(describe(section, "full-command", "full", "main.at"), Path(python)) == expected


def held(environment: Environment) -> dict[str, object]:
    """Return what an environment consists of: files by what they are linked to, or by their text."""
    found: dict[str, object] = {}
    for path in sorted(environment.path.rglob("*")):
        status = path.lstat()
        its: object = path.name if path.is_symlink() or path.is_dir() else (status.st_ino, status.st_size)
        if status.st_nlink == 1 and path.is_file() and path.name != "scriptlock.json":
            its = path.read_bytes().replace(os.fsencode(environment.path), b"HERE")
        found[str(path.relative_to(environment.path))] = (stat.S_IMODE(status.st_mode), its)
    return found


@pytest.mark.parametrize(
    "others",
    [
        [wheel(f"w{number}", "1.0") for number in range(9)],
        [wheel("one", "1.0", files={"same.py": "1"}), wheel("two", "1.0", files={"same.py": "2"})],
        [
            wheel("one", "1.0", files={"same.py": "1"}),
            wheel("two", "1.0", files={"two-1.0.data/purelib/same.py": ""}),
        ],
        [wheel("one", "1.0", files={"in/a.py": "1"}), wheel("two", "1.0", files={"in/b.py": "2"})],
        [
            wheel("one", "1.0", entry_points={"say": "one:x"}),
            wheel("two", "1.0", entry_points={"say": "two:x"}),
        ],
    ],
    ids="apart file part folder command".split(),
)
def test_linking_in_threads_comes_to_the_same_as_linking_in_turn(others: list[Wheel], tmp_path: Path) -> None:
    cache = Cache(root=tmp_path / "cache")
    stock(cache, FULL, *others)
    compile_now(cache, HOST, [FULL.sha256, others[0].sha256])

    def plainly(source: str, target: str) -> None:
        os.link(source, target)

    with linked(cache, FULL, *others, threads=1, link=plainly) as environment:
        one_by_one = held(environment)
    environment.path.rename(tmp_path / "aside")
    with linked(cache, FULL, *others, threads=3) as environment:
        at_once = held(environment)

    assert one_by_one.pop("scriptlock.json")
    assert at_once.pop("scriptlock.json")
    assert at_once == one_by_one


def test_pip_agrees_and_can_uninstall_without_harm_to_the_store(cache: Cache) -> None:
    stock(cache, FULL, DEMO)
    compile_now(cache, HOST, [FULL.sha256])
    before = {path: path.read_bytes() for path in (cache.wheels / FULL.sha256).rglob("*") if path.is_file()}

    with linked(cache, FULL, DEMO) as environment:
        pip = [sys.executable, "-m", "pip", "--python", str(environment.python)]
        assert output(*pip, "check") == "No broken requirements found.\n"
        output(*pip, "uninstall", "--yes", "full")
        assert seen_inside(environment) == ["demo 1.0 True True"]
        assert [path for path in environment.path.rglob("*full*") if path.parent.name != PYTHON] == []

    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_what_cannot_be_linked_is_copied(number: int, cache: Cache) -> None:
    stock(cache, FULL)

    with linked(cache, FULL, link=no_links(number)) as environment:
        module = environment.path / SITE / "full/__init__.py"
        kept = cache.wheels / FULL.sha256 / "content/full/__init__.py"
        assert not module.samefile(kept)
        assert (module.read_bytes(), module.stat().st_mtime) == (kept.read_bytes(), kept.stat().st_mtime)
        assert output(environment.path / "bin/full-command") == "told\n"


def test_a_full_disk_while_linking_is_an_error(cache: Cache) -> None:
    stock(cache, DEMO)

    with pytest.raises(CacheError) as caught:
        linked(cache, DEMO, link=no_links(errno.ENOSPC))

    assert str(caught.value) == "the environment cannot be written: No space left on device"
    assert [*cache.environments.glob("*/*")] == []


def test_of_two_wheels_with_one_file_the_later_wins(cache: Cache) -> None:
    one, another = (
        wheel(name, "1.0", files={"tests/__init__.py": f"BY = '{name}'\n"}) for name in ("one", "two")
    )
    stock(cache, one, another)
    compile_now(cache, HOST, [one.sha256])

    with linked(cache, one, another) as environment:
        shown = output(environment.python, "-I", "-c", "import tests; print(tests.BY)")

    assert shown == "two\n"


@pytest.mark.parametrize(
    "intruder",
    [
        wheel("demo", "1.0", files={"demo-1.0.data/data/pyvenv.cfg": "home = /"}),
        wheel("demo", "1.0", files={"demo-1.0.data/scripts/python": "#!python\n"}),
        wheel("demo", "1.0", files={}, entry_points={"python3": "demo:main"}),
        wheel("demo", "1.0", files={"demo-1.0.data/data/lib": "no folder any more"}),
        wheel("demo", "1.0", files={"demo-1.0.data/data/pyvenv.cfg/x": "no file any more"}),
    ],
    ids="cfg script command folder file".split(),
)
@pytest.mark.parametrize("link", [os.link, no_links(errno.EXDEV)], ids="link copy".split())
def test_no_wheel_replaces_what_makes_the_environment_one(intruder: Wheel, link: Link, cache: Cache) -> None:
    stock(cache, intruder)

    with pytest.raises(InstallError, match=r"^demo 1\.0 cannot stand beside the others: "):
        linked(cache, intruder, link=link)


def test_a_file_of_one_wheel_where_another_has_a_folder_is_refused(cache: Cache) -> None:
    one, another = wheel("one", "1.0", files={"x/y.py": ""}), wheel("two", "1.0", files={"x": ""})
    stock(cache, one, another)

    with pytest.raises(InstallError, match=r"^two 1\.0 cannot stand beside the others: x$"):
        linked(cache, one, another, threads=3)


@pytest.mark.parametrize("name", ["../up", "a/b", "..", "a\\b", ""])
def test_a_command_whose_name_is_no_file_name_is_refused(name: str, cache: Cache) -> None:
    odd = wheel("demo", "1.0", entry_points={name: "demo:main"})

    with pytest.raises(InstallError, match=r"demo-1\.0-py3-none-any\.whl has "):
        stock(cache, odd)
    assert [*cache.wheels.iterdir()] == []


@pytest.mark.parametrize("text", ["[console_scripts]\nx = not a module\n", "no section = 1\n", "\xff"])
def test_entry_points_that_cannot_be_read_are_refused(text: str, cache: Cache) -> None:
    odd = repacked(DEMO, adding("demo-1.0.dist-info/entry_points.txt", text.encode("latin-1")))

    with pytest.raises(InstallError, match=r"has an entry_points\.txt that cannot be read"):
        stock(cache, odd)


def scribble(path: Path) -> None:
    """Do what only root can, through the environment or in the store: both are one file."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1.0", b"6.6"))


def grow(path: Path) -> None:
    path.chmod(0o644)
    times = path.stat().st_mtime
    path.write_text("import os\n", "utf-8")
    os.utime(path, (times, times))


@pytest.mark.parametrize("spoil", [scribble, grow, Path.unlink], ids="written longer gone".split())
def test_a_wheel_that_somebody_wrote_to_is_fetched_anew(
    spoil: Callable[[Path], None], index: Index, cache: Cache
) -> None:
    index.add(DEMO)
    stock(cache, DEMO, OTHER)
    spoil(cache.wheels / DEMO.sha256 / "content/demo/__init__.py")

    with open_environment(
        cache, HOST, [pin_of(DEMO), pin_of(OTHER)], StoreInstaller(cache, compile_wheels=nobody_compiles)
    ) as environment:
        shown = output(environment.python, "-I", "-c", "import demo; print(demo.__version__)")

    assert shown == "1.0\n"


def test_a_wheel_whose_bytecode_is_gone_is_fetched_anew(index: Index, cache: Cache) -> None:
    index.add(DEMO)
    stock(cache, DEMO)
    compile_now(cache, HOST, [DEMO.sha256])
    (kept,) = cache.wheels.rglob("*.pyc")
    kept.unlink()

    installer = StoreInstaller(cache, compile_wheels=nobody_compiles)
    with open_environment(cache, HOST, [pin_of(DEMO)], installer) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]
    assert f"/files/{DEMO.filename}" in index.requests


def test_offline_a_wheel_that_somebody_wrote_to_is_missing(cache: Cache) -> None:
    stock(cache, DEMO)
    scribble(cache.wheels / DEMO.sha256 / "content/demo/__init__.py")

    with pytest.raises(Offline, match=r"the wheel store lacks demo 1\.0"):
        linked(cache, DEMO)


def test_a_store_that_is_always_spoiled_is_an_error(index: Index, cache: Cache) -> None:
    index.add(DEMO, OTHER)

    def link(source: str, target: str) -> None:
        os.link(source, target)
        (linked_later,) = cache.wheels.glob("*/content/other/__init__.py")
        os.utime(linked_later)

    installer = StoreInstaller(cache, link=link, threads=1, compile_wheels=nobody_compiles)
    with pytest.raises(InstallError, match="the wheel store changes all the time"):
        open_environment(cache, HOST, [pin_of(DEMO), pin_of(OTHER)], installer)


def test_a_wheel_that_is_there_already_stays(cache: Cache) -> None:
    stock(cache, DEMO)
    before = (cache.wheels / DEMO.sha256).stat().st_ino

    stock(cache, DEMO)

    assert (cache.wheels / DEMO.sha256).stat().st_ino == before
    assert [path.name for path in cache.wheels.iterdir()] == [DEMO.sha256]


def test_a_wheel_that_was_locked_under_another_name_is_refused(cache: Cache, tmp_path: Path) -> None:
    cache.prepare()
    archive = tmp_path / DEMO.filename
    archive.write_bytes(DEMO.content)

    with pytest.raises(InstallError) as caught:
        shelve(Shelves(cache), archive, DEMO.filename, DEMO.sha256, pin_of(OTHER))

    assert str(caught.value) == f"{DEMO.filename} was locked as other 2.0, and is demo 1.0"
    assert [*cache.wheels.iterdir()] == []


def test_what_was_left_by_those_who_were_killed_is_swept_away(cache: Cache) -> None:
    stock(cache, DEMO)
    (cache.wheels / f"{NEW}left" / "content").mkdir(parents=True)

    linked(cache, DEMO).close()

    assert [path.name for path in cache.wheels.iterdir()] == [DEMO.sha256]


def test_bytecode_is_linked_and_believed(cache: Cache) -> None:
    stock(cache, FULL)
    compile_now(cache, HOST, [FULL.sha256])
    name = f"full/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    kept = cache.wheels / FULL.sha256 / python_name(HOST) / "content" / name

    with linked(cache, FULL) as environment:
        compiled = environment.path / SITE / name
        argv = [str(environment.python), "-I", "-v", "-c", "import full"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
        assert compiled.samefile(kept)
        assert [path.name for path in compiled.parent.iterdir()] == [compiled.name]
    assert f"# {compiled} matches {environment.path / SITE}/full/__init__.py" in said


@pytest.mark.parametrize(
    "files", [{"demo/data.txt": "1"}, {"demo/__init__.py": "print 'for another Python'"}]
)
def test_a_wheel_of_which_nothing_can_be_compiled_is_whole(files: dict[str, str], cache: Cache) -> None:
    plain = wheel("demo", "1.0", files=files)
    stock(cache, plain)
    compile_now(cache, HOST, [plain.sha256])

    with linked(cache, plain) as environment:
        assert seen_inside(environment) == ["demo 1.0 True True"]


def test_tests_are_compiled_by_whoever_imports_them(cache: Cache) -> None:
    tested = wheel("demo", "1.0", files={"demo/__init__.py": "", "demo/tests/test_it.py": "print('it')\n"})
    stock(cache, tested)
    compile_now(cache, HOST, [tested.sha256])

    with linked(cache, tested) as environment:
        before = sorted(path.name for path in environment.path.rglob("*.pyc"))
        said = output(environment.python, "-I", "-c", "import demo.tests.test_it")

    assert (before, said) == ([f"__init__.{sys.implementation.cache_tag}.pyc"], "it\n")


def test_bytecode_is_believed_of_a_copy_as_well(cache: Cache) -> None:
    stock(cache, DEMO)
    compile_now(cache, HOST, [DEMO.sha256])

    with linked(cache, DEMO, link=no_links(errno.EXDEV)) as environment:
        argv = [str(environment.python), "-I", "-v", "-c", "import demo"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    assert f"{environment.path / SITE}/demo/__init__.py" in said
    assert "# wrote " not in said


def test_what_is_compiled_is_not_compiled_again(cache: Cache) -> None:
    stock(cache, DEMO)
    compile_now(cache, HOST, [DEMO.sha256, "0" * 64])
    folder = cache.wheels / DEMO.sha256 / python_name(HOST)
    before = folder.stat().st_ino

    compile_now(cache, HOST, [DEMO.sha256])

    assert folder.stat().st_ino == before
    assert [path.name for path in cache.wheels.iterdir()] == [DEMO.sha256]


def test_wheels_without_bytecode_are_told_to_whoever_compiles(cache: Cache) -> None:
    stock(cache, DEMO, OTHER)
    compile_now(cache, HOST, [OTHER.sha256])
    told: list[tuple[Interpreter, Sequence[str]]] = []
    installer = StoreInstaller(cache, compile_wheels=lambda _, python, wheels: told.append((python, wheels)))

    open_environment(cache, HOST, [pin_of(DEMO), pin_of(OTHER)], installer).close()

    assert told == [(HOST, [DEMO.sha256])]


def test_whoever_compiles_is_no_child_of_ours_and_holds_nothing_of_ours(cache: Cache, tmp_path: Path) -> None:
    cache.prepare()
    pipe, python = tmp_path / "pipe", tmp_path / "python"
    os.mkfifo(pipe)
    python.write_text(f'#!/bin/sh\n{{ echo "$@"; ls -l /dev/fd/; ps -o ppid=,sid= $$; }} > {pipe}\n', "utf-8")
    python.chmod(0o755)

    with (tmp_path / "held").open("w"):
        compile_in_background(cache, replace(HOST, executable=python), ["0" * 64])
        started, *said = pipe.read_text("utf-8").splitlines()

    work = [cache.wheels, cache.leases / "wheels", python_name(HOST), "0" * 64]
    assert started == " ".join(map(str, ["-I", "-S", bytecode.__file__, *work]))
    assert not any("held" in line for line in said)
    parent, session = map(int, said[-1].split())
    assert parent != os.getpid()
    assert session != os.getsid(0)


def test_bytecode_of_a_prerelease_is_nobody_elses() -> None:
    names = [python_name(replace(HOST, version=Version(text))) for text in ("3.14.1", "3.14.2", "3.15.0a1")]

    assert names == ["cpython-3.14", "cpython-3.14", "cpython-3.15.0a1"]


def test_an_executable_of_a_wheel_stays_one(cache: Cache) -> None:
    tool = repacked(DEMO, adding("demo/tool", b"#!/bin/sh\necho tool\n", EXECUTABLE))
    stock(cache, tool)

    with linked(cache, tool) as environment:
        assert output(environment.path / SITE / "demo/tool") == "tool\n"
