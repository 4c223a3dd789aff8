"""Syntax errors of YAML in plain words."""

import re
from typing import Any, Final

from taskgen.errors import Position, Problem, ProfileError

# What YAML allows as text, less the three line breaks that editors do not count as such (NEL, LS, PS).
_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

_QUOTE: Final = "put the value in quotes"
_PLAIN_WORDS: Final = (
    (r"found character '\\t'", "a tab cannot indent: use spaces"),
    (r"found character '(.)' that cannot start", "text cannot begin with {}: " + _QUOTE),
    (r"mapping values are not allowed", "a ':' where no key can stand: indent like the lines above, or " + _QUOTE),
    (r"sequence entries are not allowed", "a list cannot begin here: put its '-' on a line of its own"),
    (r"expected ',' or '(.)'", "the list or mapping in brackets is not closed: add ',' or '{}'"),
    (
        r"unexpected end of stream|while scanning a quoted scalar",
        "the text in quotes is not closed: add the closing quote",
    ),
    (r"expected the node content", "a value is missing here, or a bracket is not closed: add it"),
    (r"expected alphabetic or numeric character", "text cannot begin with * or &: " + _QUOTE),
    (r"expected <block end>", "the indentation fits nothing above: indent like the lines that belong together"),
    (r"could not find expected ':'", "a key without ':': add it, or indent the line as part of the value above"),
    (r"unknown escape character", "an unknown escape after \\ in double quotes: write \\\\, or use single quotes"),
    (
        r"escape sequence",
        "an escape after \\ in double quotes needs hexadecimal digits: write \\\\, or use single quotes",
    ),
    (r"undefined tag handle|scanning a tag|parsing a tag|tag", "tags are not allowed: quote text that begins with '!'"),
    (
        r"directive|<document start>",
        "a line that begins with '%' is not part of a profile: remove it, or quote the value",
    ),
    (
        r"block scalar|indentation indicator",
        "after | or > only + - or a digit may stand: put the text on the next lines",
    ),
)


def check_characters(text: str, file: str) -> None:
    """Refuse characters that cannot be seen and that programs disagree on.

    Raises:
        ProfileError: a control character, or a line break that editors do not show as one.
    """
    match = _FORBIDDEN.search(text)
    if match is not None:
        message = f"the invisible character U+{ord(match[0]):04X}: remove it, or write it as an escape in double quotes"
        raise ProfileError(Problem(_position(text, match.start(), file), "", message))


def syntax_problem(error: Any, text: str, file: str) -> Problem:  # noqa: ANN401  # ruamel.yaml's errors are untyped
    """Say what a parser error means; never repeats text of the file."""
    mark = error.problem_mark or error.context_mark
    position = Position(file, mark.line + 1, mark.column + 1)
    technical = f"{error.context or ''} {error.problem or ''}"
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        column = len(line) - len(line.lstrip(" ")) + 1
        return Problem(Position(file, mark.line + 1, column), "", "a tab cannot indent: use spaces")
    if "quoted" in technical and error.context_mark is not None and "end of stream" in technical:
        position = Position(file, error.context_mark.line + 1, error.context_mark.column + 1)
    for pattern, words in _PLAIN_WORDS:
        match = re.search(pattern, technical)
        if match is not None:
            return Problem(position, "", f"not valid YAML: {words.format(*match.groups())}")
    return Problem(position, "", "not valid YAML: check indentation, quotes and brackets here and on the line above")


def _position(text: str, offset: int, file: str) -> Position:
    before = text[:offset]
    return Position(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
