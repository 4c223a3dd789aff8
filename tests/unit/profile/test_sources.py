"""Plain scalars by the core schema of YAML 1.2, with their text kept."""

import json
import math

import pytest

from taskgen.profile.sources import SourceFloat, SourceInt, SpelledBool, plain, resolve, source_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("12:30:45", "12:30:45"),
        ("0b1", "0b1"),
        (".", "."),
        ("+", "+"),
        ("1.2.3", "1.2.3"),
        ("12e03", 12000.0),
        ("0o17", 15),
        ("0xff", 255),
        ("007", 7),
        ("-5", -5),
        ("1e6", 1e6),
        (".5", 0.5),
        ("5.", 5.0),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_resolve(text, value):
    """A plain scalar is what YAML 1.2 says, not what YAML 1.1 said."""
    assert resolve(text) == value


@pytest.mark.parametrize(
    "text", ["1.10", "1e6", "0o17", "007", ".inf", "-.INF", ".nan", "True", "FALSE", "12345678901234567890"]
)
def test_text_is_kept(text):
    """A field that is text gets what was written, whatever YAML takes it for."""
    assert source_text(resolve(text)) == text


def test_numbers_too_long_for_python_stay_text():
    """Python refuses to read numbers of more than 4300 digits."""
    assert resolve("9" * 5000) == "9" * 5000


def test_plain_has_no_source_types():
    """Values of free form reach artifacts in the types of JSON only."""
    value = plain({"a": (resolve("1.10"), resolve("007"), resolve("True"), "x", None), "b": {"c": resolve("false")}})

    assert json.dumps(value) == '{"a": [1.1, 7, true, "x", null], "b": {"c": false}}'
    assert {type(item) for item in value["a"]} == {float, int, bool, str, type(None)}


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan"])
def test_plain_refuses_what_json_cannot_carry(text):
    """A number that is not finite would become something else in each artifact."""
    with pytest.raises(ValueError, match="is not a finite number: quote it if it is text"):
        plain([resolve(text)])


def test_kinds():
    """The kinds that carry text are numbers and truth values to the rest of the program."""
    assert isinstance(resolve("5"), SourceInt)
    assert isinstance(resolve("5.0"), SourceFloat)
    assert isinstance(resolve("True"), SpelledBool)
    assert math.isnan(resolve(".nan"))
