from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from scriptlock.errors import InvalidScript
from scriptlock.header import Header, read_header
from scriptlock.script import parse
from scriptlock.settings import Settings


def header(*lines: str) -> Header:
    """Return the header of these lines of TOML; the first is line 3 of the script."""
    return read_header("".join(f"{line}\n" for line in lines), 2)


def test_a_header_says_what_its_toml_says() -> None:
    read = header(
        'requires-python = ">=3.11"', 'dependencies = ["Requests[socks] >=2", "rich"]', "[tool.x]", "y = 1"
    )

    assert read.dependencies == (Requirement("Requests[socks] >=2"), Requirement("rich"))
    assert read.requires_python == SpecifierSet(">=3.11")
    assert read.metadata["tool"] == {"x": {"y": 1}}
    assert read.settings == Settings()


def test_an_empty_header_asks_for_nothing() -> None:
    read = header("")

    assert (read.dependencies, read.requires_python, read.metadata) == ((), None, {})


def test_values_travel_between_processes() -> None:
    script = parse(
        '# /// script\n# dependencies = ["six; os_name == \'nt\'"]\n# requires-python = ">3"\n# ///\n'
    )

    assert pickle.loads(pickle.dumps(script)) == script  # noqa: S301 - our own
    assert hash(script.header) == hash(pickle.loads(pickle.dumps(script.header)))  # noqa: S301


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        (["dependencies = 7"], 3, "dependencies is not a list of strings"),
        (["# why", 'dependencies = "six"'], 4, "dependencies is not a list of strings"),
        (["dependencies = [", '  "six",', "  3,", "]"], 3, "dependencies is not a list of strings"),
        (
            ["dependencies = [", '  "six",', '  "??",', "]"],
            5,
            "'??' is no requirement: Expected package name",
        ),
        (
            ["dependencies = [", '  # "??"', '  "six", "??",', "]"],
            5,
            "'??' is no requirement: Expected package name",
        ),
        (["dependencies = [", '  "-r x",', "]"], 4, "'-r x' is an option, not a requirement"),
        (['dependencies = ["six\\n--pre"]'], 3, "'six\\n--pre' is no requirement: it holds a line break"),
        (['dependencies = ["a\\u2028"]'], 3, "'a\\u2028' is no requirement: it holds a line break"),
        (
            ['dependencies = ["a @ https://me:secret@h/x y z"]'],
            3,
            "'a @ https://h/x y z' is no requirement: ",
        ),
        (
            ["dependencies = [\"six; sys_platform ~= 'x'\"]"],
            3,
            "\"six; sys_platform ~= 'x'\" is no requirement",
        ),
        (["dependencies = [\"six; 'x' in extras\"]"], 3, "\"six; 'x' in extras\" is no requirement"),
        (
            ["dependencies = [\"six; 'linux' == 'linux'\"]"],
            3,
            "\"six; 'linux' == 'linux'\" is no requirement",
        ),
        (
            ['dependencies = ["six @ https://[::1/six.whl"]'],
            3,
            "'six @ https://[::1/six.whl' is no requirement",
        ),
        (["dependencies = [", '  "six",', f'  "a; {"(" * 3000}",', "]"], 5, "'a; (((((((("),
        (["requires-python = 3.11"], 3, "requires-python is not a string"),
        (["", 'requires-python = "3.11"'], 4, "requires-python '3.11' is no version specifier"),
        (['requires-python = ">=3.11,!=%s"' % ("9" * 5000)], 3, "requires-python '>=3.11,!=9999"),
        (['dependencies = ["six!=%s"]' % ("9" * 5000)], 3, "'six!=9999"),
        (["a = 1", "a = 2"], 4, "the header is not valid TOML: cannot overwrite a value"),
        (["a = ["], 3, "the header is not valid TOML: "),
        (["a = 1", "b = [", "", ""], 4, "the header is not valid TOML: "),
        (["a = " + "[" * 2000], 3, "the header is nested too deeply"),
        (["", "a" + ".a" * 100 + " = 1"], 4, "the header has a key of more than 32 parts"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(lines: list[str], line: int, reason: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        header(*lines)

    assert str(caught.value).startswith(reason)
    assert caught.value.line == line
    assert "secret" not in str(caught.value)


def test_a_block_that_swallows_another_says_how_to_set_it_off() -> None:
    with pytest.raises(InvalidScript) as caught:
        parse("# /// script\n# a = 1\n# ///\n# /// other\n# b = 2\n# ///\n")

    assert caught.value.line == 3
    assert (
        caught.value.hint == "a block goes on to the last `# ///` below it; put an empty line between blocks"
    )


def test_a_header_longer_than_anybody_writes_is_refused() -> None:
    with pytest.raises(InvalidScript) as caught:
        parse("\n# /// script\n" + "# # comment\n" * 6000 + "# ///\n")

    assert (caught.value.line, str(caught.value)) == (2, "the header is longer than 64 KiB")


def test_a_long_header_is_read() -> None:
    names = [f"package-{number}" for number in range(1000)]

    script = parse(
        "# /// script\n# dependencies = [\n" + "".join(f'#   "{n}",\n' for n in names) + "# ]\n# ///\n"
    )

    assert script.header is not None
    assert [requirement.name for requirement in script.header.dependencies] == names


@pytest.mark.parametrize(
    "written", ["idna >= 99", "Idna>=99;python_version>='3'", "idna[b,a]>=99", "idna>=99, <100"]
)
def test_the_line_of_a_dependency_is_known_however_it_is_written(written: str) -> None:
    read = header("dependencies = [", '  "six",', f'  "{written}",', "]")

    assert read.line_of(str(Requirement(written))) == 5


def test_no_bound_for_python_is_none_at_all() -> None:
    assert header('requires-python = ""').requires_python is None


def test_the_line_of_a_dependency_or_a_key_is_known() -> None:
    read = header(
        "# six",
        "dependencies = [",
        '  "attrs",  # "six"',
        "  'six', \"rich\",",
        "]",
        "[tool.scriptlock]",
        '"required" = true',
        "tool.x.y = '''",
        "rich'''",
        "[tool.uv]",
        "x = [{ y = 1 }]",
    )

    places = {
        text: read.line_of(text)
        for text in ("attrs", "six", "rich", "dependencies", "tool.scriptlock.required")
    }
    assert places == {"attrs": 5, "six": 6, "rich": 6, "dependencies": 4, "tool.scriptlock.required": 9}
    assert read.line_of("tool.uv.x") == 13
    assert read.line_of("nothing") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('dependencies = ["a", "b"]', 'dependencies = [ # why\n  "b",\n  \'a\',\n  "a",\n]'),
        (
            "dependencies = [\"A_b.C [ y , X ] >= 2,<3 ; os_name=='nt'\"]",
            'dependencies = ["a-b-c[x,y]<3,>=2; os_name == \\"nt\\""]',
        ),
        ('dependencies = ["a"]\nrequires-python = ""', 'dependencies = ["a"]'),
        ('requires-python = ">=3,<4"', 'requires-python = "<4, >=3"\ndependencies = []'),
        ("", "[tool.scriptlock]\nrequired = true\nprereleases = false\nconstraints = []"),
        ("[tool.scriptlock]\nconstraints = ['A<2', 'b']", "[tool.scriptlock]\nconstraints = ['b', 'a <2']"),
        (
            "[tool.scriptlock]\nallow-sdist = ['A_b', 'c']",
            "[tool.scriptlock]\nallow-sdist = ['c', 'a-b', 'c']",
        ),
        (
            "[tool.scriptlock]\nenvironments = ['linux', 'macos']",
            "tool.scriptlock.environments = ['macos', 'linux']",
        ),
        ("dependencies = ['a @ https://me:pw@h/x']", "dependencies = ['a@ https://h/x']"),
        ("", "[tool.uv]\nx = 1"),
    ],
)
def test_the_same_asked_in_other_words_has_the_same_inputs(one: str, other: str) -> None:
    assert header(one).inputs == header(other).inputs


