from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from support.cli import Cli, Done, powerless
from support.index import Index, nothing_listens
from support.scripts import edit, script
from support.wheels import sdist, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

FOOTER = "\n\n# >>> scriptlock >>>\n"


def pins(path: Path) -> dict[str, str]:
    """Return the versions that a script's footer pins, as a reader of the text would find them."""
    _, footer = path.read_text().split(FOOTER)
    return dict(re.findall(r'(?m)^# \| ([a-z-]+) = "(\d[^"]*)"$', footer))


def test_lock_prints_the_new_pins_and_writes_them_below_the_script(report: Path, cli: Cli) -> None:
    before = report.read_text()

    done = cli("lock", report)

    assert done == Done(code=0, out="+ idna 3.19\n+ rich 15.0.0\n", err="")
    body, _ = report.read_text().split(FOOTER)
    assert body + "\n" == before or body == before
    assert pins(report) == {"idna": "3.19", "rich": "15.0.0"}


def test_the_footer_has_the_hash_of_each_file(report: Path, index: Index, cli: Cli) -> None:
    cli("lock", report)

    files = [entry.distribution for name in ("idna", "rich") for entry in index.entries[name]]
    assert re.findall(r"sha256:[0-9a-f]{64}", report.read_text()) == [file.hash for file in files]


def test_locking_again_prints_nothing_asks_nobody_and_opens_nothing(
    locked: Path, index: Index, cli: Cli
) -> None:
    index.add(wheel("idna", "3.20"))
    before = (locked.read_bytes(), locked.stat())

    done = cli("lock", locked)

    assert (done, index.requests) == (Done(code=0, out="", err=""), [])
    after = (locked.read_bytes(), locked.stat())
    assert (after[0], after[1].st_ino, after[1].st_mtime_ns) == (
        before[0],
        before[1].st_ino,
        before[1].st_mtime_ns,
    )


def test_a_header_that_is_only_written_differently_is_not_stale(locked: Path, index: Index, cli: Cli) -> None:
    edit(locked, '#   "rich",\n', "#   'Rich', # draws\n")

    assert (cli("lock", locked), index.requests) == (Done(code=0, out="", err=""), [])


def test_a_stale_lock_changes_as_little_as_possible(locked: Path, index: Index, cli: Cli) -> None:
    index.add(wheel("idna", "3.20"), wheel("rich", "15.1.0", requires=["idna"]), wheel("click", "9.0"))
    edit(locked, '"rich"', '"rich", "click"')

    done = cli("lock", locked)

    assert done == Done(code=0, out="+ click 9.0\n", err="")
    assert pins(locked) == {"click": "9.0", "idna": "3.19", "rich": "15.0.0"}


def test_a_pin_that_no_longer_fits_moves_and_one_nobody_wants_goes(
    locked: Path, index: Index, cli: Cli
) -> None:
    index.add(wheel("rich", "15.1.0"), wheel("click", "9.0"))
    edit(locked, '"rich"', '"rich>15.0", "click"')

    done = cli("lock", locked)

    assert done == Done(code=0, out="+ click 9.0\n- idna 3.19\n~ rich 15.0.0 -> 15.1.0\n", err="")


def test_upgrade_forgets_every_pin(locked: Path, index: Index, cli: Cli) -> None:
    index.add(wheel("idna", "3.20"), wheel("rich", "15.1.0", requires=["idna"]))

    done = cli("lock", "--upgrade", locked)

    assert done == Done(code=0, out="~ idna 3.19 -> 3.20\n~ rich 15.0.0 -> 15.1.0\n", err="")


def test_upgrade_of_one_package_leaves_the_others(locked: Path, index: Index, cli: Cli) -> None:
    index.add(wheel("idna", "3.20"), wheel("rich", "15.1.0", requires=["idna"]))

    done = cli("lock", "--upgrade-package", "IDNA", locked)

    assert done == Done(code=0, out="~ idna 3.19 -> 3.20\n", err="")
    assert pins(locked) == {"idna": "3.20", "rich": "15.0.0"}


@pytest.mark.parametrize("option", ["--json", "--dry-run", "--check"])
def test_the_name_of_a_package_that_no_lock_has_is_said(option: str, locked: Path, cli: Cli) -> None:
    wrong = cli("lock", option, "-P", "idnaa", "-P", "rich", locked)
    right = cli("lock", option, "-P", "Idna", locked)

    assert wrong == Done(code=0, out=right.out, err=f"scriptlock: {locked}: its lock has no idnaa\n")
    assert right.err == ""


