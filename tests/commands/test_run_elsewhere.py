from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.caches import age
from support.cli import NOT_STARTED, SECONDS, Cli, Done, command
from support.index import Index
from support.scripts import RICH_SHOWN, script
from support.site import Site
from support.wheels import wheel

WHERE = """
import os, sys
print(sys.argv, globals().get("__file__"), sys.path[0])
print(repr(sys.stdin.read()))
"""
BASH = shutil.which("bash")
SMALL = script(body=WHERE)
"""A script that needs no packages, and says where it finds itself."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server without pages."""
    with Site() as opened:
        yield opened


def test_a_script_on_standard_input_runs_with_its_pins(ready: Path, cli: Cli, packages: Index) -> None:
    packages.break_down()

    done = cli("run", "-", stdin=ready.read_text())

    assert done == Done(code=0, out=RICH_SHOWN, err="")


def test_a_script_on_standard_input_sees_what_python_would_show_it(cli: Cli) -> None:
    done = cli("run", "-", "a b", "--python", "-", stdin=SMALL)
    plain = subprocess.run(
        [sys.executable, "-", "a b", "--python", "-"],
        input=SMALL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    assert done == Done(code=0, out=plain.stdout, err="")


def test_standard_input_has_nothing_to_do_with_a_file_of_that_name(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "-").write_text(script(settings=["required = true"]))

    done = cli("run", "-", stdin=SMALL)
    cli("sync", "-", stdin=SMALL)
    file = cli("run", "./-")

    assert done.code == 0
    assert (file.code, "carries no lock" in file.err) == (NOT_STARTED, True)


def test_trouble_with_standard_input_names_the_line(cli: Cli) -> None:
    done = cli("run", "-", stdin='# /// script\n# dependencies = ["rich"\n# ///\n')

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert done.err.startswith("scriptlock: -:2: ")


@pytest.mark.parametrize(("redirection", "why"), [("<&-", "it is closed"), ("0>file", "Bad file descriptor")])
def test_standard_input_that_cannot_be_read_is_told(tmp_path: Path, redirection: str, why: str) -> None:
    argv = ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *command("run", "-")]

    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert (done.returncode, done.stdout) == (NOT_STARTED, "")
    assert done.stderr == f"scriptlock: -: standard input cannot be read: {why}\n"


def test_a_script_on_standard_input_without_a_lock_is_resolved_once(packages: Index, cli: Cli) -> None:
    first = cli("run", "-", stdin=script("rich"))
    packages.break_down()
    packages.add(wheel("idna", "3.20"))
    second = cli("run", "-", stdin=script("rich"))

    assert [first, second] == [Done(code=0, out=RICH_SHOWN, err="")] * 2


def test_a_stale_script_on_standard_input_gets_a_cached_lock(ready: Path, packages: Index, cli: Cli) -> None:
    stale = ready.read_text().replace('"rich"', '"idna"', 1)

    first = cli("run", "-", stdin=stale)
    packages.break_down()
    second = cli("run", "-", stdin=stale)

    assert [first, second] == [Done(code=0, out="idna 3.19\n", err="")] * 2


def test_nothing_of_standard_input_stays_behind(cli: Cli, tmp_path: Path) -> None:
    cli("run", "-", stdin=f"{SMALL}# a secret\n")
    cache = Path(os.environ["SCRIPTLOCK_CACHE_DIR"])

    found = [path for path in cache.rglob("*") if path.is_file() and b"a secret" in path.read_bytes()]

    assert found == []


