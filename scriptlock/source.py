r"""Where things stand in the bytes of a script: its encoding, its header, its footer.

Lines end on ``\n`` and ``\r\n`` and on nothing else. The encodings let through here leave every
ASCII byte alone, so what is ASCII can be looked for without decoding.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import islice

from scriptlock.errors import InvalidFooter, InvalidScript

BOM = codecs.BOM_UTF8
BEGIN = b"# >>> scriptlock >>>"
END = b"# <<< scriptlock <<<"

SAFE_ENCODINGS = frozenset(
    "utf-8 ascii koi8-r koi8-t koi8-u cp437 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 "
    "cp863 cp865 cp866 cp869 cp874 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 "
    "iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 "
    "iso8859-11 iso8859-13 iso8859-14 iso8859-15 iso8859-16 "
    "mac-cyrillic mac-greek mac-iceland mac-latin2 mac-roman mac-turkish".split()
)
"""Names as :func:`codecs.lookup` gives them. In the others (UTF-7, unicode_escape, ISO-2022, Shift JIS …)
ASCII bytes may mean something else, so that a footer could become code."""

# PEP 263; a name longer than any codec's is not worth looking up.
_COOKIE = re.compile(rb"coding[:=][ \t]*([-\w.]+)")
_COMMENT_LINE = re.compile(rb"[ \t\f]*#")
_BLANK_LINE = re.compile(rb"[ \t\f\r]*\Z")
_LONGEST_NAME = 40


def find_encoding(text: bytes) -> str:
    """Return the codec that Python reads the script with (PEP 263), if a footer is safe in it.

    :raises InvalidScript: if it is unknown, contradicts a byte order mark, or is not one of SAFE_ENCODINGS.
    """
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidScript("the file is UTF-16, which Python does not read", 1, "save it as UTF-8")
    cookie, line = _find_cookie(text)
    if cookie is None:
        return "utf-8"
    hint = "use UTF-8, or an encoding of single bytes that extends ASCII, such as latin-1 or cp1252"
    try:
        codec = codecs.lookup(_usual_name(cookie)).name if len(cookie) <= _LONGEST_NAME else ""
    except LookupError:
        codec = ""
    if not codec:
        raise InvalidScript(f"no encoding is called {cookie[:_LONGEST_NAME]!r}", line, hint)
    if text.startswith(BOM) and codec != "utf-8":
        reason = f"the byte order mark says UTF-8, but the coding line says {cookie!r}"
        raise InvalidScript(reason, line, "remove one of the two")
    if codec not in SAFE_ENCODINGS:
        raise InvalidScript(f"a footer would not be safe in a file encoded as {cookie!r}", line, hint)
    return codec


def _find_cookie(text: bytes) -> tuple[str | None, int]:
    start = len(BOM) if text.startswith(BOM) else 0
    for line in (1, 2):
        end = text.find(b"\n", start)
        first = text[start:] if end < 0 else text[start:end]
        is_comment = _COMMENT_LINE.match(first)
        if is_comment and (cookie := _COOKIE.search(first)):
            return cookie[1].decode("ascii"), line
        if end < 0 or not (is_comment or _BLANK_LINE.match(first)):
            break
        start = end + 1
    return None, 1


def _usual_name(cookie: str) -> str:
    # As CPython does: `utf-8-unix` and `latin-1-dos`, as Emacs writes them, are utf-8 and latin-1.
    name = cookie[:12].lower().replace("_", "-")
    for usual in ("utf-8", "latin-1", "iso-8859-1", "iso-latin-1"):
        if name == usual or name.startswith(f"{usual}-"):
            return "utf-8" if usual == "utf-8" else "latin-1"
    return cookie


def decode(text: bytes, codec: str) -> str:
    """Return the text without its byte order mark, line endings as they are.

    :raises InvalidScript: naming the line and the offset of the first byte that the codec refuses.
    """
    try:
        return text.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        byte = text[error.start]
        raise InvalidScript(
            f"byte 0x{byte:02x} at offset {error.start} is not valid {codec.upper()}",
            line_at(text, error.start),
            "save the file as UTF-8, or name its encoding in line 1 or 2 (PEP 263)",
        ) from error


def line_at(text: bytes, offset: int) -> int:
    """Return the 1-based line that the offset is in."""
    return text.count(b"\n", 0, offset) + 1


def refuse_binary(text: bytes) -> None:
    """Raise InvalidScript if lines of the text are not what they seem: for NUL and for bare CR."""
    if (offset := text.find(b"\0")) >= 0:
        raise InvalidScript("the file holds a NUL byte, so it is no Python source", line_at(text, offset))
    if bare := re.search(rb"\r(?!\n)", text):
        reason = "a line ends with a bare CR, which tools disagree about"
        raise InvalidScript(reason, line_at(text, bare.start()), "convert the line endings to LF or CRLF")


OPENING = b"\n# /// script\n"
CLOSING = b"\n# ///\n"
_NOT_COMMENT = re.compile(rb"\n(?!#[ \n])")
# Backwards: the greedy dot runs to the end in one step and is given back until the rest fits.
_LAST_NOT_COMMENT = re.compile(rb".*\n(?!#[ \n])[^\n]*+(?=\n)", re.DOTALL)
_OPENS = re.compile(rb"\n# /// [a-zA-Z0-9-]++(?=\n)")
# What holds no header, passed over without leaving the regular expression engine: a run from a line that
# opens a block of another type, or a short one that nothing closes, and some of the lines after it.
# Atomic groups, here and elsewhere: before Python 3.11.5, a possessive repetition of a group went wrong.
_BARREN = re.compile(
    rb"%(other)b(?>(?:(?:# /// (?!script\n)[a-zA-Z0-9-]++\n(?>(?:%(comment)b)*)"
    rb"|# /// script\n(?>(?:%(comment)b)?)(?>(?:(?!# ///\n)%(comment)b){0,30})(?!#[ \n]))"
    rb"%(other)b)*)" % {b"comment": rb"#(?:\n| [^\n]*+\n)", b"other": rb"(?>(?:(?!#[ \n])[^\n]*+\n){0,100})"}
)


def frame(text: bytes) -> bytes:
    r"""Return the text as the functions below want it: ``\n`` before, between and after all lines, no BOM.

    Line numbers stay, and the break before line n is the n-th.
    """
    lines = text.removeprefix(BOM)
    return b"\n%b\n" % (lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines)


def find_headers(framed: bytes) -> Iterator[slice]:
    """Yield where PEP 723's reference regular expression finds a ``script`` block, from break to break.

    That expression is quadratic, this is linear. It rests on one fact: in a run of comment lines the
    expression matches at most once, from the first line that opens a block of any type to the last
    ``# ///``, if that is two or more lines below.
    """
    done, last = 0, framed.rfind(CLOSING)
    while 0 <= (opening := framed.find(OPENING, done)) < last:
        before = _LAST_NOT_COMMENT.match(framed, done, opening + 1)
        first = _OPENS.search(framed, before.end() if before else done, opening + len(OPENING))
        done = first.start() if first else opening
        if done == opening:
            done = find_run_end(framed, opening)
            below = framed.find(b"\n", opening + len(OPENING))
            closing = framed.rfind(CLOSING, below, done + 1)
            if closing > opening:
                yield slice(opening, closing + len(CLOSING) - 1)
        barren = _BARREN.match(framed, done + 1)
        done = barren.end() - 1 if barren else done


def find_run_end(framed: bytes, start: int) -> int:
    """Return the break before the first line after the break ``start`` that is no ``#`` or ``# …`` line."""
    end = _NOT_COMMENT.search(framed, start)
    return end.start() if end else len(framed) - 1