def test_one_of_several_scripts_may_lack_a_package_that_is_upgraded(
    locked: Path, index: Index, tmp_path: Path, cli: Cli
) -> None:
    other = tmp_path / "other.py"
    other.write_text(script("idna"))

    done = cli("lock", "-P", "idnaa", "-P", "rich", other, locked)

    assert done == Done(
        code=0, out=f"{other}:\n+ idna 3.19\n", err="scriptlock: 2 scripts: their locks have no idnaa\n"
    )


def test_upgrade_with_nothing_newer_leaves_the_file_alone(locked: Path, cli: Cli) -> None:
    before = locked.stat()

    assert cli("lock", "--upgrade", locked) == Done(code=0, out="", err="")
    assert locked.stat().st_mtime_ns == before.st_mtime_ns


def test_dry_run_prints_what_would_change_and_writes_nothing(report: Path, cli: Cli) -> None:
    before = report.read_bytes()

    done = cli("lock", "--dry-run", report)

    assert done == Done(code=0, out="+ idna 3.19\n+ rich 15.0.0\n", err="")
    assert report.read_bytes() == before


@pytest.mark.usefixtures("measured")
def test_check_of_a_fresh_lock_exits_0_without_asking_anybody(locked: Path, index: Index, cli: Cli) -> None:
    assert (cli("lock", "--check", locked), index.requests) == (Done(code=0, out="", err=""), [])


def test_check_of_a_stale_lock_exits_1_says_why_and_writes_nothing(locked: Path, cli: Cli) -> None:
    edit(locked, '"rich"', '"idna"')
    before = locked.read_bytes()

    done = cli("lock", "--check", locked)

    assert (done.code, done.out) == (1, "")
    assert "dependencies changed since locking: +idna -rich" in done.err
    assert locked.read_bytes() == before


def test_check_says_that_a_lock_for_other_hosts_or_another_python_would_change(
    report: Path, cli: Cli
) -> None:
    assert cli("lock", "--environment", "macos", report).code == 0

    uncovered = cli("lock", "--check", report)
    nonsense = cli("lock", "--check", "--python", "nonsense", report)

    assert (uncovered.code, uncovered.out) == (1, "")
    assert "the lock does not cover" in uncovered.err
    assert nonsense.code == 2


def test_a_lock_that_only_covers_more_counts_as_a_change_and_is_said(report: Path, cli: Cli) -> None:
    assert cli("lock", "--here", report).code == 0

    checked = cli("lock", "--check", "--universal", report)
    tried = cli("lock", "--dry-run", "--universal", report)
    done = cli("lock", "--universal", report)
    again = cli("lock", "--check", "--universal", report)

    said = f"scriptlock: {report}: its lock would be refreshed: no pin changed\n"
    assert (checked, tried) == (Done(code=1, out="", err=said), Done(code=0, out="", err=said))
    assert done == Done(code=0, out="", err=said.replace("would be", "was"))
    assert again == Done(code=0, out="", err="")


def test_check_with_upgrade_says_whether_there_is_anything_newer(
    locked: Path, index: Index, cli: Cli
) -> None:
    before = locked.read_bytes()
    nothing = cli("lock", "--check", "--upgrade", locked)
    index.add(wheel("idna", "3.20"))

    newer = cli("lock", "--check", "--upgrade", locked)

    assert (nothing.code, nothing.out) == (0, "")
    assert (newer.code, newer.out) == (1, "~ idna 3.19 -> 3.20\n")
    assert locked.read_bytes() == before


def test_many_scripts_are_locked_in_one_call_and_one_s_trouble_stops_no_other(
    report: Path, tmp_path: Path, cli: Cli
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("# /// script\n# dependencies = 3\n# ///\n")
    other = tmp_path / "other.py"
    other.write_text(script("idna"))

    done = cli("lock", report.name, broken.name, other.name)

    assert done.code == 2
    assert done.out == "report.py:\n+ idna 3.19\n+ rich 15.0.0\nother.py:\n+ idna 3.19\n"
    assert done.err.startswith("scriptlock: broken.py:2: ")
    assert pins(report) | pins(other) == {"idna": "3.19", "rich": "15.0.0"}


@pytest.mark.usefixtures("measured")
def test_locked_only_passes_over_scripts_without_a_lock(
    locked: Path, tmp_path: Path, index: Index, cli: Cli
) -> None:
    bare, required, plain = tmp_path / "bare.py", tmp_path / "required.py", tmp_path / "plain.py"
    bare.write_text(script("idna"))
    required.write_text(script("idna", settings=["required = true"]))
    plain.write_text("print('no header at all')\n")
    before = bare.read_bytes()

    done = cli("lock", "--locked-only", locked, bare, required, plain)

    assert (done.code, done.err) == (0, "")
    assert bare.read_bytes() == before
    assert pins(required) == {"idna": "3.19"}


@pytest.mark.usefixtures("measured")
def test_json_tells_programs_what_people_are_told(report: Path, index: Index, cli: Cli) -> None:
    done = cli("lock", "--json", report.name)

    (result,) = json.loads(done.out)
    assert (done.code, done.err, result["path"], result["written"]) == (0, "", "report.py", True)
    assert result["changes"] == [
        {"name": "idna", "before": [], "after": ["3.19"]},
        {"name": "rich", "before": [], "after": ["15.0.0"]},
    ]
    assert [(pin["name"], pin["version"]) for pin in result["pins"]] == [("idna", "3.19"), ("rich", "15.0.0")]
    assert result["error"] is None


def test_json_tells_what_went_wrong(tmp_path: Path, index: Index, cli: Cli) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("nowhere-to-be-found"))

    done = cli("lock", "--json", path.name)

    (result,) = json.loads(done.out)
    assert (done.code, result["pins"], result["written"]) == (2, [], False)
    assert (result["error"]["kind"], result["error"]["line"]) == ("UnknownPackage", 3)


