from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from scriptlock.requirements import normalise, without_credentials


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (
            "Requests [Socks, use_chardet] >= 2 , <3 ; python_version>'3.8'",
            'requests[socks,use-chardet]<3,>=2; python_version > "3.8"',
        ),
        ("A__b.C", "a-b-c"),
        ("a @ https://me:pw@host/x.whl#sha256=0", "a @ https://host/x.whl#sha256=0"),
        ("a@https://host/x ; os_name=='nt'", 'a @ https://host/x ; os_name == "nt"'),
        ("a @ git+ssh://git@host/x.git@main", "a @ git+ssh://host/x.git@main"),
    ],
)
def test_a_requirement_has_one_normal_form(written: str, normal: str) -> None:
    requirement = Requirement(written)

    assert normalise(requirement) == normal
    assert normalise(Requirement(normal)) == normal


def test_credentials_are_taken_out_of_every_url() -> None:
    text = "a @ https://me:p@w@host/p@th and http://token@host2"

    assert without_credentials(text) == "a @ https://host/p@th and http://host2"
