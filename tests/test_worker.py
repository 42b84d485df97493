"""What the worker takes from indexes: files, hashes, versions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import IndexUnreachable, ResolutionError
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Choice, Resolution
from scriptlock.targets import make_target
from support.index import Index
from support.pages import Answer
from support.resolvers import LINUX, WINDOWS, answer_here, request_for, versions
from support.wheels import Distribution, wheel

RESOLVER = PipTools(start=answer_here)
Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Sets options of pip, by their names as variables."""

    def configure(**options: str) -> None:
        for name, value in options.items():
            monkeypatch.setenv(f"PIP_{name.upper()}", value)

    return configure


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the overridden method's name
        """Say nothing."""


@contextmanager
def page_of(file: Distribution, promise: str, folder: Path, *, metadata: bool = False) -> Iterator[str]:
    """Give the URL of a page with one link, to a file and what it promises to hash to."""
    (folder / file.filename).write_bytes(file.content)
    (folder / f"{file.filename}.metadata").write_bytes(file.metadata)
    more = ' data-core-metadata="true"' if metadata else ""
    (folder / "page.html").write_text(f'<a href="{file.filename}#{promise}"{more}>{file.filename}</a>')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/page.html"
        finally:
            server.shutdown()
            thread.join()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def choice(file: Distribution) -> Choice:
    return Choice(name=file.name, version=file.version, hashes=(file.hash,))


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("hashes", [False, True])
def test_every_kind_of_index_gives_the_same_answer(
    configure: Configure, *, html: bool, metadata: bool, hashes: bool
) -> None:
    tool, part = wheel("tool", "1.0", requires=["part"]), wheel("part", "2.0")

    with Index(html=html, metadata=metadata, hashes=hashes) as index:
        index.add(tool, part)
        configure(index_url=index.url)
        found = RESOLVER.resolve(request_for("tool"))

    assert found == (Resolution(target=LINUX, choices=(choice(part), choice(tool))),)


def test_a_wheel_is_downloaded_once_when_nobody_tells_its_hash_or_metadata(configure: Configure) -> None:
    with Index(metadata=False, hashes=False) as index:
        index.add(wheel("tool", "1.0"))
        configure(index_url=index.url)
        RESOLVER.resolve(request_for("tool"))

    assert index.requests == ["/simple/tool/", "/files/tool-1.0-py3-none-any.whl"]


class _Longer(bytes):
    """Says that there is more of it."""

    def __len__(self) -> int:
        return super().__len__() + 1


