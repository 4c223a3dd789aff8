"""Reading YAML into a tree with positions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.error import MarkedYAMLError

from taskgen.errors import Position, ProfileError
from taskgen.profile import reading
from taskgen.profile.files import decode
from taskgen.profile.nodes import Keys, find, to_data, walk
from taskgen.profile.reading import parse

YAML_WORDS = st.sampled_from(
    ["a", "b", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", "'", '"', "#", "&a ", "*a", "|", ">", "!t ", "? ", "~",
     "1.10", "redis://h:6379/0", "\t", "---\n", "é", "%", "@", "x: 1\n", "no", "\\", "<<: "]
)  # fmt: skip
TEXTS = st.lists(YAML_WORDS, max_size=25).map("".join)


def tree(text: str) -> Keys:
    """The tree of a text that is a mapping without mistakes."""
    root, problems = parse(text, "f")
    assert isinstance(root, Keys)
    assert not problems
    return root


def test_positions_of_keys_and_values():
    """Every key and value knows its line and column."""
    root = tree("a:\n  b: [x, {c: 'y'}]\n")

    found = {path: (key.line, key.column, node.position.line, node.position.column) for path, key, node in walk(root)}
    assert found == {
        ("a",): (1, 1, 2, 3),
        ("a", "b"): (2, 3, 2, 6),
        ("a", "b", 0): (2, 7, 2, 7),
        ("a", "b", 1): (2, 10, 2, 10),
        ("a", "b", 1, "c"): (2, 11, 2, 14),
    }


def test_columns_count_characters():
    """A column is what an editor shows, not a number of bytes."""
    assert tree("{ä: ö, b: c}\n").entries["b"].key == Position("f", 1, 8)


def test_urls_in_brackets():
    """YAML 1.2 takes a URL inside brackets, which the fast parser does not know."""
    assert to_data(tree("broker: {url: redis://broker:6379/0}\n")) == {"broker": {"url": "redis://broker:6379/0"}}


def test_aliases_are_the_anchored_value():
    """An alias repeats a value, and points to where the value was written."""
    root = tree("a: &x {k: 1}\nb: *x\n")

    assert to_data(root) == {"a": {"k": 1}, "b": {"k": 1}}
    assert find(root, ("b", "k")).position == Position("f", 1, 11)


def test_byte_order_mark_is_skipped():
    """Editors on Windows write one; it is no part of the first key."""
    assert to_data(tree(decode(b"\xef\xbb\xbfname: x\n", "f"))) == {"name": "x"}


def test_windows_line_ends():
    """A carriage return is no part of a value."""
    assert to_data(tree("a: x\r\nb: |\r\n  y\r\n")) == {"a": "x", "b": "y\n"}


def test_all_doubled_keys_are_found():
    """A key that is given twice does not hide the next one."""
    _, problems = parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f")

    assert [str(problem.position) for problem in problems] == ["f:2:1", "f:3:11"]


@given(TEXTS)
def test_both_parsers_agree(text):
    """Where both parsers read a text, they read the same; the slow one refuses some tabs that YAML allows."""
    try:
        fast = reading._Builder("f").build(reading._events(text, pure=False))  # noqa: SLF001
        slow = reading._Builder("f").build(reading._events(text, pure=True))  # noqa: SLF001
    except (MarkedYAMLError, ProfileError):
        return

    assert (fast[0] and to_data(fast[0])) == (slow[0] and to_data(slow[0]))
    assert (fast[0] and [item[:2] for item in walk(fast[0])]) == (slow[0] and [item[:2] for item in walk(slow[0])])


@given(st.one_of(TEXTS, st.text(max_size=40), st.binary(max_size=40)))
def test_nothing_but_profile_error(content):
    """Whatever a file holds, its user sees a place and no traceback."""
    problem = ""
    try:
        parse(decode(content, "f") if isinstance(content, bytes) else content, "f")
    except ProfileError as error:
        problem = str(error)

    assert not problem or problem.startswith("f:")


@given(TEXTS)
def test_positions_point_into_the_file(text):
    """Every position is a place that exists, and the line of a plain scalar contains it."""
    try:
        root, _ = parse(text, "f")
    except ProfileError:
        return
    lines = text.split("\n")
    for path, key, node in walk(root) if root is not None else ():
        assert 1 <= key.line <= len(lines)
        if isinstance(path[-1], str):
            assert path[-1].splitlines()[:1] == [] or lines[key.line - 1][key.column - 1 :]
        plain = getattr(node, "is_plain", False) and "\n" not in node.text and " " not in node.text
        if plain and node.text:
            assert node.text in lines[node.position.line - 1]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "a: &a [x, x]\n" + "".join(f"b{i}: &a [*a, *a, *a, *a, *a, *a, *a, *a]\n" for i in range(50)),
        "{" * 500_000,
        "- " * 500_000,
        "a:\n" * 100_000,
        "? " * 300_000,
        '"' + "x" * 1_000_000,
        "&a " * 200_000,
        "a: " + "1," * 500_000,
    ],
    ids=["brackets", "laughs", "braces", "dashes", "keys", "questions", "quote", "anchors", "commas"],
)
def test_hostile_files_are_refused_quickly(text):
    """A megabyte of malice costs a few seconds of CPU at most, also on a busy machine."""
    start = time.process_time()

    with pytest.raises(ProfileError):
        parse(text, "f")

    assert time.process_time() - start < 10
