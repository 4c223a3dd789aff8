"""What would change on disk, and whose work would be lost by it."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from taskgen.artifact import LOCK_NAME, Artifact
from taskgen.output.errors import OutputError
from taskgen.output.inputs import digest, read
from taskgen.output.lock import Lock, Origin, Output
from taskgen.output.place import Place, lock_in
from taskgen.output.tree import Leaf, Tree, above, folders_of, scan
from taskgen.output.wanted import check_artifacts, new_lock, outside

EXECUTABLE = 0o755
_ATTEMPTS = 10
"""How often a tree is read again that somebody replaced meanwhile; one write lasts longer than one reading."""


@dataclass(frozen=True, slots=True, order=True)
class Obstacle:
    """Something that taskgen did not write, at a place where an artifact is to go."""

    path: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Differences between a tree on disk and the artifacts, each path under one heading.

    missing: rendered, not on disk. changed: as last rendered, but outdated. edited: by hand since. foreign: in the way
    of an artifact, and not in the lock. stale: left the plan, and as last rendered. orphaned: left the plan, but edited
    by hand. closed: folders (with the reason) that cannot be carried into a new tree. lock: the lock itself differs.
    """

    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    foreign: tuple[Obstacle, ...] = ()
    stale: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()
    closed: Mapping[str, str] = field(default_factory=dict)
    lock: bool = False

    @property
    def clean(self) -> bool:
        """Whether a write would change nothing."""
        paths = (self.missing, self.changed, self.edited, self.foreign, self.stale, self.orphaned)
        return not any(paths) and not self.lock

    def lines(self) -> list[str]:
        """One line for each difference, for `--check`."""
        named = {
            "missing": self.missing,
            "outdated": self.changed,
            "edited by hand": self.edited,
            "no longer rendered": self.stale,
            "edited by hand and no longer rendered": self.orphaned,
            "not written by taskgen, in the way": tuple(obstacle.path for obstacle in self.foreign),
            "outdated lock": (LOCK_NAME,) if self.lock else (),
        }
        return [f"{path}: {what}" for what, paths in named.items() for path in paths]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Everything that a write has to know about a tree before it touches it."""

    place: Place
    tree: Tree
    lock: Lock
    drift: Drift
    same: frozenset[str]
    carried: frozenset[str]
    carried_folders: frozenset[str]


def compare(
    folder: str | os.PathLike[str],
    artifacts: Sequence[Artifact],
    *,
    origin: Origin,
    only: AbstractSet[str] | None = None,
) -> Drift:
    """Differences between the tree on disk and the artifacts; writes nothing.

    Args:
        folder: `out/<profile>`.
        artifacts: everything that belongs there.
        origin: what the artifacts were rendered from.
        only: folders at the top of the tree that the artifacts speak for; None for all of it.

    Raises:
        LockError: the lock cannot be read.
        OutputError: the artifacts cannot stand in one tree, or the folder is none.
    """
    place = Place.of(folder)
    for _ in range(_ATTEMPTS):
        before = _inode(place)
        try:
            drift = survey(place, artifacts, origin=origin, only=only).drift
            if before == _inode(place):
                return drift
        except OSError as error:
            if before == _inode(place):
                raise OutputError(f"{error.filename or place.shown}: {error.strerror}; make it readable") from error
    raise OutputError(f"{place.shown}: written again and again while it is compared; wait until that has ended")


def survey(
    place: Place, artifacts: Sequence[Artifact], *, origin: Origin, only: AbstractSet[str] | None = None
) -> Survey:
    """Sort every path of the tree on disk and of the artifacts into what happens to it."""
    check_artifacts(artifacts, only=only)
    root = place.readable()
    tree = scan(root, shown=place.shown)
    old = lock_in(root, shown=place.shown)
    kept = outside(old, only)
    lock = new_lock(old, artifacts, origin=origin, only=only)
    owned = {} if old is None else {path: output for path, output in old.outputs.items() if path not in kept}
    planned = {artifact.path: lock.outputs[artifact.path] for artifact in artifacts}
    sorted_paths = _sort(tree, owned=owned, planned=planned)
    gone = {*planned, *sorted_paths["stale"], LOCK_NAME}
    carried = frozenset(path for path in tree.leaves if path not in gone)
    ours = folders_of([*planned, *owned, *kept])
    empty = frozenset(tree.folders - folders_of([*tree.leaves, *tree.folders, *tree.closed]) - ours)
    in_the_way = {Obstacle(path, path) for path in sorted_paths["foreign"]}
    drift = Drift(
        missing=tuple(sorted_paths["missing"]),
        changed=tuple(sorted_paths["changed"]),
        edited=tuple(sorted_paths["edited"]),
        foreign=tuple(sorted(in_the_way | _obstacles(carried | tree.closed.keys(), empty, planned=planned))),
        stale=tuple(sorted_paths["stale"]),
        orphaned=tuple(sorted_paths["orphaned"]),
        closed=dict(sorted(tree.closed.items())),
        lock=read(os.fspath(root / LOCK_NAME)) != lock.text().encode(),
    )
    same = frozenset(sorted_paths["same"])
    return Survey(place=place, tree=tree, lock=lock, drift=drift, same=same, carried=carried, carried_folders=empty)


def _sort(tree: Tree, *, owned: Mapping[str, Output], planned: Mapping[str, Output]) -> defaultdict[str, list[str]]:
    """Every path of the plan and of the lock under its heading, in order."""
    lock_leaf = tree.leaves.get(LOCK_NAME)
    # Where even the lock is executable, the file system keeps no modes (FAT, a Windows drive): then they tell nothing.
    modes = lock_leaf is None or not lock_leaf.executable
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted({*planned, *owned}):
        leaf = tree.leaves.get(path)
        if leaf is None:
            if path in planned:
                found["missing"].append(path)
            continue
        content = read(os.fspath(tree.root / path)) if leaf.kind == "file" else None
        on_disk = "" if content is None else digest(content)
        found[_heading(on_disk, leaf, planned.get(path), owned.get(path), modes=modes)].append(path)
    return found


def _heading(on_disk: str, leaf: Leaf, planned: Output | None, owned: Output | None, *, modes: bool) -> str:
    if planned is None:
        return "stale" if owned is not None and on_disk == owned.digest else "orphaned"
    if on_disk == planned.digest:
        return "same" if not modes or leaf.executable == (planned.mode == EXECUTABLE) else "changed"
    if owned is None:
        return "foreign"
    return "changed" if on_disk == owned.digest else "edited"


def _obstacles(things: AbstractSet[str], empty: AbstractSet[str], *, planned: Mapping[str, Output]) -> set[Obstacle]:
    """What stays in the tree although an artifact needs its place for a file, or needs a folder there."""
    needed: dict[str, str] = {}
    for path in planned:
        for folder in above(path):
            needed.setdefault(folder, path)
    found = {Obstacle(thing, needed[thing]) for thing in things if thing in needed}
    for thing in things | empty:
        found |= {Obstacle(thing, place) for place in (thing, *above(thing)) if place in planned}
    return found


def _inode(place: Place) -> tuple[int, int] | None:
    """Return what tells one tree from another: file systems give the number of a removed folder to the next one."""
    try:
        found = place.readable().lstat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_ctime_ns
