from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import settings

from support.cli import powerless
from support.index import Index, nothing_listens
from support.pages import JSON
from support.wheels import sdist, wheel

pytestmark = pytest.mark.usefixtures("unmeasured")

PIP = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]


def install(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run pip install into a folder, with nothing but what the environment configures."""
    command = [*PIP, "install", "-q", "--target", str(folder), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def fetch(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers in lower case and body of an answer, whatever the status."""
    asked = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            status, told, body = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, told, body = error.code, error.headers, error.read()
    return status, {name.lower(): value for name, value in told.items()}, body


def files_of(index: Index) -> str:
    """Return the address of the folder of files."""
    return index.url.removesuffix("simple/") + "files/"


@pytest.mark.parametrize("html", [False, True])
def test_pip_installs_a_wheel_and_what_it_requires(index: Index, tmp_path: Path, *, html: bool) -> None:
    index.html = html
    index.add(
        wheel("Left.Pad", "1.0", requires=["right-pad>=2"]),
        wheel("right-pad", "2.1", requires_python=">=3.8"),
    )

    done = install(tmp_path, "left-pad")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "left_pad" / "__init__.py").read_text() == '__version__ = "1.0"\n'
    assert sorted(found.name for found in tmp_path.glob("*.dist-info")) == [
        "left_pad-1.0.dist-info",
        "right_pad-2.1.dist-info",
    ]
    assert sorted(index.requests) == [
        "/files/left_pad-1.0-py3-none-any.whl",
        "/files/left_pad-1.0-py3-none-any.whl.metadata",
        "/files/right_pad-2.1-py3-none-any.whl",
        "/files/right_pad-2.1-py3-none-any.whl.metadata",
        "/simple/left-pad/",
        "/simple/right-pad/",
    ]


@pytest.mark.parametrize("static", [False, True])
def test_pip_builds_a_source_distribution_without_any_other_package(
    index: Index, tmp_path: Path, *, static: bool
) -> None:
    seen = tmp_path / "seen"
    index.add(sdist("a", "1.0", static=static, on_build=f"open({str(seen)!r}, 'w').close()"))

    done = install(tmp_path / "out", "a")

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "a" / "__init__.py").exists()
    assert seen.exists()
    assert index.requests == ["/simple/a/", "/files/a-1.0.tar.gz"]


def test_extras_and_entry_points_are_pip_s_to_see(index: Index, tmp_path: Path) -> None:
    files = {"a.py": "def main():\n    print('hello')\n"}
    index.add(
        wheel(
            "a",
            "1",
            files=files,
            entry_points={"hello": "a:main"},
            extras={"more": ["b; sys_platform != 'x'"]},
        ),
        wheel("b", "1"),
    )

    done = install(tmp_path, "a[more]")

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "b").is_dir()
    assert (tmp_path / "bin" / "hello").exists()


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert wheel("a", "1", requires=["b"]) == wheel("a", "1", requires=["b"])
    assert sdist("a", "1", requires=["b"]) == sdist("a", "1", requires=["b"])
    assert wheel("a", "1").sha256 != wheel("a", "1", requires=["b"]).sha256


def test_a_page_tells_what_the_public_index_tells() -> None:
    old, new = wheel("a", "1.0"), wheel("a", "1.10", requires_python=">=3.8", tag="cp311-cp311-linux_x86_64")
    with Index() as index:
        index.add(new, upload_time="2026-02-03T04:05:06Z")
        index.add(old, yanked="broken")

        status, headers, body = fetch(index.url + "a/", Accept=f"{JSON}, text/html;q=0.1")

    page = json.loads(body)
    assert (status, headers["content-type"], headers["cache-control"]) == (200, JSON, "max-age=600, public")
    assert page["versions"] == ["1.0", "1.10"]
    assert [sorted(row) for row in page["files"]] == [
        "core-metadata filename hashes requires-python size upload-time url yanked".split(),
        "core-metadata filename hashes size upload-time url yanked".split(),
    ]
    assert page["files"][0]["upload-time"] == "2026-02-03T04:05:06Z"
    assert page["files"][0]["hashes"] == {"sha256": new.sha256}
    assert page["files"][1]["yanked"] == "broken"


def test_a_plain_index_tells_less() -> None:
    with Index(html=True, metadata=False, hashes=False) as index:
        index.add(wheel("a", "1", requires_python=">=3.8"), yanked=True)

        _, headers, body = fetch(index.url + "a/", Accept=JSON)

    assert headers["content-type"] == "text/html; charset=utf-8"
    row = '<a href="../../files/a-1-py3-none-any.whl" data-requires-python="&gt;=3.8" data-yanked="">'
    assert row in body.decode()


