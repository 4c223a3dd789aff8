"""Reading one YAML file into a tree with positions, within limits, without ever running or expanding anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from taskgen.errors import Position, Problem, ProfileError
from taskgen.profile.nodes import Entry, Items, Keys, Node, Scalar
from taskgen.profile.paths import Parts, join
from taskgen.profile.sources import resolve
from taskgen.profile.syntax import check_characters, syntax_problem
from taskgen.profile.wording import shown, shown_key

MOST_DEPTH: Final = 40
"""Levels of nesting: a profile needs about 8, a Kubernetes patch about 15."""
MOST_NODES: Final = 20_000
"""Values of one file after its aliases are expanded: 30 times the largest fleet seen (600 values)."""
LONGEST_SCALAR: Final = 64 * 1024
"""Characters of one value: a large query has 4000."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
LONGEST_KEY: Final = 255
"""Characters of a key: names of queues have at most 255."""


def parse(text: str, file: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """Parse one YAML document; return its tree (None when empty) and what else is wrong with it, such as doubled keys.

    Raises:
        ProfileError: no tree can be made of the text: syntax, forbidden constructs, limits.
    """
    check_characters(text, file)
    try:
        return _Builder(file).build(_events(text, pure=False))
    except MarkedYAMLError:
        # The C parser is five times faster, but knows YAML 1.1 only: `{url: redis://host:6379/0}` is an error to it.
        # What it refuses is read again by the slow one, whose verdict and messages count.
        try:
            return _Builder(file).build(_events(text, pure=True))
        except MarkedYAMLError as error:
            raise ProfileError(syntax_problem(error, text, file)) from None


def _events(text: str, *, pure: bool) -> Iterator[Any]:
    return iter(YAML(typ="safe", pure=pure).parse(text))


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    height: int


@dataclass(slots=True)
class _Builder:
    """Makes the tree from parser events; nothing is expanded: an alias is the anchored tree itself."""

    file: str
    events: Iterator[Any] = field(default_factory=lambda: iter(()))
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    open_anchors: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    deepest: int = 0

    def build(self, events: Iterator[Any]) -> tuple[Node | None, tuple[Problem, ...]]:
        self.events = events
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                self._check_document(event, documents)
            elif isinstance(event, NodeEvent):
                root = self._node(event, ())
            elif isinstance(event, StreamEndEvent):
                break
        return root, tuple(self.problems)

    def _check_document(self, event: Any, number: int) -> None:  # noqa: ANN401  # ruamel.yaml's events are untyped
        if number > 1:
            raise self._error(event, (), "a second document begins here: one file holds one profile, remove the '---'")
        if event.version is not None and tuple(event.version) != (1, 2):
            raise self._error(event, (), "profiles are YAML 1.2: remove the %YAML line")

    def _node(self, event: Any, path: Parts) -> Node:  # noqa: ANN401
        self._count(event, path, 1)
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if event.tag is not None:
            raise self._error(
                event,
                path,
                f"the tag {shown(_tag(event))} is not allowed: write the value plainly, in quotes if it is text",
            )
        self._check_depth(event, path, 0)
        return self._content(event, path) if event.anchor is None else self._anchored(event, path)

    def _content(self, event: Any, path: Parts) -> Node:  # noqa: ANN401
        self.deepest = max(self.deepest, len(path))
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        return self._items(event, path) if isinstance(event, SequenceStartEvent) else self._keys(event, path)

    def _anchored(self, event: Any, path: Parts) -> Node:  # noqa: ANN401
        before, outer = self.count, self.deepest
        self.deepest = len(path)
        self.open_anchors.add(event.anchor)
        node = self._content(event, path)
        self.open_anchors.discard(event.anchor)
        self.anchors[event.anchor] = _Anchored(node, size=self.count - before + 1, height=self.deepest - len(path))
        self.deepest = max(self.deepest, outer)
        return node

    def _count(self, event: Any, path: Parts, size: int) -> None:  # noqa: ANN401
        self.count += size
        if self.count > MOST_NODES:
            raise self._error(
                event, path[:1], f"more than {MOST_NODES} values, aliases expanded: split the profile into fragments"
            )

    def _check_depth(self, event: Any, path: Parts, height: int) -> None:  # noqa: ANN401
        if len(path) + height >= MOST_DEPTH:
            raise self._error(event, path[:1], f"nested deeper than {MOST_DEPTH} levels: flatten it")

    def _alias(self, event: Any, path: Parts) -> Node:  # noqa: ANN401
        if event.anchor in self.open_anchors:
            raise self._error(
                event, path, f"the alias {shown('*' + event.anchor)} stands inside its own anchor: remove it"
            )
        if event.anchor not in self.anchors:
            raise self._error(
                event,
                path,
                f"no anchor for the alias {shown('*' + event.anchor)}: quote text that begins with '*'",
            )
        anchored = self.anchors[event.anchor]
        self._count(event, path, anchored.size)
        self._check_depth(event, path, anchored.height)
        self.deepest = max(self.deepest, len(path) + anchored.height)
        return anchored.node

    def _scalar(self, event: Any, path: Parts) -> Scalar:  # noqa: ANN401
        text: str = event.value
        if len(text) > LONGEST_SCALAR:
            raise self._error(event, path, f"a value of {len(text)} characters: at most {LONGEST_SCALAR} are allowed")
        if not text.isascii() and _SURROGATE.search(text):
            raise self._error(event, path, "an escape that is half a character: write the character itself")
        is_plain = bool(event.implicit[0])
        return Scalar(self._position(event), text, resolve(text) if is_plain else text, is_plain)

    def _items(self, event: Any, path: Parts) -> Items:  # noqa: ANN401
        nodes: list[Node] = []
        for inner in self.events:
            if isinstance(inner, SequenceEndEvent):
                break
            nodes.append(self._node(inner, (*path, len(nodes))))
        return Items(self._position(event), tuple(nodes))

    def _keys(self, event: Any, path: Parts) -> Keys:  # noqa: ANN401
        entries: dict[str, Entry] = {}
        for inner in self.events:
            if isinstance(inner, MappingEndEvent):
                break
            key = self._key(inner, path)
            position = self._position(inner)
            value = self._node(next(self.events), (*path, key))
            if key in entries:
                first = entries[key].key
                self.problems.append(
                    Problem(
                        position, join((*path, key)), f"this key is given twice, first at {first}: remove one of them"
                    )
                )
            else:
                entries[key] = Entry(position, value, (_place(position, value),))
        return Keys(self._position(event), entries)

    def _key(self, event: Any, path: Parts) -> str:  # noqa: ANN401
        if not isinstance(event, ScalarEvent):
            what = "an alias" if isinstance(event, AliasEvent) else "a collection"
            hint = (
                ": quote it if it is text that begins with '*'" if isinstance(event, AliasEvent) else ": keys are text"
            )
            raise self._error(event, path, f"{what} cannot be a key{hint}")
        node = self._scalar(event, path)
        if event.tag is not None or event.anchor is not None:
            raise self._error(event, path, "a key takes no tag and no anchor: write it plainly")
        if node.is_plain and node.text == "<<":
            raise self._error(
                event, path, "the merge key '<<' is not part of YAML 1.2: use extends, or repeat the keys"
            )
        if len(node.text) > LONGEST_KEY:
            raise self._error(event, path, f"a key of {len(node.text)} characters: at most {LONGEST_KEY} are allowed")
        if type(node.value) is not str:  # a number, a truth value or nothing
            raise self._error(event, path, f"the key {shown_key(node.text)} is not text: write it in quotes")
        return node.text

    def _position(self, event: Any) -> Position:  # noqa: ANN401
        mark = event.start_mark
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _error(self, event: Any, path: Parts, message: str) -> ProfileError:  # noqa: ANN401
        return ProfileError(*self.problems, Problem(self._position(event), join(path), message))


def _place(key: Position, value: Node) -> Position:
    """Return where a value is shown: a block is shown at its key, as is a value that is not there."""
    is_block = not isinstance(value, Scalar) and value.position.line > key.line
    return key if is_block or (isinstance(value, Scalar) and value.is_plain and not value.text) else value.position


def _tag(event: Any) -> str:  # noqa: ANN401
    return str(event.tag).replace("tag:yaml.org,2002:", "!!")