def uncomment(block: bytes) -> bytes:
    """Return what stands between the first and the last line of a framed block, without ``# `` or ``#``."""
    inner = block[block.index(b"\n", 1) : block.rindex(b"\n", 0, -1)]
    return inner.replace(b"\n#", b"\n").replace(b"\n ", b"\n")[1:] + b"\n"


_SENTINEL = rb"\n%b(?=\r?\n|\Z)"
_BEGIN_LINE = re.compile(_SENTINEL % BEGIN)
_END_LINE = re.compile(_SENTINEL % END)


def find_footer(text: bytes) -> slice | None:
    """Return where the footer stands, from its begin line to the line break after its end line.

    :raises InvalidFooter: if its two lines are not there once each, in order.
    """
    if b" scriptlock " not in text:
        return None
    start = len(BOM) if text.startswith(BOM) else 0
    framed = b"\n" + text[start:]
    begins, ends = _places(_BEGIN_LINE, framed), _places(_END_LINE, framed)
    if not begins and not ends:
        return None
    if again := begins[1:] or ends[1:]:
        reason = "a second footer, or half of one, stands here"
        hint = "leave one footer, or none and run `scriptlock lock`"
        raise InvalidFooter(reason, line_at(framed, again[0]), hint)
    if not ends:
        reason = "a footer begins here and never ends"
        raise InvalidFooter(reason, line_at(framed, begins[0]), "delete what is left of it")
    if not begins or ends < begins:
        reason = "a footer ends here without a begin line before it"
        raise InvalidFooter(reason, line_at(framed, ends[0]), "delete what is left of it")
    stop = text.find(b"\n", start + ends[0])
    return slice(start + begins[0], len(text) if stop < 0 else stop + 1)


def _places(sentinel: re.Pattern[bytes], framed: bytes) -> list[int]:
    """Return where the line stands, twice at most."""
    return [match.start() for match in islice(sentinel.finditer(framed), 2)]
