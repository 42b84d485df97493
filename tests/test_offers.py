"""What an index offers of a package, and the file that a target would get of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.resolve.borrowed import borrow_for_indexes
from scriptlock.resolve.offers import Offers, admits, fits
from scriptlock.targets import Target, make_target
from support.universes import Link

LINUX = make_target("linux-x86_64", (3, 12))
WINDOWS = make_target("windows-amd64", (3, 12))
MACOS = make_target("macos-arm64", (3, 13))


def offers(*links: Link | str, allow_sdist: Iterable[str] = (), newer: datetime | None = None) -> Offers:
    known = [Link(filename=link) if isinstance(link, str) else link for link in links]
    return Offers(lambda _: known, lambda _: None, allow_sdist={*allow_sdist}, exclude_newer=newer)


def best(offered: Offers, target: Target, version: str = "1") -> str | None:
    found = offered.best("tool", Version(version), target)
    return found.filename if found else None


def test_versions_come_newest_first_and_only_of_files_that_count() -> None:
    offered = offers(
        "tool-1-py3-none-any.whl",
        "Tool-2.0rc1-py3-none-any.whl",
        "tool-10-cp312-cp312-win_amd64.whl",
        "tool-1.0-1-py3-none-any.whl",
        "tool-3.tar.gz",
        "tool-4.exe",
        "tool-kit-5.tar.gz",
        "other-6-py3-none-any.whl",
        "tool-not_a_version-py3-none-any.whl",
        "tool.whl",
        "tool-7-py36+-none-any.whl",
    )

    assert offered.versions("tool") == [Version(v) for v in ("10", "7", "2.0rc1", "1")]
    assert offered.best("tool", Version("7"), LINUX) is None


def test_a_source_of_more_digits_than_anybody_reads_is_passed_over() -> None:
    offered = offers(f"tool-{'9' * 5000}.tar.gz", "tool-2.tar.gz", allow_sdist=["tool"])

    assert offered.versions("tool") == [Version("2")]


def test_sources_count_where_they_are_allowed_and_a_wheel_goes_before() -> None:
    offered = offers("tool-1.tar.gz", "tool-1-cp312-cp312-win_amd64.whl", "tool-2.zip", allow_sdist=["tool"])

    assert offered.versions("tool") == [Version("2"), Version("1")]
    assert [best(offered, target) for target in (LINUX, WINDOWS)] == [
        "tool-1.tar.gz",
        "tool-1-cp312-cp312-win_amd64.whl",
    ]


def test_the_most_preferred_tag_wins_and_then_the_highest_build() -> None:
    offered = offers(
        "tool-1-py3-none-any.whl",
        "tool-1-cp311-abi3-manylinux_2_17_x86_64.whl",
        "tool-1-9-cp312-cp312-manylinux_2_28_x86_64.manylinux_2_17_x86_64.whl",
        "tool-1-10-cp312-cp312-manylinux_2_28_x86_64.whl",
        "tool-1-cp312-cp312-manylinux_2_35_x86_64.whl",
    )

    assert [best(offered, target) for target in (LINUX, WINDOWS)] == [
        "tool-1-10-cp312-cp312-manylinux_2_28_x86_64.whl",
        "tool-1-py3-none-any.whl",
    ]


def test_of_files_that_are_as_good_the_last_one_is_taken_as_pips_resolver_does() -> None:
    equal = ["tool-1-py3-none-any.whl", "tool-1.0-py3-none-any.whl"]

    assert [best(offers(*names), LINUX) for names in (equal, equal[::-1])] == equal[::-1]


def test_what_was_yanked_comes_last() -> None:
    good = "tool-1-cp312-cp312-manylinux_2_17_x86_64.whl"
    offered = offers("tool-1-py3-none-any.whl", Link(filename=good, is_yanked=True))
    only = offers(Link(filename=good, is_yanked=True))

    assert [best(offered, LINUX), best(only, LINUX)] == ["tool-1-py3-none-any.whl", good]


def test_files_for_other_pythons_do_not_fit() -> None:
    offered = offers(
        Link(filename="tool-1-py3-none-any.whl", requires_python=">=3.13"),
        Link(filename="tool-2-py3-none-any.whl", requires_python="whatever"),
    )

    assert [best(offered, LINUX), best(offered, MACOS)] == [None, "tool-1-py3-none-any.whl"]
    assert best(offered, LINUX, "2") == "tool-2-py3-none-any.whl"


def test_files_uploaded_at_that_moment_or_later_or_nobody_knows_when_do_not_count() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    times = {"1": datetime(2026, 2, 28, tzinfo=UTC), "2": moment, "3": None}

    offered = offers(
        *(Link(filename=f"tool-{v}-py3-none-any.whl", upload_time=when) for v, when in times.items()),
        newer=moment,
    )

    assert offered.versions("tool") == [Version("1")]


def test_an_upload_time_without_a_zone_is_in_utc() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    times = {"1": datetime(2026, 1, 1, 23), "2": datetime(2026, 1, 2)}  # noqa: DTZ001 - as some index may tell

    offered = offers(
        *(Link(filename=f"tool-{v}-py3-none-any.whl", upload_time=when) for v, when in times.items()),
        newer=moment,
    )

    assert offered.versions("tool") == [Version("1")]


def test_each_index_page_is_read_once_and_each_metadata_asked_for_once() -> None:
    asked = []
    link = Link(filename="tool-1-py3-none-any.whl")

    def links(name: str) -> list[Link]:
        asked.append(name)
        return [link]

    def metadata(found: Link) -> bytes:
        asked.append(found.filename)
        return (
            b"Metadata-Version: 2.1\nRequires-Dist: a\nRequires-Dist: b; extra == 'x'\n\nRequires-Dist: no\n"
        )

    offered = Offers(links, metadata)
    for target in (LINUX, WINDOWS):
        offered.best("tool", Version("1"), target)
        offered.versions("tool")
        assert offered.requires(link) == ("a", "b; extra == 'x'")

    assert asked == ["tool", link.filename]


def test_metadata_that_is_not_to_be_had_is_no_list_of_requirements() -> None:
    offered = offers()

    assert offered.requires(Link(filename="tool-1-py3-none-any.whl")) is None


def test_what_was_learnt_is_not_asked_for() -> None:
    link = Link(filename="tool-1-py3-none-any.whl")
    offered = offers(link)

    offered.learn(link, ["part"])

    assert offered.requires(link) == ("part",)


@pytest.mark.parametrize(
    ("requires", "python", "is_admitted"),
    [
        (None, "3.12.0", True),
        (">=3.12", "3.12.0rc1", False),
        ("<4", "3.15.0", True),
        ("nonsense", "3.12.0", True),
    ],
)
def test_what_cannot_be_read_admits_every_python(
    requires: str | None, python: str, *, is_admitted: bool
) -> None:
    assert admits(requires, python) is is_admitted


def test_a_file_whose_name_cannot_be_read_fits_nowhere() -> None:
    assert not fits(Link(filename="tool.whl"), LINUX)
    assert fits(Link(filename="tool-1-py3-none-any.whl"), LINUX)


filenames = st.builds(
    "tool-{}{}-{}.whl".format,
    st.sampled_from(["1", "1.0", "2", "3b1"]),
    st.sampled_from(["", "", "-1", "-2b"]),
    st.sampled_from(
        [
            "py3-none-any",
            "py2.py3-none-any",
            "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp312-cp312-manylinux_2_28_x86_64",
            "cp39-abi3-manylinux_2_5_x86_64",
            "cp312-cp312-win_amd64",
            "cp313-cp313-macosx_11_0_arm64",
            "cp312-cp312-musllinux_1_2_x86_64",
        ]
    ),
)


def test_two_spellings_of_a_version_do_not_change_the_order_of_its_files() -> None:
    names = ("tool-1.0-py2.py3-none-any.whl", "tool-1-py3-none-any.whl", "tool-1.0-py3-none-any.whl")

    assert best(offers(*names), LINUX) == names[-1]


@given(st.lists(filenames, unique=True, max_size=8), st.sampled_from([LINUX, WINDOWS, MACOS]), st.data())
def test_the_best_file_of_each_version_is_the_one_that_pip_would_take(
    names: list[str], target: Target, data: st.DataObject
) -> None:
    from pip._internal.index.package_finder import CandidateEvaluator
    from pip._internal.models.candidate import InstallationCandidate
    from pip._internal.models.link import Link as PipLink
    from pip._vendor.packaging.specifiers import SpecifierSet
    from pip._vendor.packaging.tags import Tag

    reasons = data.draw(st.lists(st.sampled_from([None, None, "bad"]), min_size=8, max_size=8))
    links = [
        PipLink(f"https://files.example/{name}", yanked_reason=reason)
        for name, reason in zip(names, reasons, strict=False)
    ]
    tags = [Tag(*tag.split("-")) for tag in target.tags]
    evaluator = CandidateEvaluator("tool", tags, SpecifierSet(prereleases=True))
    offered = Offers(lambda _: links, lambda _: None)

    for version in offered.versions("tool"):
        found = offered.best("tool", version, target)
        candidates = [
            InstallationCandidate("tool", str(version), link)
            for link in links
            if canonicalize_name(link.filename.split("-")[0]) == "tool"
            and Version(link.filename.split("-")[1]) == version
            and fits(link, target)
        ]
        # pip's resolver takes the last of those that it calls equal, too.
        assert found == (evaluator.get_applicable_candidates(candidates)[-1].link if candidates else None)


def test_a_file_that_lies_in_a_folder_counts_whenever_it_was_made() -> None:
    local, listed = (
        borrow_for_indexes().Link(f"{place}/tool-{version}-py3-none-any.whl")
        for place, version in (("file:///wheels", "1"), ("https://files.example", "2"))
    )
    newer = datetime(2026, 1, 1, tzinfo=UTC)
    alone = Offers(lambda _: [local], lambda _: None, exclude_newer=newer)
    both = Offers(lambda _: [local, listed], lambda _: None, exclude_newer=newer)

    assert [offered.versions("tool") for offered in (alone, both)] == [[Version("1")]] * 2
    assert alone.is_dated("tool")
    assert not both.is_dated("tool")