def test_whatever_changes_a_resolution_changes_the_inputs() -> None:
    different = [
        "",
        "dependencies = ['a']",
        "dependencies = ['b']",
        "dependencies = ['a>1']",
        "dependencies = ['a>=1']",
        "dependencies = ['a[x]']",
        "dependencies = ['a[y]']",
        "dependencies = ['a', 'b']",
        "dependencies = [\"a; os_name == 'nt'\"]",
        "dependencies = ['a @ https://h/a.whl']",
        "dependencies = ['a @ https://h/b.whl']",
        "requires-python = '>=3.11'",
        "requires-python = '>=3.12'",
        "[tool.scriptlock]\nprereleases = true",
        "[tool.scriptlock]\nexclude-newer = '7 days'",
        "[tool.scriptlock]\nexclude-newer = '2026-11-01'",
        "[tool.scriptlock]\nindex-url = 'https://h/simple'",
        "[tool.scriptlock]\nconstraints = ['a']",
        "[tool.scriptlock]\nallow-sdist = ['a']",
        "[tool.scriptlock]\nenvironments = ['linux']",
    ]

    digests = [header(text).inputs for text in different]

    assert len(set(digests)) == len(different)
    assert all(re.fullmatch(r"v1:[0-9a-f]{32}", found) for found in digests)