def test_the_chosen_python_decides(index: Index, tmp_path: Path, cli: Cli) -> None:
    here = "{}.{}".format(*sys.version_info)
    index.add(wheel("a", "1.0"), wheel("a", "2.0", requires_python=f"!={here}.*"))
    path = tmp_path / "a.py"
    path.write_text(script("a"))

    done = cli("lock", "--python", here, "--here", path)

    assert done == Done(code=0, out="+ a 1.0\n", err="")


@pytest.mark.parametrize("python", ["2.3", "/no/such/python"])
def test_a_python_that_is_not_there_is_said_to_be_missing(report: Path, cli: Cli, python: str) -> None:
    done = cli("lock", "--python", python, report)

    assert (done.code, done.out) == (2, "")
    assert python in done.err
    assert "Traceback" not in done.err


def test_an_unknown_package_is_named_with_its_line(index: Index, tmp_path: Path, cli: Cli) -> None:
    index.add(wheel("a", "1"))
    (tmp_path / "a.py").write_text(script("a", "nowhere-to-be-found"))

    done = cli("lock", "a.py")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("scriptlock: a.py:4: ")
    assert "nowhere-to-be-found" in done.err.splitlines()[0]


def test_a_conflict_says_who_wants_what(index: Index, tmp_path: Path, cli: Cli) -> None:
    index.add(wheel("a", "1", requires=["c<2"]), wheel("b", "1", requires=["c>=2"]), wheel("c", "1"))
    index.add(wheel("c", "2"))
    (tmp_path / "a.py").write_text(script("a", "b"))

    done = cli("lock", "a.py")

    assert (done.code, done.out) == (2, "")
    assert "c<2" in done.err
    assert "c>=2" in done.err


def test_a_package_without_a_wheel_is_refused_unless_the_header_allows_it(
    index: Index, tmp_path: Path, cli: Cli
) -> None:
    index.add(sdist("a", "1.0"))
    path = tmp_path / "a.py"
    path.write_text(script("a"))

    refused = cli("lock", path.name)
    path.write_text(script("a", settings=['allow-sdist = ["a"]']))
    allowed = cli("lock", path.name)

    assert (refused.code, refused.out) == (2, "")
    assert "wheel" in refused.err
    assert (allowed.code, allowed.out) == (0, "+ a 1.0\n")
    assert "a 1.0 comes as source" in allowed.err


def test_an_index_that_does_not_answer_is_named(report: Path, cli: Cli) -> None:
    before = report.read_bytes()

    with nothing_listens() as url:
        done = cli("lock", report, env={"PIP_INDEX_URL": url})

    assert (done.code, done.out, report.read_bytes()) == (2, "", before)
    assert url.removesuffix("simple/").removeprefix("http://").rstrip("/") in done.err
    assert "hint: " in done.err


def test_an_index_that_is_out_of_order_is_no_empty_index(report: Path, index: Index, cli: Cli) -> None:
    index.break_down()

    done = cli("lock", "--json", report)

    (result,) = json.loads(done.out)
    assert (done.code, result["error"]["kind"]) == (2, "IndexUnreachable")


