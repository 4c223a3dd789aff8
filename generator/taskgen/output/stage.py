"""The next tree, built beside the present one."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from taskgen.artifact import LOCK_NAME, Artifact
from taskgen.output.drift import EXECUTABLE, Survey
from taskgen.output.errors import OutputError
from taskgen.output.tree import Leaf, folders_of


def build(survey: Survey, artifacts: Mapping[str, Artifact]) -> None:
    """Build the next tree at `survey.place.tree`, complete and on the disk itself, not only in its cache.

    What is not ours, and what is ours and did not change, is carried over by hard links: nothing is read or copied,
    whatever its size, kind or owner, and a change made to it in place meanwhile is in both trees.

    Raises:
        OSError: the disk is full, a permission is missing, a name is too long.
        OutputError: two names are one on this file system.
    """
    old, new = survey.tree.root, survey.place.tree
    folders = sorted(folders_of([*artifacts, *survey.carried, *survey.carried_folders]) | survey.carried_folders)
    new.mkdir()
    for folder in folders:
        with _free(survey, folder):
            (new / folder).mkdir()
    for path in sorted(survey.carried):
        with _free(survey, path):
            carry(old / path, new / path, leaf=survey.tree.leaves[path])
    written = []
    for path, artifact in artifacts.items():
        if path in survey.same and _linked(old / path, new / path):
            continue
        with _free(survey, path):
            written.append(_write(new / path, artifact.content, executable=artifact.mode == EXECUTABLE))
    written.append(_write(new / LOCK_NAME, survey.lock.text().encode(), executable=False))
    for folder in reversed(folders):
        if folder in survey.tree.folders:
            _like(old / folder, new / folder)
    if survey.tree.exists:
        _like(old, new)
    for made in [*written, *(new / folder for folder in reversed(folders)), new]:
        sync(made)


def carry(source: Path, target: Path, *, leaf: Leaf) -> None:
    """Give a file a second name, or copy it where the file system or its owner forbids that.

    Raises:
        FileExistsError: the target is taken.
        OSError: neither is possible.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise
        # deleted by its owner a moment ago
    except FileExistsError:
        raise
    except OSError:
        if leaf.kind == "special" or os.path.lexists(target):
            raise
        shutil.copy2(source, target, follow_symlinks=False)
        found = source.lstat()
        with contextlib.suppress(OSError):  # only root may give a file away
            os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
        if leaf.kind == "file":
            sync(target)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that no power failure reorders it with the swap."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes, *, executable: bool) -> Path:
    """Write a new file with the permissions that git would give it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o777 if executable else 0o666)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123  a descriptor, not a path
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
    return path


def _linked(source: Path, target: Path) -> bool:
    """Whether an unchanged file of ours could be taken over; otherwise it is written again."""
    with contextlib.suppress(OSError):
        os.link(source, target, follow_symlinks=False)
        return True
    return False


def _like(old: Path, new: Path) -> None:
    """Give a folder the permissions, attributes and, where allowed, the owner that it has in the present tree."""
    found = old.stat()
    with contextlib.suppress(OSError):  # only root may give a folder away
        os.chown(new, found.st_uid, found.st_gid)
    shutil.copystat(old, new)


@contextmanager
def _free(survey: Survey, path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise OutputError(
            f"{survey.place.shown}/{path}: another file there has the same name for this file system "
            "(case or accents do not count); rename or delete it. Nothing was written"
        ) from None
