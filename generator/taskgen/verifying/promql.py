"""Which series a PromQL expression asks for: names and label matchers, without functions, keywords and grouping labels.

promtool 2.42 checks the syntax, but has no command that lists the metrics.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<number>(?:[0-9]+(?:ms|[smhdwy]))+|0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<sign>=~|!~|!=|==|<=|>=|.)
    """,
    re.VERBOSE,
)
_LISTS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
"""Keywords that a list of labels in parentheses follows."""
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"})
_NAME: Final = "__name__"


@dataclass(frozen=True, slots=True)
class Selector:
    """One series selector: `task_queue_depth{tier="high"}`."""

    name: str
    """of the metric; empty when only a pattern names it"""
    equal: tuple[tuple[str, str], ...] = ()
    """matchers with `=`"""
    labels: tuple[str, ...] = ()
    """labels of all matchers"""

    def value(self, label: str) -> str | None:
        """Return the value that a label must have, None when the selector leaves it open."""
        return dict(self.equal).get(label)


def _tokens(expression: str) -> list[tuple[str, str]]:
    found = ((str(match.lastgroup), match[0]) for match in _TOKEN.finditer(expression))
    return [token for token in found if token[0] != "space"]


def selectors(expression: str) -> Iterator[Selector]:
    """Yield the selectors of an expression, in their order."""
    tokens = _tokens(expression)
    position = 0
    while position < len(tokens):
        kind, text = tokens[position]
        following = tokens[position + 1][1] if position + 1 < len(tokens) else ""
        position += 1
        if kind == "sign" and text == "{":
            selector, position = _matchers("", tokens, position)
            yield selector
        elif kind == "sign" and text == "[":
            position = _after(tokens, position, "]")
        elif kind == "sign" and text == "@":
            position += 1
        elif kind != "name":
            continue
        elif text.lower() in _LISTS:
            position = _after(tokens, position, ")") if following == "(" else position
        elif text.lower() in _WORDS or following == "(" or following.lower() in {"by", "without"}:
            continue
        elif following == "{":
            selector, position = _matchers(text, tokens, position + 1)
            yield selector
        else:
            yield Selector(text)


def _after(tokens: list[tuple[str, str]], position: int, end: str) -> int:
    """Return the position behind the next closing bracket; neither lists of labels nor ranges have one inside."""
    while position < len(tokens) and tokens[position][1] != end:
        position += 1
    return position + 1


def _matchers(name: str, tokens: list[tuple[str, str]], position: int) -> tuple[Selector, int]:
    """Read matchers up to the closing brace; return the selector and the position behind it."""
    equal: dict[str, str] = {}
    labels: list[str] = []
    while position < len(tokens) and tokens[position][1] != "}":
        if tokens[position][0] == "name" and position + 2 < len(tokens):
            label, sign, value = (tokens[position + step][1] for step in range(3))
            labels.append(label)
            if sign == "=":
                equal[label] = value[1:-1]
            position += 2
        position += 1
    found = equal.pop(_NAME, name)
    kept = tuple(label for label in labels if label != _NAME)
    return Selector(found, tuple(equal.items()), kept), position + 1