def test_the_password_of_an_index_is_used_and_never_shown(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "a.py"
    path.write_text(script("a"))
    with Index(credentials=("me", "s3cret")) as private:
        private.add(wheel("a", "1.0"))
        variables = {"PIP_INDEX_URL": private.url_with_credentials, "PIP_RETRIES": "0"}

        missing = cli("lock", path, env={**variables, "PIP_INDEX_URL": private.url})
        good = cli("lock", path, env=variables)
        private.remove("a")
        gone = cli("lock", "--upgrade", path, env=variables)

    assert (missing.code, good.code, gone.code) == (2, 0, 2)
    assert good.out == "+ a 1.0\n"
    said = missing.out + missing.err + good.err + gone.out + gone.err + path.read_text()
    assert "s3cret" not in said


def test_offline_is_an_error_only_where_something_is_missing(
    locked: Path, tmp_path: Path, index: Index, cli: Cli
) -> None:
    other = tmp_path / "other.py"
    other.write_text(script("idna"))

    fresh = cli("lock", "--offline", locked)
    missing = cli("lock", other, env={"SCRIPTLOCK_OFFLINE": "1"})

    assert (fresh, index.requests) == (Done(code=0, out="", err=""), [])
    assert (missing.code, missing.out) == (2, "")
    assert "offline" in missing.err


@pytest.mark.usefixtures("measured")
def test_a_file_changed_meanwhile_keeps_its_change_and_exits_3(report: Path, index: Index, cli: Cli) -> None:
    edited = script("rich", body="print('edited')\n")
    index.on_request = lambda path: report.write_text(edited)

    done = cli("lock", report)

    assert (done.code, done.out, report.read_text()) == (3, "", edited)
    assert "changed" in done.err


def test_a_file_that_cannot_be_written_is_trouble_and_stays_as_it_was(report: Path, cli: Cli) -> None:
    before = report.read_bytes()
    report.chmod(0o444)
    report.parent.chmod(0o555)

    try:
        done = cli("lock", report, under=powerless())
    finally:
        report.parent.chmod(0o755)

    assert (done.code, done.out, report.read_bytes()) == (2, "", before)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("print('no header')\n", ""),
        ("# /// script\n# dependencies = 'a'\n# ///\n", ":2"),
        ("# /// script\n# dependencies = ['a b c']\n# ///\n", ":2"),
        ("# /// script\n# dependencies = [\n# ///\n", ":"),
        ("# /// script\n# [tool.scriptlock]\n# colour = 1\n# ///\n", ":3"),
        ("# /// script\n# dependencies = []\n# ///\n" * 2, ":"),
        ("# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n", ":5"),
        ("# >>> scriptlock >>>\n", ":1"),
        ("# /// script\n# dependencies = []\n# ///\nx = '\x00'\n", ":4"),
    ],
)
@pytest.mark.usefixtures("measured")
def test_a_script_that_cannot_be_locked_is_one_sentence_with_its_line(
    tmp_path: Path, cli: Cli, text: str, line: str
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(text.encode())

    done = cli("lock", "a.py")

    assert (done.code, done.out, path.read_bytes()) == (2, "", text.encode())
    assert done.err.startswith(f"scriptlock: a.py{line}")
    assert "Traceback" not in done.err


def test_what_is_no_file_is_one_sentence(tmp_path: Path, cli: Cli) -> None:
    missing, folder = cli("lock", "missing.py"), cli("lock", tmp_path)

    assert (missing.code, folder.code) == (2, 2)
    assert missing.err.startswith("scriptlock: missing.py: ")
    assert "Traceback" not in missing.err + folder.err


@pytest.mark.parametrize(
    "name", ["with space.py", "naïve-日本.py", "-dash.py", "no_extension", "a\nb.py", "quo'te\".py"]
)
def test_any_file_name_will_do(report: Path, tmp_path: Path, cli: Cli, name: str) -> None:
    path = tmp_path / name
    shutil.copy(report, path)

    done = cli("lock", "--", name)

    assert (done.code, done.out) == (0, "+ idna 3.19\n+ rich 15.0.0\n")
    assert pins(path) == {"idna": "3.19", "rich": "15.0.0"}


def test_the_working_folder_does_not_matter(report: Path, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("click", "packaging", "pip", "json", "piptools", "tomlkit", "virtualenv"):
        (folder / f"{name}.py").write_text("raise SystemExit('hijacked')\n")
    (folder / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:1/\n")

    done = cli("lock", report, cwd=folder)

    assert done == Done(code=0, out="+ idna 3.19\n+ rich 15.0.0\n", err="")


def test_a_script_without_dependencies_can_be_locked(index: Index, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "a.py"
    path.write_text(script())

    done = cli("lock", path)

    assert (done, index.requests) == (Done(code=0, out="", err=""), [])
    assert FOOTER in path.read_text()


def test_crlf_and_a_byte_order_mark_stay(report: Path, cli: Cli) -> None:
    body = b"\xef\xbb\xbf" + report.read_bytes().replace(b"\n", b"\r\n")
    report.write_bytes(body)

    assert cli("lock", report).code == 0

    after = report.read_bytes()
    assert after.startswith(body)
    assert after.count(b"\n") == after.count(b"\r\n")
