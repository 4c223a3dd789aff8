"""What is on disk below one folder, without reading any of it."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from taskgen.output.errors import OutputError


class Identity(NamedTuple):
    """What tells whether a file is still the one that was seen: a save changes at least one of the three."""

    inode: int
    mtime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """Anything in a tree that is not a folder."""

    kind: Literal["file", "link", "special"]
    identity: Identity
    executable: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """All leaves and folders below a root, by posix path; `closed` are folders that cannot be carried to a new tree."""

    root: Path
    exists: bool
    leaves: dict[str, Leaf] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    closed: dict[str, str] = field(default_factory=dict)


def identity(found: os.stat_result) -> Identity:
    """The identity of a file from its status."""
    return Identity(found.st_ino, found.st_mtime_ns, found.st_size)


def scan(root: Path, *, shown: str | None = None) -> Tree:
    """Everything below a root; an empty tree where the root does not exist.

    Args:
        root: the folder.
        shown: how a message names it.

    Raises:
        OutputError: the root is not a folder.
    """
    try:
        found = root.lstat()
    except FileNotFoundError:
        return Tree(root, exists=False)
    if not stat.S_ISDIR(found.st_mode):
        raise OutputError(f"{shown or root}: not a folder, and the rendered tree is to go there; move it away")
    tree = Tree(root, exists=True)
    _scan(tree, "", found.st_dev)
    return tree


def _scan(tree: Tree, prefix: str, device: int) -> None:
    with os.scandir(tree.root / prefix) as entries:
        for entry in entries:
            path = prefix + entry.name
            found = entry.stat(follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                tree.leaves[path] = Leaf(_kind(found.st_mode), identity(found), bool(found.st_mode & stat.S_IXUSR))
                continue
            reason = _closed(entry, found, device)
            if reason is None:
                tree.folders.add(path)
                _scan(tree, path + "/", device)
            else:
                tree.closed[path] = reason


def _closed(entry: os.DirEntry[str], found: os.stat_result, device: int) -> str | None:
    """Why a folder cannot be carried over; its owner could change the mode, so only others are held back by it."""
    if found.st_dev != device:
        return "another file system is mounted there"
    needed = os.R_OK | os.X_OK if found.st_uid == os.geteuid() else os.R_OK | os.W_OK | os.X_OK
    return None if os.access(entry.path, needed) else "no permission"


def _kind(mode: int) -> Literal["file", "link", "special"]:
    if stat.S_ISREG(mode):
        return "file"
    return "link" if stat.S_ISLNK(mode) else "special"


def above(path: str) -> Iterator[str]:
    """Folders that hold a path, the innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def folders_of(paths: Iterable[str]) -> set[str]:
    """All folders that the paths need."""
    return {folder for path in paths for folder in above(path)}
