"""What the documentation shows is what happens: its examples run, and its commands exist."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import scriptlock
from scriptlock.cli.group import verbs
from support.index import Index
from support.wheels import wheel

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[ (/])scriptlock ([a-z-][^&|>)#\"]*)")
"""A command; what stands behind the program's name."""


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the blocks of code of a page: what they are, and their text."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [(found["kind"], found["text"]) for found in BLOCK.finditer(text)]


def example_of_the_format() -> str:
    (text,) = (text for kind, text in blocks("format.md") if kind == "python" and text.startswith("# ///"))
    return text


def test_the_example_of_the_format_is_what_the_writer_writes() -> None:
    example = example_of_the_format()
    script = scriptlock.parse(example)

    bare = scriptlock.embed(example, None)

    assert (script.warnings, scriptlock.parse(bare).lock) == ((), None)
    assert scriptlock.embed(bare, script.lock) == example


@pytest.mark.parametrize(("number", "name"), [(0, "inputs"), (1, "content")])
def test_the_digests_of_the_format_are_those_of_the_json_that_is_shown(number: int, name: str) -> None:
    shown = [text for kind, text in blocks("format.md") if kind == "json"][number].rstrip("\n")
    example = example_of_the_format()
    script = scriptlock.parse(example)
    assert script.header

    digest = f"v1:{hashlib.sha256(shown.encode()).hexdigest()[:32]}"

    assert f'# | {name} = "{digest}"\n' in example
    assert (name == "content") or digest == script.header.inputs
    assert json.dumps(json.loads(shown), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == shown


def test_the_examples_of_the_library_print_what_is_shown(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(
        wheel("rich", "15.0.0", requires=["idna>=3"], files={"rich/__init__.py": ""}), wheel("idna", "3.19")
    )
    (_, script), *examples = blocks("library.md")
    (tmp_path / "report.py").write_text(script, "utf-8")
    code = [text for kind, text in examples if kind == "python"]
    shown = [text for kind, text in examples if kind == "text"]
    program = tmp_path / "examples.py"
    between = "print('----', flush=True)\n"
    # The processes that an example starts read this file, too, and have to get along without its end.
    body = between.join(code).replace("\n", "\n    ")
    program.write_text(f"if __name__ == '__main__':\n    {body}\n", "utf-8")

    done = subprocess.run(
        [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.stderr == ""
    assert done.stdout.split("----\n") == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text(encoding="utf-8"))

    for link in links:
        name, _, place = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        titles = re.findall(r"(?m)^#+ (.+)$", target.read_text(encoding="utf-8"))
        assert not place or place in {title.lower().replace(" ", "-") for title in titles}, link


def commands(text: str, *, indent: int = 4) -> list[list[str]]:
    """Return the words behind the name of the program, for every command that a text shows.

    :param indent: spaces before lines that are code.
    """
    shown = re.findall(rf"`([^`\n]+)`|^((?: {{{indent}}}|[$] |.*&& ).+)$", text, re.MULTILINE)
    found = [words for span, line in shown for words in COMMAND.findall(span or line)]
    return [shlex.split(words.replace("[", "").replace("]", "")) for words in found]


def verbs_of(group: click.Group) -> dict[str, click.Command]:
    """Return the commands of a group, by name."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: verb for name, verb in found.items() if verb}


def inner_verbs(verb: click.Command) -> dict[str, click.Command]:
    """Return the commands of a command, by name."""
    if not isinstance(verb, click.Group):
        return {}
    context = click.Context(verb)
    found = {name: verb.get_command(context, name) for name in verb.list_commands(context)}
    return {name: command for name, command in found.items() if command}


def require_known(words: list[str]) -> None:
    """Return if there is a command of that name, and it has the options."""
    verb: click.Command = verbs
    rest = words
    while rest and rest[0] in (inner := inner_verbs(verb)):
        verb, rest = inner[rest[0]], rest[1:]
    assert not isinstance(verb, click.Group), words
    known = {name for option in verb.params for name in (*option.opts, *option.secondary_opts)}
    # What follows the script is the script's own.
    ours = rest[: next((i for i, word in enumerate(rest) if word.endswith((".py", "PATH"))), None)]
    assert {word for word in ours if re.match("--?[a-zA-Z]", word)} <= known, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        require_known(words)


def every_verb() -> Iterator[click.Command]:
    """Yield the program, its commands and theirs."""
    pending: list[click.Command] = [verbs]
    while pending:
        verb = pending.pop()
        if isinstance(verb, click.Group):
            pending += verbs_of(verb).values()
        yield verb


def test_the_examples_in_the_help_are_commands_that_exist() -> None:
    for verb in every_verb():
        shown = commands(inspect.cleandoc(verb.help or ""), indent=2)
        assert shown, verb.name
        for words in shown:
            require_known(words)


def test_the_pages_on_commands_name_every_verb_and_every_option() -> None:
    page = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("commands.md", "cache.md"))
    options = {
        (verb.name, option.opts[-1])
        for verb in every_verb()
        for option in verb.params
        if isinstance(option, click.Option) and verb is not verbs
    }

    names = {verb.name for verb in every_verb() if verb is not verbs}
    assert [name for name in names if not re.search(rf"[ `]{name}\b", page)] == []
    assert [option for option in options if not re.search(rf"[ `[]{option[1]}\b", page)] == []
