"""Where the tree of a profile is, and where its next one is built."""

import os
from dataclasses import dataclass
from pathlib import Path

from taskgen.artifact import LOCK_NAME
from taskgen.output.errors import LockError
from taskgen.output.lock import Lock, parse_lock


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one tree: `live` is what everybody reads, `work` exists only while a write runs or after a crash.

    Links are resolved first, so that a linked `out/` or `out/<profile>/` stays a link.
    """

    shown: str
    live: Path

    @classmethod
    def of(cls, folder: str | os.PathLike[str]) -> "Place":
        """The place of a folder, named in messages as the caller named it."""
        return cls(os.fspath(folder), Path(os.path.realpath(folder)))

    @property
    def work(self) -> Path:
        """Folder beside the tree: on the same file system, and hidden from tools that read `out/*`."""
        return self.live.with_name(f".taskgen-{self.live.name}")

    @property
    def tree(self) -> Path:
        """The next tree before the exchange, the previous one after it."""
        return self.work / "tree"

    @property
    def aside(self) -> Path:
        """The previous tree, where it had to be renamed away because the file system cannot exchange."""
        return self.work / "aside"

    @property
    def journal(self) -> Path:
        """What was seen in the previous tree; written before the swap, removed after the clean-up."""
        return self.work / "journal.json"

    def readable(self) -> Path:
        """The complete tree to read now: after a crash between two renames the previous one stands aside."""
        if not self.live.exists() and self.aside.is_dir():
            return self.aside
        return self.live


def read_lock(folder: str | os.PathLike[str]) -> Lock | None:
    """The lock of a tree, or None where the tree has none.

    Raises:
        LockError: the lock is no file, holds a merge conflict, or is not what taskgen writes.
    """
    place = Place.of(folder)
    return lock_in(place.readable(), shown=place.shown)


def lock_in(root: Path, *, shown: str) -> Lock | None:
    """The lock in a folder on disk, named in messages by another path."""
    path, name = root / LOCK_NAME, f"{shown}/{LOCK_NAME}"
    if path.is_symlink() or path.is_dir():
        raise LockError(f"{name}: not a plain file; move it away and restore the lock (`git checkout -- {name}`)")
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise LockError(f"{name}: not UTF-8 at byte {error.start}; restore it (`git checkout -- {name}`)") from None
    except OSError as error:
        raise LockError(f"{name}: {error.strerror}; make it readable") from None
    return parse_lock(text, place=name)
