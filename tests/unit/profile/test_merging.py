"""Merging the files of a profile."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.profile.merging import merge, settle
from taskgen.profile.nodes import Keys, to_data, walk
from taskgen.profile.positions import Positions
from taskgen.profile.reading import parse

NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(0, 9), st.lists(st.integers(0, 9), max_size=2)),
    lambda below: st.dictionaries(NAMES, below, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(NAMES, VALUES, max_size=3)


def tree(value: object, file: str = "f") -> Keys:
    """The tree of a value: JSON is YAML."""
    import json

    root, _ = parse(json.dumps(value, indent=1), file)
    assert isinstance(root, Keys)
    return root


def merged(*values: object) -> object:
    """The data of several mappings, merged left to right."""
    return to_data(settle(reduce(merge, [tree(value, f"f{index}") for index, value in enumerate(values)])))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([{"a": {"b": 1}}, {"a": {"c": 2}}], {"a": {"b": 1, "c": 2}}, id="mappings merge deeply"),
        pytest.param([{"a": [1, 2]}, {"a": [3]}], {"a": (3,)}, id="lists replace"),
        pytest.param([{"a": 1}, {"a": {"b": 2}}], {"a": {"b": 2}}, id="a mapping replaces a value"),
        pytest.param([{"a": {"b": 2}}, {"a": 1}], {"a": 1}, id="a value replaces a mapping"),
        pytest.param([{"a": 1, "b": 2}, {"a": None}], {"b": 2}, id="null removes"),
        pytest.param([{"a": {"b": {"c": 1}}}, {"a": {"b": None}}], {"a": {}}, id="null removes a whole mapping"),
        pytest.param([{}, {"a": None}], {"a": None}, id="null where nothing is inherited stays"),
        pytest.param([{"a": None}, {"a": None}], {"a": None}, id="null over null stays"),
        pytest.param(
            [{"a": {"b": 1}}, {"a": None}, {"a": {"c": 2}}], {"a": {"c": 2}}, id="what comes after a null is new"
        ),
        pytest.param([{"a": 1}, {"a": None}, {"a": None}], {}, id="removed stays removed"),
    ],
)
def test_merge(values, expected):
    """What a profile inherits, and how it changes it."""
    assert merged(*values) == expected


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_associative(first, second, third):
    """Which two of three files are merged first makes no difference, to values and to places."""
    a, b, c = (tree(value, name) for value, name in ((first, "a"), (second, "b"), (third, "c")))
    left, right = settle(merge(merge(a, b), c)), settle(merge(a, merge(b, c)))

    assert to_data(left) == to_data(right)
    assert [item[:2] for item in walk(left)] == [item[:2] for item in walk(right)]
    assert all(Positions(left).chain(path) == Positions(right).chain(path) for path, _, _ in walk(left))


@given(MAPPINGS)
def test_empty_is_neutral(value):
    """A fragment without keys changes nothing."""
    assert merged({}, value) == merged(value, {}) == merged(value)


@given(MAPPINGS)
def test_merging_with_itself_changes_nothing(value):
    """What is said twice holds once, except that a null removes nothing but what stood before it."""
    assert merged(value, value) == merged(value)


@given(MAPPINGS, NAMES)
def test_null_removes(value, name):
    """A key that is null in the last file is not there, unless nobody but nulls ever set it."""
    was_there = value.get(name) is not None

    assert (name in merged(value, {name: None})) is not was_there


@given(MAPPINGS, MAPPINGS)
def test_last_file_wins(first, second):
    """A value that is not a mapping holds as the last file says, at the place in that file."""
    root = settle(merge(tree(first, "a"), tree(second, "b")))
    for path, _, node in walk(tree(second, "b")):
        value = to_data(node)
        if value is not None and not isinstance(node, Keys) and not any(isinstance(part, int) for part in path):
            assert Positions(root).at(path).file == "b"
            assert to_data(root_value(root, path)) == value


def root_value(root, path):
    """The node at a path."""
    from taskgen.profile.nodes import find

    return find(root, path)
