"""What Python's tokenizer makes of a script, whichever Python it is for."""

from __future__ import annotations

import io
import tokenize

from scriptlock.errors import InvalidScript

# SystemError: CPython 3.13.0 raises it for some broken texts.
_TROUBLE = (tokenize.TokenError, SyntaxError, ValueError, SystemError, RecursionError, MemoryError)


def find_comment_lines(text: str) -> frozenset[int]:
    """Return the 1-based lines that are a comment from column 0 on.

    Newer syntax than ours and Python 2 pass, as long as our tokenizer gets to the end.

    :raises InvalidScript: naming the line, if the text ends inside a string, a bracket or a
        continued line, or cannot be tokenized for another reason.
    """
    # A StringIO splits lines on \n only; a text without a last newline would hide a backslash before its end.
    lines = io.StringIO(text if text.endswith("\n") else f"{text}\n")
    try:
        return frozenset(
            token.start[0]
            for token in tokenize.generate_tokens(lines.readline)
            if token.type == tokenize.COMMENT and token.start[1] == 0
        )
    except _TROUBLE as error:
        raise InvalidScript(f"Python cannot tokenize the script: {_reason(error)}", _line(error)) from error


def _reason(error: Exception) -> str:
    return str(error.args[0]) if error.args and isinstance(error.args[0], str) else type(error).__name__


def _line(error: Exception) -> int | None:
    if isinstance(error, SyntaxError):
        return error.lineno
    if isinstance(error, tokenize.TokenError):
        line: int = error.args[1][0]
        return line
    return None
