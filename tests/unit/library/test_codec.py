"""Arguments and results through JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_abstraction.codec import decode, decode_call, decode_result, encode, encode_call


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@dataclass
class Point:
    """A small record."""

    x: int
    when: datetime


@dataclass
class Shape:
    """A record of records."""

    points: list[Point]
    colour: Colour = Colour.RED
    note: str | None = None


class Model:
    """What pydantic looks like from outside; the library never imports it."""

    def __init__(self, value):
        self.value = value

    def model_dump(self, mode):
        """Give plain data."""
        assert mode == "json"
        return {"value": self.value}

    @classmethod
    def model_validate(cls, data):
        """Build from plain data."""
        return cls(data["value"])


WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
CASES = [
    (WHEN, datetime),
    (date(2026, 3, 1), date),
    (timedelta(seconds=1.5), timedelta),
    (Decimal("1.10"), Decimal),
    (UUID(int=7), UUID),
    (Path("/a/b"), Path),
    (b"\x00\xff", bytes),
    (Colour.RED, Colour),
    (Point(1, WHEN), Point),
    (Shape([Point(1, WHEN)]), Shape),
    (None, Point | None),
    ((1, "a"), tuple[int, str]),
    ((1, 2), tuple[int, ...]),
    ({"a": Point(1, WHEN)}, dict[str, Point]),
    ([Decimal(1), None], list[Decimal | None]),
]


@pytest.mark.parametrize(("value", "annotation"), CASES, ids=lambda value: str(value)[:40])
def test_values_are_rebuilt_from_annotations(value, annotation):
    """What was encoded comes back as what it was."""
    assert decode(json.loads(json.dumps(encode(value))), annotation) == value


def test_models_are_rebuilt_without_pydantic():
    """`model_dump` and `model_validate` are enough."""
    assert decode(encode(Model(3)), Model).value == 3


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_json_is_untouched(value):
    """JSON in, the same JSON out, with and without an annotation."""
    assert encode(value) == value
    assert decode(value, object) == value


@pytest.mark.parametrize(
    "value",
    [object(), {1: "a"}, {1, 2}, float("nan"), [float("inf")], lambda: None],
    ids=["an object", "a key that is no text", "a set", "no number", "an endless number", "a function"],
)
def test_what_could_not_be_rebuilt_is_refused(value):
    """A submit fails here instead of a worker far away."""
    with pytest.raises(TypeError):
        encode(value)


def test_a_call_is_rebuilt_from_the_signature():
    """Positional, keyword, variable and keyword-only arguments each follow their annotation."""

    def fn(a: Decimal, *rest: date, when: datetime, **extra: timedelta) -> None:
        """Take every kind of argument."""

    arguments = ((Decimal(1), date(2026, 1, 1)), {"when": WHEN, "x": timedelta(seconds=3)})
    envelope = json.loads(json.dumps(encode_call(*arguments)))

    assert decode_call(fn, envelope) == arguments


def test_a_result_of_an_unknown_function_stays_json():
    """Without the function there is nothing to rebuild from."""
    assert decode_result(None, {"x": 1}) == {"x": 1}


def test_a_function_whose_annotations_do_not_resolve_gets_json():
    """A name under TYPE_CHECKING must not break the worker."""

    def fn(a: "Nowhere") -> "Nowhere":  # noqa: F821 - the point of the test
        return a

    assert decode_call(fn, {"args": [1], "kwargs": {}}) == ((1,), {})
