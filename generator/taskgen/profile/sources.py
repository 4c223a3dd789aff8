"""Plain YAML scalars that keep the text they were written as, so that the field's type decides what they are."""

import re
from typing import Final, Self

_INTEGERS: Final = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = {
    f"{sign}.{word}": float(f"{sign}{number}")
    for number, words in (("inf", ("inf", "Inf", "INF")), ("nan", ("nan", "NaN", "NAN")))
    for sign in ("", "-", "+")
    for word in words
    if number == "inf" or not sign
}
_CONSTANTS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "false": False,
}  # fmt: skip
_SPELLED: Final = {"True": True, "TRUE": True, "False": False, "FALSE": False}
_NUMERIC_START: Final = frozenset("0123456789+-.")
_MOST_DIGITS: Final = 4000
"""Longer numbers stay text: Python converts at most 4300 digits, and no field takes so many."""


class SourceInt(int):
    """A whole number as written, such as `0o17` or `007`."""

    text: str

    def __new__(cls, text: str, base: int = 10) -> Self:
        """Read a whole number in the given base."""
        number = super().__new__(cls, text, base)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


class SourceFloat(float):
    """A number as written, such as `1.10` or `1e6`."""

    text: str

    def __new__(cls, text: str, value: float | None = None) -> Self:
        """Read a number; the value is given where Python would not read the text."""
        number = super().__new__(cls, text if value is None else value)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


class SpelledBool(str):
    """`True`, `FALSE` and their like: a truth value for YAML, but text for an environment variable."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return _SPELLED[str(self)]


Resolved = str | SourceInt | SourceFloat | bool | None


def resolve(text: str) -> Resolved:
    """Resolve a plain scalar by the core schema of YAML 1.2: `no`, dates and `1_000` are text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _SPELLED:
        return SpelledBool(text)
    if text[0] not in _NUMERIC_START or len(text) > _MOST_DIGITS:
        return text
    return _number(text)


def _number(text: str) -> Resolved:
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            return SourceInt(text, base)
    if _FLOAT.fullmatch(text):
        return SourceFloat(text)
    return SourceFloat(text, _NOT_FINITE[text]) if text in _NOT_FINITE else text


def source_text(value: object) -> object:
    """Return the text that a plain scalar was written as; anything else unchanged."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, SourceInt | SourceFloat):
        return value.text
    if isinstance(value, SpelledBool):
        return str.__str__(value)
    return str(value) if isinstance(value, int) else value


def plain(value: object) -> object:
    """Return a value of free form in the types of JSON: no source text, lists instead of tuples.

    Raises:
        ValueError: a number that JSON cannot carry, or a NUL character.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, SpelledBool):
        return bool(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124  # NaN differs from itself
            raise ValueError(f"{value} is not a finite number: quote it if it is text")
        return float(value)
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("a NUL character cannot be written into any artifact: remove it")
    return value
