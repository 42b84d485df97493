"""What was chosen for one target is given to another one only if a resolver would choose the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import event, given
from packaging.utils import canonicalize_name
from packaging.version import Version

from scriptlock.errors import NoCompatibleWheel
from scriptlock.resolve.offers import Offers
from scriptlock.resolve.protocol import Question, make_order, questions
from scriptlock.resolve.request import Request
from scriptlock.resolve.solutions import Chosen, Solution
from scriptlock.resolve.walk import Walker
from scriptlock.targets import Target, make_target
from support.resolvers import pin, request_for
from support.universes import TARGETS, Link, Universe, faults, newest, roots, universes
from support.wheels import Wheel, sdist, wheel

LINUX = make_target("linux-x86_64", (3, 12))
WINDOWS = make_target("windows-amd64", (3, 12))
WINDOWS_NEW = make_target("windows-amd64", (3, 13))
LINUX_NEW = make_target("linux-x86_64", (3, 13))
FOR_WINDOWS, FOR_LINUX = "cp312-abi3-win_amd64", "cp312-abi3-manylinux_2_17_x86_64"


def offers_of(universe: Universe) -> Offers:
    def metadata(link: Link) -> bytes:
        return next(file.metadata for file in universe.wheels if file.filename == link.filename)

    return Offers(universe.links, metadata)


def solution(universe: Universe, target: Target, versions: Mapping[str, str]) -> Solution:
    """Return what a resolver would report if it had chosen these versions."""
    offers, chosen = offers_of(universe), {}
    for name, version in versions.items():
        link = offers.best(name, Version(version), target)
        assert link, f"{name} {version} is not for {target}"
        chosen[canonicalize_name(name)] = Chosen(
            version=Version(version), requires=universe.requires(link), link=link
        )
    return Solution(target=target, chosen=chosen)


def question(request: Request, *, optional: bool = False) -> Question:
    """Return what a request asks for its only target."""
    (asked,) = questions(make_order(request, folder="/", cache_dir=None))
    return replace(asked, is_optional=optional)


def walked(
    *wheels: Wheel,
    chosen: Mapping[str, str],
    asked: Question,
    yanked: Iterable[str] = (),
    other: tuple[Target, Mapping[str, str]] | None = None,
) -> dict[str, str] | None:
    """Return the files that are taken over from Linux, by name; None where a resolver has to be asked.

    :param other: one more target that is solved, and how.
    """
    universe = Universe(wheels=wheels, yanked=frozenset(yanked))
    walker = Walker(offers_of(universe))
    if other:
        walker.learn(solution(universe, *other))
    walker.learn(solution(universe, LINUX, chosen))
    found = walker.follow(asked)
    return {name: one.link.filename for name, one in found.chosen.items()} if found else None


TOOL = wheel("tool", "1")
ON_WINDOWS = question(request_for("tool", targets=[WINDOWS]))
TAKEN = {"tool": "tool-1-py3-none-any.whl"}


def test_everybody_gets_the_best_file_of_the_same_version() -> None:
    files = [wheel("tool", "1", tag=tag) for tag in (FOR_WINDOWS, FOR_LINUX, "py3-none-any")]

    assert walked(*files, chosen={"tool": "1"}, asked=ON_WINDOWS) == {"tool": f"tool-1-{FOR_WINDOWS}.whl"}


@pytest.mark.parametrize(
    "file",
    [
        wheel("tool", "1", tag=FOR_LINUX),
        wheel("tool", "1", tag="cp312-cp312-win_arm64.manylinux_2_17_x86_64"),
    ],
)
def test_a_resolver_is_asked_where_no_file_fits(file: Wheel) -> None:
    assert walked(file, chosen={"tool": "1"}, asked=ON_WINDOWS) is None


def test_a_resolver_is_asked_where_the_file_is_for_other_pythons() -> None:
    asked = question(request_for("tool", targets=[LINUX_NEW]))
    file = wheel("tool", "1", requires_python="<3.13")

    assert walked(file, chosen={"tool": "1"}, asked=asked) is None


def test_a_resolver_is_asked_where_only_the_metadata_excludes_the_python() -> None:
    link = Link(filename=TOOL.filename)  # the index does not tell
    chosen = Chosen(version=Version("1"), requires=(), link=link, requires_python="<3.13")
    walker = Walker(Offers(lambda _: [link], lambda _: None))
    walker.learn(Solution(target=LINUX, chosen={TOOL.name: chosen}))

    assert walker.follow(question(request_for("tool", targets=[LINUX_NEW]))) is None
    assert walker.follow(question(request_for("tool", targets=[WINDOWS]))) is not None


def test_requirements_are_followed_as_far_as_their_markers_and_extras_go() -> None:
    more = ["here; os_name == 'nt'", "there; os_name == 'posix'", "deeper[more]"]
    tool = wheel("tool", "1", extras={"all": ["tool[more]"], "more": more, "unwanted": ["there"]})
    deeper = wheel("deeper", "1", requires=["tool"], extras={"more": ["last"]})
    rest = [wheel(name, "1") for name in ("here", "there", "last")]
    everything = dict.fromkeys(["tool", "deeper", "here", "there", "last"], "1")

    found = walked(
        tool, deeper, *rest, chosen=everything, asked=question(request_for("tool[ALL]", targets=[WINDOWS]))
    )

    assert found is not None
    assert sorted(found) == ["deeper", "here", "last", "tool"]


def test_what_one_solution_lacks_another_may_have_and_otherwise_a_resolver_is_asked() -> None:
    files = [wheel("tool", "1", requires=["part; os_name == 'nt'"]), wheel("part", "2")]
    known = (WINDOWS, {"tool": "1", "part": "2"})
    asked = question(request_for("tool", targets=[WINDOWS_NEW]))

    assert walked(*files, chosen={"tool": "1"}, asked=asked) is None
    assert walked(*files, chosen={"tool": "1"}, asked=asked, other=known) == TAKEN | {
        "part": "part-2-py3-none-any.whl"
    }


@pytest.mark.parametrize(
    ("newer", "yanked", "is_taken"),
    [
        ([], (), True),
        ([wheel("tool", "2", tag=FOR_WINDOWS)], (), False),
        ([wheel("tool", "2", tag="cp313-cp313-win_amd64")], (), True),
        ([wheel("tool", "2", tag=FOR_WINDOWS, requires_python=">=3.13")], (), True),
        ([wheel("tool", "2", tag=FOR_WINDOWS)], [f"tool-2-{FOR_WINDOWS}.whl"], True),
        ([wheel("tool", "2b1", tag=FOR_WINDOWS)], (), True),
        ([wheel("tool", "2", tag=FOR_WINDOWS, requires=["unknown"])], (), True),
        ([wheel("tool", "2", tag=FOR_WINDOWS, requires=["unknown; os_name == 'posix'"])], (), False),
        ([wheel("tool", "2", tag=FOR_WINDOWS, requires=["tool>2"])], (), True),
        ([wheel("tool", "3", tag=FOR_LINUX)], (), True),
    ],
)
def test_a_resolver_is_asked_only_where_something_newer_might_be_had(
    newer: list[Wheel], yanked: list[str], *, is_taken: bool
) -> None:
    found = walked(TOOL, *newer, chosen={"tool": "1"}, asked=ON_WINDOWS, yanked=yanked)

    assert found == (TAKEN if is_taken else None)


def test_what_another_target_got_is_known_and_its_metadata_is_not_asked_for() -> None:
    universe = Universe(
        wheels=(TOOL, wheel("tool", "2", tag=FOR_WINDOWS, requires=["part"]), wheel("part", "1"))
    )
    offers = Offers(universe.links, lambda link: pytest.fail(f"asked for {link.filename}"))
    walker = Walker(offers)
    walker.learn(solution(universe, WINDOWS_NEW, {"tool": "2", "part": "1"}))
    walker.learn(solution(universe, LINUX, {"tool": "1"}))

    found = walker.follow(ON_WINDOWS)

    assert found is not None
    assert sorted(found.chosen) == ["part", "tool"]


def test_what_only_another_target_s_file_requires_is_no_reason_to_do_without_a_version() -> None:
    wheels = [
        TOOL,
        wheel("tool", "2", tag=FOR_LINUX, requires=["part"]),
        wheel("tool", "2", tag="cp313-cp313-win_amd64"),
        wheel("part", "1", tag=FOR_LINUX),
    ]
    universe = Universe(wheels=tuple(wheels))
    walker = Walker(offers_of(universe))
    walker.learn(solution(universe, LINUX, {"tool": "2", "part": "1"}))
    walker.learn(solution(universe, WINDOWS, {"tool": "1"}))

    asked = question(request_for("tool", targets=[WINDOWS_NEW]))

    assert walker.follow(asked) is None
    assert walker.keepable(asked) == {}


def test_a_newer_version_with_broken_metadata_is_no_reason_to_ask() -> None:
    broken = replace(
        wheel("tool", "2", tag=FOR_WINDOWS), metadata=b"Metadata-Version: 2.1\nRequires-Dist: b!!!d >\n"
    )

    assert walked(TOOL, broken, chosen={"tool": "1"}, asked=ON_WINDOWS) == TAKEN


def test_a_newer_version_out_of_bounds_is_no_reason_to_ask() -> None:
    newer = wheel("tool", "2", tag=FOR_WINDOWS)

    for request in (
        request_for("tool<2", targets=[WINDOWS]),
        request_for("tool", constraints=["tool<2"], targets=[WINDOWS]),
    ):
        assert walked(TOOL, newer, chosen={"tool": "1"}, asked=question(request)) == TAKEN


def test_prereleases_are_a_reason_to_ask_for_those_who_want_them() -> None:
    newer = wheel("tool", "2b1", tag=FOR_WINDOWS)

    for request in (
        request_for("tool", prereleases=True, targets=[WINDOWS]),
        request_for("tool>=1b1", targets=[WINDOWS]),
    ):
        assert walked(TOOL, newer, chosen={"tool": "1"}, asked=question(request)) is None


def test_a_prerelease_that_was_taken_for_want_of_anything_else_is_not_forced_on_those_who_have() -> None:
    early = wheel("tool", "2b1")
    final = wheel("tool", "1", tag=FOR_WINDOWS)
    wanted = question(request_for("tool>=2b1", targets=[WINDOWS]))

    assert walked(early, final, chosen={"tool": "2b1"}, asked=ON_WINDOWS) is None
    assert walked(early, chosen={"tool": "2b1"}, asked=ON_WINDOWS) == {"tool": "tool-2b1-py3-none-any.whl"}
    assert walked(early, final, chosen={"tool": "2b1"}, asked=wanted) == {"tool": "tool-2b1-py3-none-any.whl"}


def test_what_was_passed_over_on_the_same_platform_and_the_same_python_is_no_reason_to_ask() -> None:
    files = [TOOL, wheel("tool", "2")]

    assert walked(*files, chosen={"tool": "1"}, asked=ON_WINDOWS) is None
    assert walked(*files, chosen={"tool": "1"}, asked=ON_WINDOWS, other=(WINDOWS_NEW, {"tool": "1"})) == TAKEN
    assert walked(*files, chosen={"tool": "1"}, asked=ON_WINDOWS, other=(LINUX_NEW, {"tool": "1"})) is None


@pytest.mark.parametrize("file", [wheel("top", "1", requires=["tool<1; os_name == 'nt'"]), wheel("top", "2")])
def test_a_resolver_is_asked_where_a_bound_is_not_met(file: Wheel) -> None:
    asked = question(request_for("top<2", "tool", targets=[WINDOWS]))

    assert walked(TOOL, file, chosen={"tool": "1", "top": str(file.version)}, asked=asked) is None


def test_a_resolver_is_asked_where_a_constraint_is_not_met() -> None:
    asked = question(request_for("tool", constraints=["tool!=1"], targets=[WINDOWS]))

    assert walked(TOOL, chosen={"tool": "1"}, asked=asked) is None


def test_a_preferred_version_is_kept_and_no_other_taken_in_its_place() -> None:
    files = [TOOL, wheel("tool", "2")]
    asked = question(request_for("tool", preferred=[pin("tool", "1")], targets=[WINDOWS]))

    assert walked(*files, chosen={"tool": "1"}, asked=asked) == TAKEN
    assert walked(*files, chosen={"tool": "2"}, asked=asked) is None


def test_a_resolver_is_asked_where_the_only_file_is_yanked_or_a_source() -> None:
    asked = question(request_for("tool", targets=[WINDOWS]))
    files = [wheel("tool", "1", tag=FOR_LINUX), wheel("tool", "1", tag=FOR_WINDOWS)]
    source = Link(filename=sdist("tool", "1").filename)
    offers = Offers(lambda _: [source], lambda _: None, allow_sdist={"tool"})
    walker = Walker(offers)
    walker.learn(
        Solution(
            target=LINUX,
            chosen={TOOL.name: Chosen(version=Version("1"), requires=(), link=source)},
        )
    )

    assert walked(*files, chosen={"tool": "1"}, asked=asked, yanked=[files[1].filename]) is None
    assert walker.follow(asked) is None


URL = f"https://files.example/{TOOL.filename}"


@pytest.mark.parametrize(
    ("requirements", "file", "is_taken"),
    [
        ([f"tool @ {URL}"], TOOL.filename, True),
        ([f"tool[more] @ {URL}", "tool>=1"], TOOL.filename, True),
        ([f"tool @ {URL}"], f"tool-1-{FOR_LINUX}.whl", False),
        (["tool"], TOOL.filename, False),
        ([f"tool @ {URL}?other"], TOOL.filename, False),
        ([f"tool @ {URL}", "tool>=2"], TOOL.filename, False),
    ],
)
def test_a_direct_reference_is_taken_over_by_those_who_ask_for_it_and_can_have_it(
    requirements: list[str], file: str, *, is_taken: bool
) -> None:
    chosen = Chosen(version=Version("1"), requires=(), link=Link(filename=file), url=URL)
    walker = Walker(Offers(lambda _: [Link(filename=TOOL.filename)], lambda _: None))
    walker.learn(Solution(target=LINUX, chosen={TOOL.name: chosen}))

    found = walker.follow(question(request_for(*requirements, targets=[WINDOWS])))

    assert (found and found.chosen) == ({TOOL.name: chosen} if is_taken else None)


def test_a_digest_that_was_taken_of_one_file_is_not_told_of_another() -> None:
    files = [wheel("tool", "1", tag=tag) for tag in (FOR_WINDOWS, FOR_LINUX)]
    universe = Universe(wheels=tuple(files))
    known = solution(universe, LINUX, {"tool": "1"})
    hashed = replace(known.chosen[TOOL.name], sha256="0" * 64)
    walker = Walker(offers_of(universe))
    walker.learn(Solution(target=LINUX, chosen={TOOL.name: hashed}))

    there = walker.follow(question(request_for("tool", targets=[LINUX_NEW])))
    here = walker.follow(ON_WINDOWS)

    assert there is not None
    assert here is not None
    assert [there.chosen[TOOL.name].sha256, here.chosen[TOOL.name].sha256] == ["0" * 64, None]


def test_an_optional_python_that_cannot_have_something_is_given_up_where_others_serve_its_platform() -> None:
    tool = wheel("tool", "1", requires=["part"])
    files = [tool, wheel("part", "1", tag=FOR_LINUX), wheel("part", "1", tag="cp312-cp312-win_amd64")]
    asked = request_for("tool", targets=[WINDOWS_NEW])
    both = {"tool": "1", "part": "1"}

    with pytest.raises(NoCompatibleWheel, match="part has no file for it"):
        walked(*files, chosen=both, asked=question(asked, optional=True), other=(WINDOWS, both))
    assert walked(*files, chosen=both, asked=question(asked), other=(WINDOWS, both)) is None
    assert walked(*files, chosen=both, asked=question(asked, optional=True)) is None


def test_no_python_is_given_up_for_what_a_version_requires_that_is_not_for_it() -> None:
    files = [
        wheel("tool", "2", requires=["part==2"], requires_python=">=3.12.1"),
        wheel("tool", "1", requires=["part==1"]),
        wheel("part", "2", tag="cp313-cp313-win_amd64"),
        wheel("part", "1"),
    ]
    universe = Universe(wheels=tuple(files))
    walker = Walker(offers_of(universe))
    walker.learn(solution(universe, WINDOWS_NEW, {"tool": "2", "part": "2"}))
    asked = request_for("tool", targets=[make_target("windows-amd64", (3, 11))])

    assert walker.follow(question(asked, optional=True)) is None


def test_only_what_a_target_can_have_and_nothing_it_could_do_better_without_is_to_be_kept() -> None:
    names = ("good", "gains", "misfit", "yanked")
    files = [
        wheel("good", "1"),
        wheel("gains", "1"),
        wheel("gains", "2", tag=FOR_WINDOWS),
        wheel("misfit", "1", tag=FOR_LINUX),
        wheel("yanked", "1", tag=FOR_LINUX),
        wheel("yanked", "1", tag=FOR_WINDOWS),
    ]
    universe = Universe(wheels=tuple(files), yanked=frozenset({files[-1].filename}))
    walker = Walker(offers_of(universe))
    walker.learn(solution(universe, LINUX, dict.fromkeys(names, "1")))

    assert walker.keepable(question(request_for(*names, targets=[WINDOWS]))) == {"good": "1"}


@given(universe=universes(), asked=roots)
def test_what_is_taken_over_satisfies_everybody_who_requires_anything(
    universe: Universe, asked: list[str]
) -> None:
    walker = Walker(offers_of(universe))

    for target in TARGETS:
        one = question(request_for(*asked, targets=[target]))
        best = newest(universe, asked, target)
        taken = walker.follow(one) if one.requirements else None
        if taken is None:
            event("a resolver is asked")
            if best is not None:
                walker.learn(solution(universe, target, {name: str(v) for name, v in best.items()}))
            continue
        event("taken over")
        files = {file.filename: file.hash for file in universe.wheels}
        hashes: dict[str, str] = {name: files[found.link.filename] for name, found in taken.chosen.items()}
        assert faults(universe, asked, (), target, hashes) == []
        assert not any(found.link.is_yanked for found in taken.chosen.values())
        assert best is not None