@pytest.mark.skipif(BASH is None, reason="only some shells can do that")
def test_a_pipe_of_the_shell_is_a_script_and_standard_input_stays_the_script_s_own(
    tmp_path: Path, ready: Path
) -> None:
    ready.write_text(
        f"{ready.read_text()}\nimport sys\nprint(repr(sys.stdin.read()), sys.argv[1:], sys.path[0])\n"
    )
    line = 'echo text | "$@" run <(cat report.py) --fast'

    done = subprocess.run(
        [str(BASH), "-c", line, "bash", *command()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    # Nothing that others may write to is on its path.
    root = "/" if sys.platform == "linux" else "/dev/fd"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{RICH_SHOWN}'text\\n' ['--fast'] {root}\n"


def test_a_script_from_a_url_is_fetched_once(ready: Path, site: Site, packages: Index, cli: Cli) -> None:
    url = site.put("/tools/report.py?raw=1", ready.read_text())
    site.pages["/tools/report.py"] = site.pages.pop("/tools/report.py?raw=1")

    first = cli("run", url)
    site.put("/tools/report.py", "print('another')\n")
    second, offline = cli("run", url), cli("run", "--offline", url)
    site.break_down()
    third = cli("run", url)

    assert [first, second, offline, third] == [Done(code=0, out=RICH_SHOWN, err="")] * 4
    assert site.requests == ["/tools/report.py?raw=1"]


def test_a_script_from_a_url_lies_in_a_folder_of_its_own(site: Site, cli: Cli) -> None:
    done = cli("run", site.put("/tools/where.py", SMALL), "--fast", stdin="text")

    words, said = done.out.splitlines()
    copy = Path(eval(words.partition("]")[0] + "]")[0])  # noqa: S307 - the list that it printed
    assert (done.code, done.err, said) == (0, "", "'text'")
    assert words == f"{[str(copy), '--fast']} {copy} {copy.parent}"
    assert (copy.name, list(copy.parent.iterdir())) == ("where.py", [copy])
    assert copy.is_relative_to(os.environ["SCRIPTLOCK_CACHE_DIR"])


def test_refresh_looks_again_and_fetches_only_what_changed(site: Site, cli: Cli) -> None:
    url = site.put("/a.py", "print(1)\n")

    said = [cli("run", url).out, cli("run", "--refresh", url).out]
    site.put("/a.py", "print(2)\n")
    said += [cli("run", url).out, cli("run", "--refresh", url).out, cli("run", url).out]

    assert said == ["1\n", "1\n", "1\n", "2\n", "2\n"]
    assert [(asked.status, "if-none-match" in asked.headers) for asked in site.log] == [
        (200, False),
        (304, True),
        (200, True),
    ]


def test_prune_leaves_what_is_known_of_a_script_that_stays(site: Site, cli: Cli) -> None:
    url = site.put("/a.py", "print(1)\n")
    cli("run", url)
    for path in Path(os.environ["SCRIPTLOCK_CACHE_DIR"], "v1", "fetched").iterdir():
        age(path, 40)

    pruned = cli("cache", "prune")
    cli("run", "--refresh", url)

    assert pruned == Done(code=0, out="nothing to remove\n", err="")
    assert [asked.status for asked in site.log] == [200, 304]


def test_a_failed_refresh_is_an_error_and_keeps_what_was_there(site: Site, cli: Cli) -> None:
    url = site.put("/a.py", "print(1)\n")
    cli("run", url)
    site.break_down()

    failed, after = cli("run", "--refresh", url), cli("run", url)

    assert (failed.code, failed.out) == (NOT_STARTED, "")
    assert failed.err == f"scriptlock: {url}: {url} answered with status 503\n"
    assert after == Done(code=0, out="1\n", err="")


def test_a_stale_script_from_a_url_is_never_written_to(
    ready: Path, site: Site, packages: Index, cli: Cli
) -> None:
    url = site.put("/stale.py", ready.read_text().replace('"rich"', '"idna"', 1))
    cli("run", url)
    packages.break_down()

    done = cli("run", url)
    locked = cli("run", "--locked", url)

    assert done == Done(code=0, out="idna 3.19\n", err="")
    assert (locked.code, "+idna -rich" in locked.err) == (NOT_STARTED, True)


def test_a_script_from_a_url_can_be_prepared_and_leave_nothing(site: Site, cli: Cli, tmp_path: Path) -> None:
    url = site.put("/a.py", "print(1)\n")

    fresh = {"SCRIPTLOCK_CACHE_DIR": str(tmp_path / "cache")}
    once = cli("run", "--no-cache", url, env=fresh)
    nothing = not (tmp_path / "cache").exists()
    synced = cli("sync", url)
    site.break_down()

    assert (once, nothing) == (Done(code=0, out="1\n", err=""), True)
    assert (synced.code, cli("run", url).out) == (0, "1\n")


def test_user_and_password_of_a_url_are_used_and_never_shown(cli: Cli, tmp_path: Path) -> None:
    with Site(credentials=("me", "s3cret")) as site:
        site.put("/a.py", "import sys\nprint(sys.argv, *sys.orig_argv)\n")
        right, wrong = site.at("/a.py", user="me:s3cret@"), site.at("/a.py", user="me:wr0ng@")

        done, refused = cli("run", right), cli("run", "--refresh", wrong)

    shown = f"http://****@127.0.0.1:{site.port}/a.py"
    assert (done.code, done.err) == (0, "")
    assert refused.err.startswith(f"scriptlock: {shown}: {shown} answered with status 401\n")
    said = [done.out, refused.err, refused.out]
    cache = Path(os.environ["SCRIPTLOCK_CACHE_DIR"])
    said += [
        path.read_bytes().decode("latin-1")
        for path in (cache / "v1" / "fetched").rglob("*.*")
        if path.is_file()
    ]
    assert not [text for text in said if "s3cret" in text or "wr0ng" in text]


def test_a_password_goes_to_no_other_server(cli: Cli) -> None:
    with Site() as other, Site() as site:
        target = other.put("/b.py", "print(2)\n")
        site.redirect("/a.py", target)

        done = cli("run", site.at("/a.py", user="me:s3cret@"))

    assert done == Done(code=0, out="2\n", err="")
    assert "authorization" in site.log[0].headers
    assert "authorization" not in other.log[0].headers


def test_a_url_leads_to_no_file_of_this_machine(site: Site, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("print('here')\n")
    url = site.redirect("/a.py", (tmp_path / "secret.py").as_uri())

    done = cli("run", url)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert done.err == f"scriptlock: {url}: {url} redirects too often, or to what is no web address\n"


def test_redirects_that_lead_nowhere_come_to_an_end(site: Site, cli: Cli) -> None:
    url = site.redirect("/a.py", site.at("/a.py"))

    done = cli("run", url)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert done.err == f"scriptlock: {url}: {url} redirects too often, or to what is no web address\n"


def test_a_web_page_about_a_script_is_no_script(site: Site, cli: Cli) -> None:
    url = site.put("/a.py", "<html>", kind="text/html; charset=utf-8")

    done = cli("run", url)

    assert done == Done(
        code=NOT_STARTED,
        out="",
        err=f"scriptlock: {url}: {url} is a web page, not a script\nhint: give the address of the raw file\n",
    )


def test_what_is_not_there_is_said_to_be_missing(site: Site, cli: Cli) -> None:
    url = site.at("/gone.py")

    done = cli("run", url)

    assert (done.code, done.out) == (NOT_STARTED, "")
    assert done.err == f"scriptlock: {url}: {url} answered with status 404\nhint: check the address\n"


def test_a_proxy_of_the_environment_is_used(site: Site, cli: Cli) -> None:
    site.put("/a.py", "print(1)\n")
    proxied = {"http_proxy": f"http://127.0.0.1:{site.port}", "no_proxy": "", "NO_PROXY": ""}

    done = cli("run", "http://nowhere.invalid/a.py", env=proxied)

    assert done == Done(code=0, out="1\n", err="")
