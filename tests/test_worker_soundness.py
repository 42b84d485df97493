"""No answer of pip is believed before everybody in it has what it requires."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from scriptlock.errors import ConflictingRequirements
from scriptlock.resolve.protocol import Question, questions
from scriptlock.resolve.soundness import refuse_unsound
from support.resolvers import LINUX


class Candidate:
    """As pip has it, as far as anybody looks."""

    def __init__(self, version: str, *requires: str, extra: str | None = None, asked: str = "top") -> None:
        self.version = Version(version)
        self.dist = self
        self._requires, self._extra = [Requirement(text) for text in requires], extra
        self._asked = asked

    def iter_dependencies(self, extras: Collection[str] = ()) -> list[Requirement]:
        return self._requires if self._extra in (extras or (None,)) else []

    def get_install_requirement(self) -> SimpleNamespace:
        header = SimpleNamespace(comes_from=self._asked)
        return SimpleNamespace(comes_from=header)


def question(*requirements: str) -> Question:
    order = {
        "exclude_newer": None,
        "prereleases": False,
        "allow_sdist": [],
        "targets": [
            {
                "platform": LINUX.platform,
                "markers": LINUX.markers,
                "tags": LINUX.tags,
                "optional": False,
                "preferred": {},
                "constraints": [],
                "requirements": [{"text": text, "header": text} for text in requirements],
            }
        ],
    }
    (only,) = questions(order)
    return only


def test_an_answer_in_which_everybody_has_what_it_requires_passes() -> None:
    candidates = {
        "top": Candidate("1.0", "Part_A>=2", "url @ https://host/url.whl"),
        "part-a": Candidate("2"),
    }
    candidates["url"] = Candidate("7")

    refuse_unsound(candidates, {}, question("Top[fast]>=1.0"))


@pytest.mark.parametrize(
    ("candidates", "reason"),
    [
        ({}, "the header wants top>=1"),
        ({"top": Candidate("0.9")}, "the header wants top>=1"),
        ({"top": Candidate("1", "part")}, "top 1 wants part"),
        ({"top": Candidate("1", "part>1; os_name == 'posix'"), "part": Candidate("1")}, "top 1 wants part>1"),
        ({"top": Candidate("1", "part", extra="fast")}, "top 1 wants part"),
    ],
)
def test_an_answer_in_which_somebody_lacks_something_is_refused(
    candidates: dict[str, Candidate], reason: str
) -> None:
    with pytest.raises(ConflictingRequirements) as caught:
        refuse_unsound(candidates, {"top": frozenset({"fast"})}, question("top>=1"))

    assert str(caught.value) == f"pip-tools found only versions that do not fit each other: {reason}"