class _BreakingOff(Index):
    """Sends no wheel to its end."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = super().answer(path, headers)
        if not path.endswith(".whl"):
            return found
        return replace(found, body=_Longer(found.body), headers={"Connection": "close"})


def test_a_file_that_breaks_off_when_its_hash_is_not_told_is_named(configure: Configure) -> None:
    with _BreakingOff(hashes=False) as index:
        index.add(wheel("tool", "1.0"))
        configure(index_url=index.url)
        with pytest.raises(IndexUnreachable) as caught:
            RESOLVER.resolve(request_for("tool"))

    assert str(caught.value) == f"127.0.0.1:{index.port} broke off while sending tool-1.0-py3-none-any.whl"
    assert caught.value.hint == "try again"


def test_only_metadata_is_downloaded_when_the_index_tells_hashes(index: Index) -> None:
    index.add(wheel("tool", "1.0"), wheel("tool", "0.9"))

    RESOLVER.resolve(request_for("tool"))

    assert index.requests == ["/simple/tool/", "/files/tool-1.0-py3-none-any.whl.metadata"]


def test_a_page_is_asked_for_once_for_all_targets(index: Index) -> None:
    index.add(wheel("tool", "1.0", requires=["part"]), wheel("part", "1"))

    RESOLVER.resolve(request_for("tool", targets=(LINUX, WINDOWS, make_target("macos-arm64", (3, 12)))))

    pages = [path for path in index.requests if path.startswith("/simple/")]
    assert pages == ["/simple/tool/", "/simple/part/"]


def test_several_indexes_and_folders_are_searched_together(
    index: Index, configure: Configure, tmp_path: Path
) -> None:
    local, remote, other = wheel("local", "1", requires=["other"]), wheel("remote", "1"), wheel("other", "3")
    (tmp_path / local.filename).write_bytes(local.content)
    index.add(remote, wheel("other", "2"))

    with Index() as extra:
        extra.add(other)
        configure(extra_index_url=extra.url, find_links=str(tmp_path))
        found = RESOLVER.resolve(request_for("local", "remote"))

    assert found == (Resolution(target=LINUX, choices=(choice(local), choice(other), choice(remote))),)


def test_a_folder_alone_is_enough(configure: Configure, tmp_path: Path) -> None:
    tool = wheel("tool", "1.0")
    (tmp_path / tool.filename).write_bytes(tool.content)
    configure(no_index="1", find_links=str(tmp_path))

    found = RESOLVER.resolve(request_for("tool"))

    assert found == (Resolution(target=LINUX, choices=(choice(tool),)),)


@pytest.mark.parametrize("algorithm", ["md5", "sha512"])
def test_a_file_with_another_hash_is_checked_and_gets_a_sha256(
    configure: Configure, tmp_path: Path, algorithm: str
) -> None:
    tool = wheel("tool", "1.0")
    digest = hashlib.new(algorithm, tool.content).hexdigest()

    with page_of(tool, f"{algorithm}={digest}", tmp_path) as url:
        configure(no_index="1", find_links=url)
        found = RESOLVER.resolve(request_for("tool"))

    assert found == (Resolution(target=LINUX, choices=(choice(tool),)),)


def test_a_file_in_a_folder_with_another_hash_gets_a_sha256(configure: Configure, tmp_path: Path) -> None:
    tool = wheel("tool", "1.0")
    (tmp_path / tool.filename).write_bytes(tool.content)
    link = f'<a href="{tool.filename}#md5={md5(tool.content)}">{tool.filename}</a>'
    (tmp_path / "page.html").write_text(link)
    configure(no_index="1", find_links=(tmp_path / "page.html").as_uri())

    found = PipTools().resolve(request_for("tool"))  # pip leaves the page open until its process ends

    assert found == (Resolution(target=LINUX, choices=(choice(tool),)),)


def test_a_file_is_downloaded_for_its_sha256_when_metadata_was_enough_to_resolve(
    configure: Configure, tmp_path: Path
) -> None:
    tool = wheel("tool", "1.0")

    with page_of(tool, f"md5={md5(tool.content)}", tmp_path, metadata=True) as url:
        configure(no_index="1", find_links=url)
        found = RESOLVER.resolve(request_for("tool"))

    assert found == (Resolution(target=LINUX, choices=(choice(tool),)),)


def test_a_file_that_is_downloaded_for_its_sha256_is_checked(configure: Configure, tmp_path: Path) -> None:
    with page_of(wheel("tool", "1.0"), f"md5={md5(b'another')}", tmp_path, metadata=True) as url:
        configure(no_index="1", find_links=url)
        with pytest.raises(ResolutionError) as caught:
            RESOLVER.resolve(request_for("tool"))

    assert str(caught.value) == "tool-1.0-py3-none-any.whl is not the file that its md5 promises"


@pytest.mark.parametrize("promise", [f"sha256={'0' * 64}", f"md5={'0' * 32}"])
def test_a_file_that_is_not_what_its_hash_promises_is_refused(
    configure: Configure, tmp_path: Path, promise: str
) -> None:
    with page_of(wheel("tool", "1.0"), promise, tmp_path) as url:
        configure(no_index="1", find_links=url)
        with pytest.raises(ResolutionError) as caught:
            RESOLVER.resolve(request_for("tool"))

    assert str(caught.value) == "tool-1.0-py3-none-any.whl is not the file that its hash promises"
    assert caught.value.requirements == ("tool",)


def test_the_headers_index_replaces_the_configured_one_and_no_other(
    index: Index, configure: Configure
) -> None:
    index.add(wheel("tool", "9.0"))

    with Index() as asked, Index() as extra:
        asked.add(wheel("tool", "1.0", requires=["part"]))
        extra.add(wheel("part", "2.0"))
        configure(extra_index_url=extra.url)
        (found,) = RESOLVER.resolve(request_for("tool", index_url=asked.url))

    assert versions(found) == {"part": "2.0", "tool": "1.0"}
    assert index.requests == []


def test_the_configured_password_also_opens_the_same_index_when_the_header_names_it(
    configure: Configure,
) -> None:
    with Index(credentials=("me", "secret")) as index:
        index.add(wheel("tool", "1.0"))
        configure(index_url=index.url_with_credentials)
        (found,) = RESOLVER.resolve(request_for("tool", index_url=index.url))

    assert versions(found) == {"tool": "1.0"}


def test_files_uploaded_later_are_ignored(index: Index) -> None:
    index.add(wheel("tool", "1.0"), upload_time="2026-01-01T00:00:00Z")
    index.add(wheel("tool", "2.0"), upload_time="2026-02-01T12:00:00Z")

    (before,) = RESOLVER.resolve(request_for("tool", exclude_newer=datetime(2026, 2, 1, 12, tzinfo=UTC)))
    (after,) = RESOLVER.resolve(request_for("tool", exclude_newer=datetime(2026, 2, 1, 12, 1, tzinfo=UTC)))

    assert [versions(before), versions(after)] == [{"tool": "1.0"}, {"tool": "2.0"}]


def test_a_yanked_version_is_for_those_who_pin_it_and_they_are_told(index: Index) -> None:
    index.add(wheel("tool", "1.0"))
    index.add(wheel("tool", "2.0"), yanked="loses  files")

    (loose,) = RESOLVER.resolve(request_for("tool"))
    (exact,) = RESOLVER.resolve(request_for("tool==2.0"))

    assert (versions(loose), loose.notes) == ({"tool": "1.0"}, ())
    assert (versions(exact), exact.notes) == (
        {"tool": "2.0"},
        ("tool 2.0 was yanked (loses files); it is kept because it is pinned",),
    )


def test_an_extra_that_does_not_exist_is_told(index: Index) -> None:
    index.add(wheel("tool", "1.0", extras={"fast": []}))

    (found,) = RESOLVER.resolve(request_for("tool[fast,furious]"))

    assert (versions(found), found.notes) == ({"tool": "1.0"}, ("tool 1.0 has no extra named furious",))


def test_packages_that_pip_calls_unsafe_are_pinned_too(index: Index) -> None:
    index.add(
        wheel("tool", "1.0", requires=["setuptools", "pip"]), wheel("setuptools", "9"), wheel("pip", "8")
    )

    (found,) = RESOLVER.resolve(request_for("tool"))

    assert versions(found) == {"pip": "8", "setuptools": "9", "tool": "1.0"}


def test_one_name_may_be_asked_for_many_times(index: Index) -> None:
    index.add(wheel("tool", "1.0", extras={"a": ["part"]}), wheel("tool", "2.0"), wheel("part", "1"))

    (found,) = RESOLVER.resolve(request_for("Tool>=1", "tool<2", "tool[a]"))

    assert versions(found) == {"part": "1", "tool": "1.0"}


def test_markers_see_the_target_and_not_this_machine(index: Index) -> None:
    index.add(
        wheel(
            "tool",
            "1.0",
            requires=[
                "for-windows; sys_platform == 'win32'",
                "for-old; python_full_version < '3.12'",
                "for-arm; platform_machine == 'aarch64'",
                "for-pypy; implementation_name == 'pypy'",
            ],
        ),
        *(wheel(f"for-{name}", "1") for name in ("windows", "old", "arm", "pypy")),
    )
    targets = (WINDOWS, LINUX, make_target("linux-aarch64", (3, 11)))

    found = RESOLVER.resolve(request_for("tool", targets=targets))

    assert [set(versions(one)) - {"tool"} for one in found] == [
        {"for-windows"},
        {"for-old"},
        {"for-old", "for-arm"},
    ]


def test_the_highest_build_of_the_best_tag_is_chosen(index: Index) -> None:
    general = wheel("tool", "1.0", build="9")
    first, second = (
        wheel("tool", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64", build=build) for build in ("1", "2")
    )
    index.add(second, general, first)

    found = RESOLVER.resolve(request_for("tool"))

    assert found == (Resolution(target=LINUX, choices=(choice(second),)),)


def test_names_and_versions_come_out_normalised(index: Index) -> None:
    file = wheel("Some.Tool", "01.0-RC1")
    index.add(file)

    found = RESOLVER.resolve(request_for("SOME_tool"))

    normal = Choice(name=canonicalize_name("some-tool"), version=Version("1.0rc1"), hashes=(file.hash,))
    assert found == (Resolution(target=LINUX, choices=(normal,)),)


def test_neither_the_order_of_the_header_nor_that_of_the_rows_decides_anything(
    configure: Configure,
) -> None:
    files = [
        wheel("a", "1", requires=["c<2"]),
        wheel("a", "2", requires=["c"]),
        wheel("b", "1", requires=["c"]),
        wheel("b", "2", requires=["c<2", "a<2"]),
        wheel("c", "1"),
        wheel("c", "2"),
    ]
    answers = []
    for rows, header in ((files, ("a", "b")), (files[::-1], ("b", "a"))):
        with Index(delay=0.005) as index:
            index.add(*rows)
            configure(index_url=index.url)
            answers.append(RESOLVER.resolve(request_for(*header)))

    assert answers[0] == answers[1]
