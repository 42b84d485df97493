from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.caches import Shelf, age
from support.cli import IN_A_GONE_FOLDER, NOT_STARTED, Cli, Done, command, powerless
from support.index import Index
from support.scripts import RICH_SHOWN, SHOW, script

VERBS = ("list", "prune", "protect", "unprotect", "remove", "clean", "dir", "size", "verify")
SERVER = """
import sys
print("ready", flush=True)
sys.stdin.readline()
import rich
print(rich.__version__)
"""
"""A body that imports something late."""


@pytest.fixture
def root() -> Path:
    return Path(os.environ["SCRIPTLOCK_CACHE_DIR"])


@pytest.fixture
def ran(locked: Path, cli: Cli) -> Path:
    """A script with an environment of its own."""
    assert cli("sync", locked).code == 0
    return locked


def listed(cli: Cli) -> list[dict[str, Any]]:
    """Return what the cache holds."""
    done = cli("cache", "list", "--json")
    assert (done.code, done.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


@contextmanager
def serving(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a script that runs until it is told to go on."""
    path.write_text(path.read_text().replace(SHOW, SERVER))
    running = subprocess.Popen(command("run", path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running


def finish(running: subprocess.Popen[str]) -> str:
    """Let it go on, and return what it says at the end."""
    out, _ = running.communicate("go\n", timeout=60)
    return out


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_has_an_example(cli: Cli, verb: str) -> None:
    done = cli("cache", verb, "--help")

    assert (done.code, done.err) == (0, "")
    assert f"scriptlock cache {verb}" in done.out


def test_an_empty_cache_is_listed_as_nothing_and_not_made(cli: Cli, root: Path) -> None:
    assert cli("cache", "list") == Done(code=0, out="", err="")
    assert listed(cli) == []
    assert cli("cache", "dir") == Done(code=0, out=f"{root}\n", err="")
    assert cli("cache", "size").out == "      0 B  in all\n"
    assert cli("cache", "verify") == Done(code=0, out="", err="")
    assert not root.exists()


def test_the_list_says_what_there_is_and_who_uses_it(ran: Path, tmp_path: Path, cli: Cli, root: Path) -> None:
    copy, gone = tmp_path / "copy.py", tmp_path / "gone.py"
    for path in (copy, gone):
        shutil.copy(ran, path)
        cli("run", path)
    gone.unlink()
    cli("cache", "protect", copy)

    (entry,) = listed(cli)
    head, *rows = cli("cache", "list").out.splitlines()

    assert re.fullmatch("[0-9a-f]{24}/[0-9a-f]{24}", entry["key"])
    assert Path(entry["path"]) == root / "v1" / "environments" / entry["key"]
    assert (entry["ready"], entry["packages"], entry["pids"]) == (True, ["idna==3.19", "rich==15.0.0"], [])
    assert [(use["path"], use["fate"], use["protected"], use["lock"]) for use in entry["scripts"]] == [
        (str(copy), "there", True, None),
        (str(gone), "gone", False, None),
        (str(ran), "there", False, None),
    ]
    assert head.split("  ")[0] == "KEY"
    assert head.split()[-1] == "SCRIPTS"
    assert rows[0].split()[0] == f"{entry['key'][:4]}/{entry['key'][25:33]}"
    assert [row.split("/", 2)[-1] if row == rows[0] else row.strip() for row in rows[1:]] == [
        f"{gone} (gone)",
        str(ran),
    ]
    assert rows[0].endswith(f"{copy} (protected)")


def test_a_running_script_is_listed_with_its_process(ran: Path, cli: Cli) -> None:
    with serving(ran) as running:
        (entry,) = listed(cli)
        finish(running)

    assert entry["pids"] == [running.pid]


def test_prune_is_done_at_once_beside_a_script_that_runs_for_ever(
    ran: Path, tmp_path: Path, packages: Index, cli: Cli
) -> None:
    idle = tmp_path / "idle.py"
    idle.write_text(script("idna"))
    cli("run", idle)
    idle.unlink()

    with serving(ran) as running:
        done = cli("cache", "prune", "--older-than", "0h", "--json")
        out = finish(running)

    told = json.loads(done.out)
    assert (done.code, out) == (0, "15.0.0\n")
    assert [one["why"] for one in told["removed"] if one["kind"] == "environment"] == [
        "the scripts that used it are gone"
    ]
    assert [(one["why"], one["pids"]) for one in told["kept"]] == [("it is in use", [running.pid])]
    (left,) = listed(cli)
    assert left["packages"] == ["idna==3.19", "rich==15.0.0"]


def test_a_script_that_moved_is_known_after_its_next_run_and_nothing_is_built(
    ran: Path, tmp_path: Path, packages: Index, cli: Cli
) -> None:
    cli("run", ran)
    moved = tmp_path / "elsewhere.py"
    ran.rename(moved)
    packages.break_down()

    before = cli("cache", "prune", "--dry-run")
    done = cli("run", moved)
    after = cli("cache", "prune")

    assert before.out.startswith("would remove ")
    assert (done.code, done.err, after.out) == (0, "", "nothing to remove\n")
    (entry,) = listed(cli)
    assert [(use["path"], use["fate"]) for use in entry["scripts"]] == [
        (str(moved), "there"),
        (str(ran), "gone"),
    ]


def test_a_link_to_a_script_registers_the_script(ran: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "link.py").symlink_to(ran)

    cli("run", tmp_path / "link.py")

    (entry,) = listed(cli)
    assert [use["path"] for use in entry["scripts"]] == [str(ran)]


def test_a_script_without_a_lock_keeps_its_cached_one(
    report: Path, packages: Index, cli: Cli, root: Path
) -> None:
    cli("run", report)
    (lock,) = (root / "v1" / "locks").glob("*.py")
    age(lock, 400)

    cli("cache", "prune", "--older-than", "0h")
    kept = lock.exists()
    report.unlink()
    cli("cache", "prune")

    assert (kept, lock.exists()) == (True, False)


def test_a_run_with_extra_packages_is_no_use_that_counts(ran: Path, packages: Index, cli: Cli) -> None:
    before = listed(cli)

    assert cli("run", "--with", "idna<4", ran).code == 0

    assert [entry["scripts"] for entry in listed(cli) if entry["scripts"]] == [before[0]["scripts"]]


@pytest.mark.parametrize(
    "option", [("--older-than", "soon"), ("--older-than", "3"), ("--max-size", "much"), ("--max-size", "-1")]
)
def test_ages_and_sizes_that_make_no_sense_exit_2(cli: Cli, option: tuple[str, str], root: Path) -> None:
    done = cli("cache", "prune", *option)

    assert (done.code, done.out, root.exists()) == (2, "", False)
    assert option[1] in done.err


def test_a_script_that_is_nowhere_cannot_be_protected(tmp_path: Path, cli: Cli) -> None:
    done = cli("cache", "protect", tmp_path / "nowhere.py")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scriptlock: there is no script {tmp_path / 'nowhere.py'}, ")


def test_damage_is_found_said_and_repaired_at_the_next_run(ran: Path, cli: Cli) -> None:
    (entry,) = listed(cli)
    (site,) = Path(entry["path"]).glob("lib/*/site-packages")
    module = site / "rich" / "__init__.py"
    module.chmod(0o644)
    module.write_text("raise SystemExit('damaged')\n")
    (site / "stranger.py").touch()

    found = cli("cache", "verify", ran)
    marked = cli("cache", "verify", "--repair", "--json")
    again = cli("cache", "verify")
    ran_again = cli("run", ran)
    repaired = cli("cache", "verify")

    inside = f"lib/{site.parent.name}/site-packages"
    assert found.code == 1
    assert found.out.splitlines()[1:3] == [
        f"  {inside}/rich/__init__.py was changed",
        f"  {inside}/stranger.py belongs to no package",
    ]
    assert (marked.code, json.loads(marked.out)[0]["repaired_at_next_run"]) == (1, True)
    assert again == Done(code=0, out="", err="")
    assert ran_again.out == "idna 3.19\nrich 15.0.0\n"
    assert (repaired.code, repaired.out.count("as it was built")) == (0, 1)


def test_an_environment_without_its_python_is_told_how_to_be_repaired(ran: Path, cli: Cli) -> None:
    (entry,) = listed(cli)
    (Path(entry["path"]) / "bin" / "python").unlink()

    broken = cli("run", ran)
    marked = cli("cache", "verify", "--repair")
    repaired = cli("run", ran)

    assert (broken.code, broken.err.splitlines()) == (
        NOT_STARTED,
        [
            f"scriptlock: {ran}: it cannot be started: No such file or directory",
            "hint: `scriptlock cache verify --repair` has a damaged environment built anew",
        ],
    )
    assert (marked.code, marked.out.splitlines()[1]) == (1, "  bin/python is missing")
    assert repaired == Done(code=0, out=RICH_SHOWN, err="")


def test_an_environment_that_is_none_any_more_is_repaired_at_the_next_run(ran: Path, cli: Cli) -> None:
    (entry,) = listed(cli)
    (Path(entry["path"]) / "pyvenv.cfg").unlink()

    broken = cli("run", ran)
    marked = cli("cache", "verify", "--repair")
    repaired = cli("run", ran)

    assert RICH_SHOWN not in broken.out
    assert (marked.code, marked.out.splitlines()[1]) == (1, "  pyvenv.cfg is missing")
    assert repaired == Done(code=0, out=RICH_SHOWN, err="")


def test_a_cache_that_cannot_be_written_still_runs_what_is_ready(ran: Path, cli: Cli, root: Path) -> None:
    cli("run", ran)
    before = sorted(path for path in root.rglob("*"))
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)

    try:
        warm = cli("run", ran, under=powerless())
        slow = cli("sync", ran, under=powerless())
        pruned = cli("cache", "prune", "--older-than", "0h", under=powerless())
        listing = cli("cache", "list", under=powerless())
    finally:
        for path in [root, *root.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o200)

    assert (warm.code, warm.out, warm.err) == (0, "idna 3.19\nrich 15.0.0\n", "")
    assert (slow.code, slow.err, listing.code) == (0, "", 0)
    assert (pruned.code, pruned.out) == (2, "")
    assert "cannot be removed: Permission denied" in pruned.err
    assert sorted(path for path in root.rglob("*")) == before


@pytest.mark.parametrize("words", [("list",), ("size",), ("verify",), ("verify", "--repair"), ("prune",)])
def test_a_cache_that_cannot_be_looked_into_is_said_to_be_so(
    root: Path, cli: Cli, words: tuple[str, ...]
) -> None:
    root.mkdir(mode=0)
    locked_out = cli("cache", *words, under=powerless())
    root.rmdir()
    root.touch(mode=0o600)
    no_folder = cli("cache", *words)

    for done in (locked_out, no_folder):
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 2)
        assert done.err.startswith(f"scriptlock: the cache {root} ")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """The cache that the command uses, filled without it."""
    shelf = Shelf(tmp_path / "shelf")
    monkeypatch.setenv("SCRIPTLOCK_CACHE_DIR", str(shelf.cache.root))
    return shelf


@contextmanager
def using(shelf: Shelf) -> Iterator[int]:
    """Let a process hold the lease of the only environment, and give its pid."""
    with shelf.open() as environment:
        user = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[environment.lease.descriptor])
    with user:
        yield user.pid


def test_prune_says_what_it_did(shelf: Shelf, cli: Cli) -> None:
    key = shelf.add("1.0", "a.py")
    shelf.delete("a.py")

    dry = cli("cache", "prune", "--dry-run").out.splitlines()
    wet = cli("cache", "prune").out.splitlines()

    assert dry[0].startswith(f"would remove {key} (")
    assert dry[0].endswith("): the scripts that used it are gone")
    assert dry[-1].endswith(" would be free")
    assert wet[0] == dry[0].replace("would remove", "removed")
    assert wet[-1].endswith(" free")
    assert cli("cache", "prune") == Done(code=0, out="nothing to remove\n", err="")


def test_a_size_limit_counts_more_than_scripts(shelf: Shelf, cli: Cli) -> None:
    key = shelf.add("1.0", "a.py")

    roomy = cli("cache", "prune", "--max-size", "1GB")
    narrow = cli("cache", "prune", "--max-size", "0")

    assert roomy.out == "nothing to remove\n"
    assert narrow.out.startswith(f"removed {key} (")
    assert "): the cache is too large\n" in narrow.out
    assert shelf.keys == set()


@pytest.mark.parametrize("place", ["memo/0123", "scripts/0123.json", "environments/01/23/scriptlock.json"])
def test_prune_waits_for_nobody_behind_a_pipe_in_the_cache(shelf: Shelf, cli: Cli, place: str) -> None:
    path = shelf.cache.root / "v1" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)

    done = cli("cache", "prune")

    assert (done.code, done.err) == (0, "")


def test_a_protected_script_loses_nothing_until_that_is_taken_back(shelf: Shelf, cli: Cli) -> None:
    key = shelf.add("1.0", "a.py")
    path = shelf.scripts / "a.py"
    assert cli("cache", "protect", path) == Done(code=0, out="", err="")
    shelf.delete("a.py")

    pruned = cli("cache", "prune", "--older-than", "0h")
    removed = cli("cache", "remove", path)
    cleaned = cli("cache", "clean")

    assert pruned.out == "nothing to remove\n"
    assert (removed.code, removed.out) == (2, "")
    assert removed.err == f"scriptlock: {key} is protected\nhint: run `scriptlock cache unprotect` first\n"
    assert f"kept {key}: it is protected\n" in cleaned.out
    assert cli("cache", "unprotect", path) == Done(code=0, out="", err="")
    assert cli("cache", "unprotect", path).err == f"scriptlock: {path} is not protected\n"
    assert (cli("cache", "remove", path).code, shelf.keys) == (0, set())


def test_protection_that_cannot_be_written_is_said_to_be_so(shelf: Shelf, cli: Cli) -> None:
    shelf.add("1.0", "a.py")
    path = shelf.scripts / "a.py"
    cli("cache", "protect", path)
    shelf.cache.scripts.chmod(0o500)

    given = cli("cache", "protect", path, under=powerless())
    taken = cli("cache", "unprotect", path, under=powerless())

    assert given == Done(code=2, out="", err=f"scriptlock: {path} cannot be protected: Permission denied\n")
    assert taken == Done(code=2, out="", err=f"scriptlock: {path} stays protected: Permission denied\n")


@pytest.mark.parametrize("name", ["path", "key", "short", "half", "folder", "python"])
def test_an_environment_can_be_named_in_many_ways(shelf: Shelf, cli: Cli, name: str) -> None:
    shelf.add("1.0", "a.py")
    key = shelf.add("2.0", "b.py")
    first, second = key.split("/")
    names: dict[str, str | Path] = {
        "path": shelf.scripts / "b.py",
        "key": key,
        "short": f"{first[:4]}/{second[:8]}",
        "half": second[:6],
        "folder": shelf.entry(key).folder,
        "python": shelf.entry(key).folder / "bin" / "python",
    }

    done = cli("cache", "remove", names[name])

    assert (done.code, done.err, key in shelf.keys, len(shelf.keys)) == (0, "", False, 1)
    assert done.out.startswith(f"removed {key} (")


def test_a_name_that_means_nothing_or_too_much_removes_nothing(shelf: Shelf, cli: Cli) -> None:
    keys = [shelf.add("1.0", "a.py"), shelf.add("2.0", "b.py")]
    shared = os.path.commonprefix(keys)  # noqa: RUF071 - of texts, not of paths

    nothing = cli("cache", "remove", shelf.scripts / "a.py", "nowhere.py")
    much = cli("cache", "remove", f"{shared}")

    assert (nothing.code, nothing.out) == (2, "")
    reason = "no script and no environment of the cache is called nowhere.py"
    assert nothing.err.startswith(f"scriptlock: {reason}\n")
    assert (much.code, much.out, len(shelf.keys)) == (2, "", 2)


@pytest.mark.parametrize("verb", ["protect", "unprotect", "remove", "verify"])
def test_a_working_folder_that_is_gone_is_said_to_be_so(
    shelf: Shelf, tmp_path: Path, cli: Cli, verb: str
) -> None:
    (tmp_path / "gone").mkdir()

    done = cli("cache", verb, "a.py", cwd=tmp_path / "gone", under=IN_A_GONE_FOLDER)

    assert done == Done(
        code=2, out="", err="scriptlock: the working folder is gone\nhint: change to another one\n"
    )


def test_what_is_in_use_is_not_removed_and_its_user_is_named(shelf: Shelf, cli: Cli) -> None:
    key = shelf.add("1.0", "a.py")

    with using(shelf) as pid:
        removed = cli("cache", "remove", shelf.scripts / "a.py")
        cleaned = cli("cache", "clean")
        forced = cli("cache", "clean", "--force")

    kept = f"kept {key}: it is in use by process {pid}\n"
    assert (removed.code, removed.out) == (2, kept)
    assert (cleaned.code, cleaned.out.startswith(kept)) == (0, True)
    assert forced.out.splitlines()[0].endswith(f"; it was in use by process {pid}")
    assert shelf.keys == set()


def test_the_size_is_that_of_all_files(shelf: Shelf, cli: Cli) -> None:
    shelf.add("1.0", "a.py")
    (shelf.cache.wheels / "file").write_bytes(bytes(2000))
    (shelf.cache.http / "twin").hardlink_to(shelf.cache.wheels / "file")

    told = json.loads(cli("cache", "size", "--json").out)

    found = [path.lstat() for path in (shelf.cache.root / "v1").rglob("*")]
    files = {status.st_ino: status.st_size for status in found if not stat.S_ISDIR(status.st_mode)}
    assert told["total"] == sum(files.values()) == sum(told["folders"].values())
    assert (told["folders"]["wheels"], told["folders"]["http"]) == (2000, 0)
    shown = cli("cache", "size").out.splitlines()
    assert "   2.0 kB  wheels" in shown
    assert shown[-1].endswith("  in all")


def test_an_environment_that_is_as_it_was_built_is_sound(shelf: Shelf, cli: Cli) -> None:
    shelf.add("1.0", "a.py")

    done = cli("cache", "verify")

    assert (done.code, done.err) == (0, "")
    assert re.fullmatch("[0-9a-f]{4}/[0-9a-f]{8}: as it was built\n", done.out)


def test_what_is_damaged_and_in_use_is_left_to_its_user(shelf: Shelf, cli: Cli) -> None:
    key = shelf.add("1.0", "a.py")
    (site,) = shelf.entry(key).folder.glob("lib/*/site-packages")
    (site / "stranger.py").touch()

    with using(shelf) as pid:
        done = cli("cache", "verify", "--repair", shelf.scripts / "a.py")

    head, finding, kept = done.out.splitlines()
    assert (done.code, head) == (1, f"{key[:4]}/{key[25:33]}: damaged")
    assert finding.endswith("stranger.py belongs to no package")
    assert kept == f"kept {key}: it is in use by process {pid}"
    assert shelf.entry(key).is_ready


def test_a_result_that_cannot_be_written_is_said_to_be_so(shelf: Shelf) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("cache", "dir"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (done.returncode, done.stderr) == (
        2,
        "Error: the result cannot be written: No space left on device\n",
    )


def test_trouble_that_cannot_be_told_ends_the_command_as_always() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("cache", "remove", "nowhere.py"), stdout=subprocess.PIPE, stderr=full, check=False
        )

    assert (done.returncode, done.stdout) == (2, b"")
