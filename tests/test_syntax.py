from __future__ import annotations

import sys

import pytest

from scriptlock.errors import InvalidScript
from scriptlock.syntax import find_comment_lines


def test_comments_in_the_first_column_are_found() -> None:
    text = "#!/x\nx = 1  # no\n'''\n# no\n'''\nf(\n# yes\n)\nif x:\n    # no\n# yes\n    pass\n# last"

    assert find_comment_lines(text) == {1, 7, 11, 13}


def test_lines_end_where_python_ends_them() -> None:
    assert find_comment_lines("# a\u2028b\x0cc\x85d\r\n# e\r\n") == {1, 2}


@pytest.mark.parametrize(
    "text",
    [
        "type X = int\nmatch x:\n    case {'a': 1}: pass\nf'{x!r:>{10}}'\n",
        "f'{x['a']}'\n",
        "f'{\n1}'\n",
        "print 'hello'\n",
        "exec 'x' in y\nraise E, 'x'\n",
        "`x`\n",
        "x <> 0777\n",
        "",
        "\x0c\n",
    ],
)
def test_what_another_python_understands_is_let_through(text: str) -> None:
    assert find_comment_lines(f"{text}# end\n") == {text.count("\n") + 1}


@pytest.mark.parametrize(
    "text",
    ["'''", "(", "x = 1 \\", "x = 1 \\\n", "if 1:\n  a\n b\n", "x = '''\n# not a comment\n", "x = [\n# a\n"],
)
def test_what_does_not_come_to_an_end_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        find_comment_lines(text)

    assert caught.value.line is not None
    assert str(caught.value).startswith("Python cannot tokenize the script: ")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the tokenizer of 3.11 has no limits")
@pytest.mark.parametrize(
    "text", ["(" * 300 + ")" * 300, "\n".join(" " * depth + "if 1:" for depth in range(120))]
)
def test_what_our_tokenizer_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidScript):
        find_comment_lines(text)
