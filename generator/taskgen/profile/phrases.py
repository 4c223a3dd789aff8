"""One sentence for each kind of error that the models know, without words that only programmers know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from taskgen.profile.nodes import Items, Keys, Node, Scalar
from taskgen.profile.sources import SourceFloat, SourceInt, SpelledBool, resolve
from taskgen.profile.wording import listed, nearest, shown

_REFERENCE: Final = "a reference {secret: name, key: k}"

# Expected kind of value by the type of pydantic's error.
_KINDS: Final = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "none_required": "nothing",
}

_LIMITS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than": lambda context: f"must be more than {_number(context['gt'])}",
    "greater_than_equal": lambda context: f"must be at least {_number(context['ge'])}",
    "less_than": lambda context: f"must be less than {_number(context['lt'])}",
    "less_than_equal": lambda context: f"must be at most {_number(context['le'])}",
    "too_short": lambda context: _at_least(context["min_length"], "item"),
    "too_long": lambda context: f"must have at most {context['max_length']} items",
    "string_too_short": lambda context: _at_least(context["min_length"], "character"),
    "string_too_long": lambda context: f"must have at most {context['max_length']} characters",
    "finite_number": lambda _: "must be a finite number",
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is wrong with a value: it is of another kind than expected, or it breaks a rule of its own."""

    message: str = ""
    expected: tuple[str, ...] | None = None
    """kinds of values that would fit, when none of them was given"""
    choices: tuple[str, ...] = ()
    """those among the expected that are words to choose from"""

    def text(self, node: Node | None) -> str:
        """Return the sentence about a value."""
        if self.expected is None:
            return self.message
        if isinstance(node, Scalar) and node.value is None:
            return f"must be {listed(self.expected)}, but nothing is given: add it, or remove the key"
        if _REFERENCE in self.expected and isinstance(node, Scalar):
            # Where a reference belongs, a text is most likely the secret itself: it is not repeated.
            return f"must be {listed(self.expected)}, not a value written here"
        return f"must be {listed(self.expected)}, not {_given(node)}{self._remedy(node)}"

    def _remedy(self, node: Node | None) -> str:
        if not isinstance(node, Scalar):
            return ""
        near = nearest(node.text, self.choices) if self.choices and node.text not in self.choices else None
        if near:
            return f": did you mean '{near}'?"
        if not node.is_plain and _fits(resolve(node.text), self.expected or ()):
            return ": remove the quotes"
        rewritten = _rewritten(node, self.expected or ())
        return f": write {rewritten}" if rewritten else ""


def _rewritten(node: Scalar, expected: tuple[str, ...]) -> str | None:
    """Return what was probably meant, as it should be written."""
    number = node.value
    if expected == ("text",) and not isinstance(number, str):
        return "it in quotes"
    if "true or false" in expected:
        return {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(node.text.lower())
    if (
        "a whole number" in expected
        and isinstance(number, SourceFloat)
        and number.is_integer()
        and abs(number) < _EXACT
    ):
        return str(int(number))
    return f"[{shown(number)}]" if expected == ("a list",) else None


_EXACT: Final = 2.0**53
"""Up to here a float holds a whole number exactly."""


def phrase_for(kind: str, context: Mapping[str, Any], node: Node | None) -> Phrase:
    """Return the phrase for one error of the models."""
    expected, choices = _expected(kind, context)
    if expected:
        return Phrase(expected=expected, choices=choices)
    if kind in _LIMITS:
        given = f", not {shown(node.value)}" if isinstance(node, Scalar) and not isinstance(node.value, str) else ""
        return Phrase(f"{_LIMITS[kind](context)}{given}")
    cause = context.get("error")
    if cause is not None:
        if isinstance(node, Scalar) and node.value is None:
            return Phrase("nothing is given: add a value, or remove the key")
        return Phrase(str(cause))
    return Phrase("does not fit here: `taskgen schema` describes what does")


def _expected(kind: str, context: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the kinds of values that would fit, and those among them that are words to choose from."""
    if kind == "literal_error":
        choices = tuple(_choices(str(context["expected"])))
        return choices, choices
    if kind in {"model_type", "model_attributes_type"}:
        return (_REFERENCE if context.get("class_name") == "SecretKey" else "a mapping",), ()
    return ((_KINDS[kind],) if kind in _KINDS else ()), ()


def _choices(expected: str) -> list[str]:
    """Take pydantic's `'a', 'b' or 'c'` apart."""
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",")]


def _given(node: Node | None) -> str:
    if not isinstance(node, Scalar):
        return "a list" if isinstance(node, Items) else "a mapping" if isinstance(node, Keys) else "this"
    if isinstance(node.value, SourceInt | SourceFloat):
        return f"the number {shown(node.value)}"
    return node.text if isinstance(node.value, bool | SpelledBool) else f"the text {shown(node.text)}"


def _fits(value: object, expected: tuple[str, ...]) -> bool:
    return (
        ("a whole number" in expected and isinstance(value, SourceInt))
        or ("a number" in expected and isinstance(value, SourceInt | SourceFloat))
        or ("true or false" in expected and isinstance(value, bool | SpelledBool))
    )


def _number(limit: object) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _at_least(count: int, what: str) -> str:
    return "must not be empty" if count == 1 else f"must have at least {count} {what}s"
