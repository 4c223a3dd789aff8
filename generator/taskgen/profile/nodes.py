"""The tree of a profile before it is typed: values with the places and the texts they were written as."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from taskgen.errors import Position
from taskgen.profile.paths import Parts
from taskgen.profile.sources import Resolved


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: its text, and what YAML takes it for."""

    position: Position
    text: str
    value: Resolved
    is_plain: bool = True
    """written without quotes"""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    position: Position
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one key of a mapping, and every place that set it."""

    key: Position
    value: "Node"
    chain: tuple[Position, ...]
    """places of the values, in merge order: the last one wins"""
    hides: bool = False
    """an inherited value stands below this null: the key is removed"""
    cuts: bool = False
    """a null or a value of another kind stands between this value and what is inherited"""


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping."""

    position: Position
    entries: Mapping[str, Entry]


Node = Union[Scalar, Items, Keys]  # noqa: UP007  # the classes above name it before it exists


def child(node: Node, part: str | int) -> Node | None:
    """Return the value below a key or index, None if there is none."""
    if isinstance(node, Keys) and isinstance(part, str):
        entry = node.entries.get(part)
        return entry.value if entry else None
    if isinstance(node, Items) and isinstance(part, int) and 0 <= part < len(node.nodes):
        return node.nodes[part]
    return None


def find(node: Node, parts: Parts) -> Node | None:
    """Return the value at a path, None if there is none."""
    found: Node | None = node
    for part in parts:
        found = child(found, part) if found is not None else None
    return found


def walk(node: Node, parts: Parts = ()) -> Iterator[tuple[Parts, Position, Node]]:
    """Yield path, position and value of everything below a node, in the order of the file."""
    if isinstance(node, Keys):
        for key, entry in node.entries.items():
            yield (*parts, key), entry.key, entry.value
            yield from walk(entry.value, (*parts, key))
    elif isinstance(node, Items):
        for index, item in enumerate(node.nodes):
            yield (*parts, index), item.position, item
            yield from walk(item, (*parts, index))


def to_data(node: Node) -> object:
    """Return dicts, tuples and scalars for the models; scalars keep their source text."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return tuple(to_data(item) for item in node.nodes)
    return {key: to_data(entry.value) for key, entry in node.entries.items()}
