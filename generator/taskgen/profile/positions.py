"""Where every value of a loaded profile was written."""

from dataclasses import dataclass

from taskgen.errors import Position
from taskgen.profile.nodes import Entry, Keys, Node, child
from taskgen.profile.paths import Parts, split


@dataclass(frozen=True, slots=True)
class Positions:
    """Places of the values of one profile.

    A path is written as messages write it (`tiers.high.concurrency`, `tasks."a.b".time_limit`, `tiers.high.queues[0]`),
    or given in parts, `("tiers", "high", "concurrency")`. A value that is a block is shown at its key.
    """

    root: Keys

    def at(self, path: str | Parts) -> Position:
        """Return the place of the value that holds, or of its nearest ancestor when the value is a default."""
        return self._nearest(path)[0]

    def key(self, path: str | Parts) -> Position:
        """Return the place of the key, or of the nearest ancestor's key."""
        return self._nearest(path)[1]

    def is_typed(self, path: str | Parts) -> bool:
        """Tell whether somebody wrote the value, rather than leaving it to a default or a derivation."""
        return self._nearest(path)[2] == len(_parts(path))

    def chain(self, path: str | Parts) -> tuple[Position, ...]:
        """Return every place that set the value, in merge order; the last one won. Empty for a default."""
        parts = _parts(path)
        node: Node | None = self.root
        for part in parts[:-1]:
            node = child(node, part) if node is not None else None
        if node is None or not parts:
            return ()
        if isinstance(node, Keys):
            entry = node.entries.get(str(parts[-1]))
            return entry.chain if entry else ()
        item = child(node, parts[-1])
        return (item.position,) if item is not None else ()

    def _nearest(self, path: str | Parts) -> tuple[Position, Position, int]:
        """Return place, place of the key and depth of the nearest value that was written."""
        node: Node = self.root
        place = key = node.position
        depth = 0
        for part in _parts(path):
            entry: Entry | None = node.entries.get(str(part)) if isinstance(node, Keys) else None
            found = entry.value if entry else child(node, part)
            if found is None:
                break
            node = found
            place, key = (entry.chain[-1], entry.key) if entry else (found.position, found.position)
            depth += 1
        return place, key, depth


def _parts(path: str | Parts) -> Parts:
    if isinstance(path, str):
        return split(path) if path else ()
    return path
