"""Which file of a page is fetched: leaving out what cannot be it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import InstallError
from scriptlock.install.offers import NotOffered, Offer, choose, from_link, on_page
from scriptlock.install.tags import Preference
from scriptlock.model import Pin
from scriptlock.resolve.rows import JSON

TAGS = ("cp311-cp311-linux_x86_64", "py3-none-any")
DIGESTS = [digit * 64 for digit in "012"]

rows = st.fixed_dictionaries(
    {
        "filename": st.sampled_from(
            [
                *(f"demo-1.0-{tag}.whl" for tag in (*TAGS, "cp33-cp33m-win32")),
                "demo-2.0-py3-none-any.whl",
                "demo-1.0.zip",
            ]
        ),
        "url": st.just("files/demo"),
    },
    optional={"hashes": st.sampled_from([{}, *({"sha256": digest} for digest in DIGESTS)])},
)


def page_of(files: Sequence[Mapping[str, Any]]) -> Any:
    content = json.dumps({"files": files}).encode()
    return SimpleNamespace(content_type=JSON, content=content, url="https://a.example/simple/demo/")


def chosen(page: Any, pin: Pin, hashes: Sequence[str]) -> list[Offer] | None:
    try:
        return choose(pin, list(on_page(page, pytest.fail, hashes)), Preference(TAGS))
    except NotOffered:
        return None


def test_a_lock_without_a_file_for_this_python_is_not_taken_for_a_file_that_was_replaced() -> None:
    hashes = (f"sha256:{DIGESTS[0]}",)
    pin = Pin(name=canonicalize_name("demo"), version=Version("1.0"), hashes=hashes)
    foreign, fitting = (
        Offer(filename=f"demo-1.0-{tag}.whl", sha256=digest, href="x")
        for tag, digest in zip(("cp33-cp33m-win32", TAGS[0]), DIGESTS, strict=False)
    )

    with pytest.raises(NotOffered, match=r"the lock has a file of demo 1\.0, but none that fits") as caught:
        choose(pin, [foreign, fitting], Preference(TAGS))
    with pytest.raises(NotOffered, match="is not the file that was locked"):
        choose(pin, [fitting], Preference(TAGS))

    assert "--upgrade-package demo" in str(caught.value.hint)


def test_a_digest_may_be_told_in_upper_case() -> None:
    digest = "ab" * 32
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "x", "hashes": {"sha256": digest.upper()}}
    link = SimpleNamespace(filename=row["filename"], url_without_fragment="x", _hashes=row["hashes"])

    (told,) = on_page(page_of([row]), pytest.fail, [f"sha256:{digest}"])

    assert told.sha256 == from_link(link).sha256 == digest


def test_a_file_without_digests_is_one_of_which_nothing_is_told() -> None:
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "x", "hashes": None}

    (told,) = on_page(page_of([row]), pytest.fail)

    assert told.sha256 is None


@pytest.mark.parametrize("content", [b'{"files": [', b"[]", b"{}", b'{"files": [{}]}', b'{"files": [1]}'])
def test_a_page_that_cannot_be_read_is_told_in_one_sentence(content: bytes) -> None:
    page = SimpleNamespace(content_type=JSON, content=content, url="https://a.example/simple/demo/")

    with pytest.raises(InstallError, match=r"^a\.example answered with JSON that cannot be read$"):
        list(on_page(page, pytest.fail))


@given(files=st.lists(rows, max_size=6), digests=st.sets(st.sampled_from(DIGESTS), min_size=1))
@example(
    files=[{"filename": "demo-1.0-py3-none-any.whl", "url": "x", "hashes": {"sha256": "0" * 64}}],
    digests={"0" * 64},
)
def test_files_that_have_other_digests_are_never_chosen(
    files: list[dict[str, Any]], digests: set[str]
) -> None:
    hashes = tuple(sorted(f"sha256:{digest}" for digest in digests))
    pin = Pin(name=canonicalize_name("demo"), version=Version("1.0"), hashes=hashes)
    page = page_of(files)

    assert chosen(page, pin, hashes) == chosen(page, pin, ())