def test_the_inputs_of_a_header_never_change_between_versions() -> None:
    read = header('dependencies = ["requests<3", "rich"]', 'requires-python = ">=3.11"')

    assert header("").inputs == "v1:139dba1665df00a4f53da6e020a899a3"
    assert read.inputs == "v1:7e8a40c3011964a55cd46fa001ba3698"


NAMES = st.sampled_from(["six", "Rich", "A_b", "c.d", "e-f"])
BOUNDS = st.sampled_from(["", ">=1", "<2,>1.0", "==1.*", "~=2.1"])
MARKERS = st.sampled_from(["", "os_name == 'nt'", "python_version < '3.12' and sys_platform == 'linux'"])
ASKED = st.lists(st.tuples(NAMES, st.sets(st.sampled_from("xyz"), max_size=2), BOUNDS, MARKERS), max_size=5)


def written(draw: Any, asked: list[tuple[str, set[str], str, str]]) -> str:
    """Return a header that asks for these, in a spelling that is up to hypothesis."""
    lines = []
    for name, extras, bounds, marker in draw(st.permutations(asked)):
        spellings = [name, name.lower(), name.upper(), re.sub("[_.-]", "__", name)]
        spelling = draw(st.sampled_from(spellings))
        gap = draw(st.sampled_from(["", " "]))
        shown = ",".join(draw(st.permutations(sorted(extras))))
        order = ",".join(draw(st.permutations(bounds.split(","))))
        text = f"{spelling}{gap}[{shown}]{gap}{order}" if shown else f"{spelling}{gap}{order}"
        text += f"{gap};{gap}{marker}" if marker else ""
        text = text.replace("'", draw(st.sampled_from(["'", '"'])))
        quoted = '"' + text.replace('"', '\\"') + '"' if draw(st.booleans()) or "'" in text else f"'{text}'"
        lines += [quoted] * draw(st.integers(1, 2))
    gap = draw(st.sampled_from([" ", "\n  ", "  # why\n"]))
    return f"dependencies = [{gap}" + "".join(f"{line},{gap}" for line in lines) + "]"


@given(asked=ASKED, data=st.data())
def test_spelling_never_changes_the_inputs(
    asked: list[tuple[str, set[str], str, str]], data: st.DataObject
) -> None:
    first, second = written(data.draw, asked), written(data.draw, asked)

    assert header(first).inputs == header(second).inputs


@given(one=ASKED, other=ASKED)
@example(one=[("six", set(), "", "")], other=[("six", {"x"}, "", "")])
def test_asking_for_something_else_always_changes_the_inputs(
    one: list[tuple[str, set[str], str, str]], other: list[tuple[str, set[str], str, str]]
) -> None:
    assume({repr(asked) for asked in one} != {repr(asked) for asked in other})
    plain = [
        'dependencies = ["'
        + '", "'.join(f"{n}[{','.join(e)}]{b}; {m}".removesuffix("; ") for n, e, b, m in asked)
        + '"]'
        for asked in (one, other)
        if asked
    ]

    assert len({header(text).inputs for text in plain}) == len(plain)
