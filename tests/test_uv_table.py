from __future__ import annotations

import pytest

from scriptlock.script import parse
from support.scripts import script

INDEX = "write `index-url` in [tool.scriptlock], or name it in pip's configuration"
CONFIGURATION = "name it in pip's configuration"
BOUNDS = "write `constraints` in [tool.scriptlock]"


def notices(*lines: str, dependencies: tuple[str, ...] = ("Rich", "idna>=3")) -> list[tuple[int, str]]:
    """Return the warnings about a script whose header has these lines, the first of which is line 6."""
    text = script(*dependencies).replace("# ///\n", "".join(f"# {line}\n" for line in (*lines, "///")))
    return [(notice.line, notice.message) for notice in parse(text).warnings]


def test_sources_of_dependencies_are_named() -> None:
    source = 'rich = { git = "https://host.example/rich" }'

    one = notices("[tool.uv.sources]", source)
    two = notices("[tool.uv]", "", f"sources.{source}", 'sources.IDNA = [{ path = "../idna" }]')
    other = notices("[tool.uv.sources]", 'part = { url = "https://host.example/part-1-py3-none-any.whl" }')

    start = "`sources` of [tool.uv] is not followed"
    assert one == [(6, f"{start} for Rich; write `Rich @ URL` in dependencies")]
    assert two == [(8, f"{start} for Rich, idna; write `name @ URL` in dependencies")]
    assert other == [(6, f"{start}; write `name @ URL` in dependencies")]


@pytest.mark.parametrize(
    ("key", "value", "instead"),
    [
        ("index", '[{ url = "https://host.example/simple" }]', INDEX),
        ("index-url", '"https://host.example/simple"', INDEX),
        ("extra-index-url", '["https://host.example/simple"]', CONFIGURATION),
        ("find-links", '["wheels"]', CONFIGURATION),
        ("constraint-dependencies", '["a<3"]', BOUNDS),
        ("override-dependencies", '["a<3"]', BOUNDS),
        ("exclude-newer", '"2026-01-01T00:00:00Z"', "write `exclude-newer` in [tool.scriptlock]"),
        ("prerelease", '"allow"', "write `prereleases` in [tool.scriptlock]"),
    ],
)
def test_each_key_that_decides_what_is_installed_is_named(key: str, value: str, instead: str) -> None:
    said = [(7, f"`{key}` of [tool.uv] is not followed; {instead}")]

    assert notices("[tool.uv]", f"{key} = {value}") == said
    assert notices("[tool]", f"uv = {{ {key} = {value} }}") == said


def test_a_list_of_tables_is_named_where_it_begins() -> None:
    entry = ("[[tool.uv.index]]", 'url = "https://host.example/simple"')

    assert notices(*entry, *entry) == [(6, f"`index` of [tool.uv] is not followed; {INDEX}")]


@pytest.mark.parametrize(
    "lines",
    [
        ["[tool.uv]", "package = false", "index = []"],
        ["[tool]", "uv = 3"],
        [
            "[tool.uv]",
            'exclude-newer = "2026-01-01T00:00:00Z"',
            'index-url = "https://host.example/simple"',
            'sources.idna = { index = "ours" }',
            "[tool.scriptlock]",
            'exclude-newer = "2026-01-01"',
            'index-url = "https://host.example/simple"',
        ],
    ],
)
def test_what_changes_nothing_or_is_said_to_us_as_well_is_no_trouble(lines: list[str]) -> None:
    assert notices(*lines) == []


def test_a_url_in_the_dependencies_is_what_a_source_would_be() -> None:
    url = "https://host.example/rich-1-py3-none-any.whl"

    assert notices("[tool.uv.sources]", f'rich = {{ url = "{url}" }}', dependencies=(f"rich @ {url}",)) == []
