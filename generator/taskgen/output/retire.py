"""The end of a tree that was replaced, and the return from a crash at any instant of a write."""

import json
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from taskgen.artifact import LOCK_NAME
from taskgen.output.errors import OutputError
from taskgen.output.place import Place
from taskgen.output.stage import carry, sync
from taskgen.output.tree import Identity, Tree, identity, scan

SAVED_ENDING = ".taskgen-saved"


@dataclass(frozen=True, slots=True)
class Journal:
    """What the next write has to know after a crash.

    Args:
        staged: inode of the new tree, which tells the two trees apart wherever they are.
        seen: every file of the previous tree that was looked at, and so is in the new one or may go.
        folders: every folder likewise.
    """

    staged: int
    seen: dict[str, Identity]
    folders: frozenset[str]

    @classmethod
    def of(cls, tree: Tree, *, staged: Path) -> "Journal":
        """The journal of a scanned tree and the one that is to replace it."""
        seen = {path: leaf.identity for path, leaf in tree.leaves.items()}
        return cls(staged.stat().st_ino, seen, frozenset(tree.folders))

    def write(self, place: Place) -> None:
        """Write the journal in one step."""
        draft = place.journal.with_suffix(".draft")
        document = {"staged": self.staged, "seen": self.seen, "folders": sorted(self.folders)}
        draft.write_text(json.dumps(document), encoding="ascii")
        sync(draft)
        draft.rename(place.journal)
        sync(place.work)

    @classmethod
    def read(cls, place: Place) -> "Journal | None":
        """The journal that a crash left, if any."""
        try:
            document = json.loads(place.journal.read_bytes())
            seen = {path: Identity(*found) for path, found in document["seen"].items()}
            return cls(document["staged"], seen, frozenset(document["folders"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise OutputError(
                f"{place.journal}: damaged, so nobody can tell whether {place.tree} holds files of yours; "
                f"look, and remove {place.work}"
            ) from None


def recover(place: Place) -> list[str]:
    """Bring a place back to one complete live tree and nothing beside it; returns what was saved for its owner.

    Raises:
        OSError: something left over cannot be moved or removed.
    """
    journal = Journal.read(place)
    saved: list[str] = []
    if journal is not None:
        if not os.path.lexists(place.live) and _is_staged(place.tree, journal) and place.aside.is_dir():
            place.aside.rename(place.live)  # it stopped between the two renames
        for folder in (place.aside, place.tree):
            if folder.is_dir() and not _is_staged(folder, journal):
                saved += retire(folder, place.live, journal)
    if place.tree.is_dir():
        discard(place.tree)
    place.journal.unlink(missing_ok=True)
    place.journal.with_suffix(".draft").unlink(missing_ok=True)
    return saved


def discard(staged: Path) -> None:
    """Remove a tree that never was live: all in it is rendered, or a second name of what is in the live tree."""
    for folder, _, _ in os.walk(staged):
        _open_up(Path(folder))
    shutil.rmtree(staged)


def retire(old: Path, live: Path, journal: Journal) -> list[str]:
    """Remove a tree that was replaced, and move into the live tree whatever changed in it since it was scanned.

    Nothing is removed without a proof that it is not needed: it is as it was when the new tree was built from it, or
    the live tree has the same file.

    Returns:
        Paths in the live tree of what was saved beside a file that is also needed.

    Raises:
        OSError: something cannot be moved or removed; all that is left is still proven or saved by the next call.
        OutputError: a folder that appeared meanwhile cannot be entered.
    """
    tree = scan(old)
    for folder, reason in tree.closed.items():
        raise OutputError(f"{old / folder}: left over from {live}, and cannot be moved ({reason}); move it yourself")
    saved = []
    for folder in ["", *sorted(tree.folders)]:
        _open_up(old / folder)
        if folder not in journal.folders and not os.path.lexists(live / folder):
            (live / folder).mkdir(parents=True)
            shutil.copystat(old / folder, live / folder)
    for path, leaf in tree.leaves.items():
        if leaf.identity != journal.seen.get(path) and not _same(old / path, live / path):
            saved += _save(tree, path, live, journal)
        (old / path).unlink(missing_ok=True)
    for folder in [*sorted(tree.folders, reverse=True), ""]:
        (old / folder).rmdir()
    return saved


def _save(tree: Tree, path: str, live: Path, journal: Journal) -> list[str]:
    """Move a file that changed during the write to the live tree, over the state of it that was carried there."""
    target = live / path
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        carry(tree.root / path, target, leaf=tree.leaves[path])
        return []
    known = journal.seen.get(path)
    now = identity(target.lstat())
    if path == LOCK_NAME:
        return []
    if known is not None and (now.mtime_ns, now.size) == (known.mtime_ns, known.size):  # inode: it may be a copy
        (tree.root / path).replace(target)
        return []
    beside = _beside(target)
    carry(tree.root / path, beside, leaf=tree.leaves[path])
    return [beside.relative_to(live).as_posix()]


def _beside(target: Path) -> Path:
    candidate, number = target.with_name(target.name + SAVED_ENDING), 1
    while os.path.lexists(candidate):
        number += 1
        candidate = target.with_name(f"{target.name}{SAVED_ENDING}-{number}")
    return candidate


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file, or hold the same bytes."""
    try:
        first, second = one.lstat(), other.lstat()
        if os.path.samestat(first, second):
            return True
        plain = stat.S_ISREG(first.st_mode) and stat.S_ISREG(second.st_mode) and first.st_size == second.st_size
        return plain and one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _is_staged(folder: Path, journal: Journal) -> bool:
    try:
        return folder.lstat().st_ino == journal.staged
    except FileNotFoundError:
        return False


def _open_up(folder: Path) -> None:
    """Make a folder that is about to go writable; a foreign one may be read-only."""
    mode = folder.stat().st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