def test_unknown_names_are_not_found(index: Index, tmp_path: Path) -> None:
    index.add(wheel("a", "1"), wheel("a", "2"), wheel("b", "1"))
    index.remove("a", "2")
    index.remove("b")

    assert fetch(index.url + "b/")[0] == 404
    assert fetch(files_of(index) + "a-2-py3-none-any.whl")[0] == 404
    assert fetch(index.url + "a/")[0] == 200
    assert "No matching distribution found for b" in install(tmp_path, "b").stderr
    assert [asked.status for asked in index.log] == [404, 404, 200, 404]


def test_a_private_index_opens_only_to_its_credentials(tmp_path: Path) -> None:
    with Index(credentials=("me", "s3cret")) as index:
        index.add(wheel("a", "1"))

        without = install(tmp_path, "--no-input", "--index-url", index.url, "a")
        asked = index.count
        inside = install(tmp_path, "--index-url", index.url_with_credentials, "a")

    assert (without.returncode, inside.returncode) == (1, 0)
    assert {entry.status for entry in index.log[:asked]} == {401}
    assert (tmp_path / "a").is_dir()


def test_who_has_the_page_already_is_told_so(index: Index) -> None:
    index.add(wheel("a", "1"))
    tag = fetch(index.url + "a/")[1]["etag"]

    again = fetch(index.url + "a/", If_None_Match=tag)
    index.add(wheel("a", "2"))
    changed = fetch(index.url + "a/", If_None_Match=tag)

    assert (again[0], again[2]) == (304, b"")
    assert changed[0] == 200


def test_pip_fetches_nothing_twice_from_an_index_that_it_trusts(index: Index, tmp_path: Path) -> None:
    index.add(wheel("a", "1"))
    command = [*PIP[:-1], "install", "-q", "--trusted-host", "127.0.0.1", "a", "--target"]
    subprocess.run([*command, tmp_path / "first"], check=True)
    index.reset()

    subprocess.run([*command, tmp_path / "second"], check=True)

    assert [(asked.path, asked.status) for asked in index.log if asked.status != 304] == []


@pytest.mark.parametrize(
    ("wanted", "status", "told"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=2-", 206, slice(2, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=-", 416, slice(0, 0)),
        ("bytes=999999-", 416, slice(0, 0)),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(index: Index, wanted: str, status: int, told: slice) -> None:
    file = wheel("a", "1")
    index.add(file)

    answer = fetch(files_of(index) + file.filename, Range=wanted)

    assert (answer[0], answer[2]) == (status, file.content[told])


def test_it_can_break_down_and_recover(index: Index) -> None:
    index.add(wheel("a", "1"))

    index.break_down()
    broken = fetch(index.url + "a/")[0]
    index.recover()

    assert (broken, fetch(index.url + "a/")[0]) == (503, 200)


def test_the_asker_waits_for_whoever_watches(index: Index) -> None:
    index.on_request = lambda path: index.add(wheel("a", "1"))

    assert fetch(index.url + "a/")[0] == 200


def test_permissions_count_even_for_root(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o444)

    command = [*powerless(), sys.executable, "-c", f"open({str(file)!r}, 'w')"]
    done = subprocess.run(command, capture_output=True, check=False)

    assert b"PermissionError" in done.stderr


def test_nothing_listens_where_nothing_listens() -> None:
    with nothing_listens() as url, pytest.raises(urllib.error.URLError, match="refused"):
        fetch(url)


def test_a_reset_forgets_only_what_was_asked(index: Index) -> None:
    index.add(wheel("a", "1"))
    fetch(index.url)

    index.reset()

    assert (index.count, index.requests, list(index.entries)) == (0, [], ["a"])


def test_a_test_sees_nothing_of_the_machine_s_configuration(index: Index) -> None:
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=True)

    assert listed.stdout.splitlines() == [
        f":env:.config-file={os.devnull!r}",
        f":env:.index-url={index.url!r}",
        ":env:.retries='0'",
    ]
    assert not [name for name in os.environ if name.startswith(("PYTHON", "UV_"))]
    assert Path("~").expanduser() == Path(os.environ["SCRIPTLOCK_CACHE_DIR"]).parent
    assert settings().database is None
