"""Following `extends` from a profile to its fragments: which files, in which order they merge."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from taskgen.errors import Position, Problem, ProfileError
from taskgen.profile.files import (
    LEADS_OUT,
    SHIPPED,
    Project,
    Source,
    decode,
    fragments,
    is_inside,
    is_name,
    leads_out,
    read_bytes,
)
from taskgen.profile.nodes import Items, Keys, Node, Scalar
from taskgen.profile.paths import join
from taskgen.profile.reading import parse
from taskgen.profile.secrets import find_secrets
from taskgen.profile.wording import nearest, shown

LONGEST_CHAIN = 20
"""Fragments that extend fragments that extend fragments: more levels than anybody can follow."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a profile, parsed."""

    source: Source
    tree: Keys
    content: bytes
    """what was parsed: the lock must vouch for just that"""


@dataclass(slots=True)
class Chain:
    """Collects the files that make up a profile; a file that is reached twice merges once, at its first place."""

    project: Project
    layers: list[Layer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    done: set[Source] = field(default_factory=set)

    def follow(self, source: Source, *, above: Sequence[Source] = ()) -> None:
        """Add the files that a source extends, then the source itself."""
        self.done.add(source)
        parsed = self._parsed(source)
        if parsed is None:
            return
        tree, content = parsed
        for part, position, name in self._names(tree):
            self._extend(source, name, position, part, (*above, source))
        self.layers.append(Layer(source, tree, content))

    def _parsed(self, source: Source) -> tuple[Keys, bytes] | None:
        start = Position(source.logical, 1, 1)
        try:
            content = read_bytes(source, self.project)
            tree, problems = parse(decode(content, source.logical), source.logical)
        except ProfileError as error:
            self.problems += error.problems
            return None
        self.problems += problems
        if tree is not None:
            self.problems += find_secrets(tree)
        if isinstance(tree, Keys):
            return tree, content
        if tree is None or (isinstance(tree, Scalar) and tree.value is None):
            message = "empty: write a profile, or remove the file"
        else:
            message = f"must be a mapping of keys, not {'a list' if isinstance(tree, Items) else 'a single value'}"
        self.problems.append(Problem(start if tree is None else tree.position, "", message))
        return None

    def _names(self, tree: Keys) -> list[tuple[int, Position, str]]:
        """Return the entries of `extends`; what is no text is a problem, also in fragments, which no model checks."""
        entry = tree.entries.get("extends")
        if entry is None:
            return []
        if not isinstance(entry.value, Items):
            name = _text(entry.value)
            hint = f": write [{name}]" if name is not None and is_name(name.removeprefix(SHIPPED)) else ""
            self.problems.append(Problem(entry.chain[-1], "extends", f"must be a list of fragments{hint}"))
            return []
        names: list[tuple[int, Position, str]] = []
        for index, node in enumerate(entry.value.nodes):
            name = _text(node)
            if name is not None:
                names.append((index, node.position, name))
            else:
                self._wrong(node.position, index, "must be the name of a fragment, such as env/prod")
        return names

    def _extend(self, source: Source, name: str, position: Position, index: int, above: Sequence[Source]) -> None:
        wanted = Source(name.removeprefix(SHIPPED), source.is_shipped or name.startswith(SHIPPED))
        if not is_inside(wanted.name):
            self._wrong(position, index, f"{shown(name)} leads out of the profiles folder: names are relative to it")
        elif not is_name(wanted.name):
            self._wrong(position, index, f"{shown(name)} is not the name of a fragment: write it like env/prod")
        elif wanted in above:
            way = " -> ".join(item.reference for item in (*above[above.index(wanted) :], wanted))
            self._wrong(position, index, f"a cycle: {way}: remove one of these")
        elif not wanted.exists(self.project):
            self._wrong(position, index, f"no fragment {shown(name)}{self._hint(wanted)}")
        elif leads_out(wanted, self.project):
            self._wrong(position, index, LEADS_OUT)
        elif len(above) >= LONGEST_CHAIN:
            self._wrong(position, index, f"more than {LONGEST_CHAIN} fragments extend each other: flatten them")
        elif wanted not in self.done:
            self.follow(wanted, above=above)

    def _hint(self, wanted: Source) -> str:
        own = fragments(self.project, is_shipped=wanted.is_shipped)
        other = () if wanted.is_shipped else fragments(self.project, is_shipped=True)
        if any(item.name == wanted.name for item in other):
            return f", did you mean '{SHIPPED}{wanted.name}'?"
        if wanted.name.removesuffix(".yaml") in {item.name for item in own}:
            return ": leave out '.yaml'"
        names = {item.reference: item for item in (*own, *other)}
        # Without its folder a name is often remembered rightly: `redis` for `broker/redis`.
        near = nearest(wanted.reference, names) or next(
            (ref for ref in names if ref.rpartition("/")[2] == wanted.name), None
        )
        return f", did you mean '{near}'?" if near else f": add {wanted.logical}"

    def _wrong(self, position: Position, index: int, message: str) -> None:
        file_path = join(("extends", index))
        self.problems.append(Problem(position, file_path, message))


def without_extends(tree: Keys) -> Keys:
    """Return a fragment without its own `extends`, which says nothing about the profile."""
    return Keys(tree.position, {key: entry for key, entry in tree.entries.items() if key != "extends"})


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, Scalar) and isinstance(node.value, str) else None
