"""Writing a tree: all of it or nothing, and never over somebody's work."""

import contextlib
import difflib
import errno
import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from taskgen.artifact import Artifact
from taskgen.output.drift import Drift, Survey, survey
from taskgen.output.errors import OutputError, RefusedError
from taskgen.output.hold import hold
from taskgen.output.lock import Origin
from taskgen.output.place import Place
from taskgen.output.retire import Journal, recover
from taskgen.output.stage import build, sync
from taskgen.output.swap import replace_folder

DIFF_LINES = 200
"""Longest diff of one file in a message: enough for a hand edit, and no terminal is flooded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write did.

    Args:
        drift: what differed before; all of it is settled, except `orphaned` files, which are kept as foreign ones.
        saved: files that somebody changed while the tree was written, kept beside the rendered ones.
        leftover: folder of the previous tree that could not be removed; the next write tries again.
    """

    drift: Drift
    saved: tuple[str, ...] = ()
    leftover: str | None = None


def write(
    folder: str | os.PathLike[str],
    artifacts: Sequence[Artifact],
    *,
    origin: Origin,
    force: bool = False,
    only: AbstractSet[str] | None = None,
) -> Written:
    """Make the tree on disk equal to the artifacts; whatever happens, the old tree or the new one is there.

    Args:
        folder: `out/<profile>`.
        artifacts: everything that belongs there.
        origin: what the artifacts were rendered from.
        force: overwrite files that were edited by hand; never a foreign one.
        only: folders at the top of the tree that the artifacts speak for; None for all of it.

    Raises:
        RefusedError: a file was edited by hand, or a foreign one is in the way.
        BusyError: another process writes this tree.
        LockError: the lock of the present tree cannot be read.
        OutputError: the tree could not be written; the old one is untouched.
    """
    place = Place.of(folder)
    try:
        return _write(place, artifacts, origin=origin, force=force, only=only)
    except OSError as error:
        raise OutputError(f"{place.shown}: {_reason(error)}. Nothing was changed") from error


def _write(
    place: Place, artifacts: Sequence[Artifact], *, origin: Origin, force: bool, only: AbstractSet[str] | None
) -> Written:
    if not place.work.exists():  # after a crash the way leads through `recover`, even if nothing changed
        with contextlib.suppress(
            OSError
        ):  # another process may replace the tree at this moment: hold it, and look again
            found = survey(place, artifacts, origin=origin, only=only)
            if found.drift.clean and place.live.is_dir():
                return Written(drift=found.drift)
    with hold(place.work, shown=place.shown):
        saved = recover(place)
        found = survey(place, artifacts, origin=origin, only=only)
        if found.drift.clean and found.tree.exists:
            return Written(drift=found.drift, saved=tuple(saved))
        refuse(found, artifacts, force=force)
        try:
            _swap_in(found, {artifact.path: artifact for artifact in artifacts})
        except BaseException:
            with contextlib.suppress(OSError, OutputError):  # the next write tries again
                recover(place)
            raise
        try:
            saved += recover(place)  # the same clean-up as after a crash, so that there is only one
        except (OSError, OutputError):
            return Written(drift=found.drift, saved=tuple(saved), leftover=os.fspath(place.work))
        return Written(drift=found.drift, saved=tuple(saved))


def _swap_in(found: Survey, artifacts: dict[str, Artifact]) -> None:
    place = found.place
    build(found, artifacts)
    Journal.of(found.tree, staged=place.tree).write(place)
    replace_folder(place.tree, place.live, aside=place.aside)
    with contextlib.suppress(OSError):  # the swap is done; only a power failure could still undo it
        sync(place.live.parent)


def refuse(found: Survey, artifacts: Sequence[Artifact], *, force: bool) -> None:
    """Refuse what would lose somebody's work, every file at once.

    Raises:
        RefusedError: with one line for each file, and the diffs of edited ones.
    """
    drift, shown = found.drift, found.place.shown
    reasons = [
        f"{shown}/{path}: edited by hand since it was rendered; move the edit into the profile or a template of your "
        "own, or overwrite it with --force"
        for path in drift.edited
        if not force
    ]
    reasons += [
        f"{shown}/{path}: edited by hand, and no longer rendered; delete it, or keep it as your own file with --force"
        for path in drift.orphaned
        if not force
    ]
    reasons += [
        f"{shown}/{obstacle.path}: not written by taskgen, and {obstacle.wanted} is to go there; move or delete it"
        for obstacle in drift.foreign
    ]
    reasons += [
        f"{shown}/{path}: cannot be carried into the new tree ({reason}); move it out of {shown}"
        for path, reason in drift.closed.items()
    ]
    if reasons:
        edited = frozenset(() if force else drift.edited)
        diffs = {each.path: difference(found, each) for each in artifacts if each.path in edited}
        raise RefusedError(shown, reasons=reasons, diffs=diffs)


def difference(found: Survey, artifact: Artifact) -> str:
    """Unified diff from what is on disk to what is rendered, cut to `DIFF_LINES`."""
    path = f"{found.place.shown}/{artifact.path}"
    source = found.tree.root / artifact.path
    if not source.is_file() or source.is_symlink():
        return f"{path} is no longer a plain file"
    present = source.read_bytes()
    if present.replace(b"\r\n", b"\n") == artifact.content:
        return f"{path} differs in line ends only; set `out/** -text` in .gitattributes"
    try:
        one, other = present.decode(), artifact.content.decode()
    except UnicodeDecodeError:
        return f"{path} differs, and is not text"
    lines = [
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(
            one.splitlines(keepends=True),
            other.splitlines(keepends=True),
            f"{path} (on disk)",
            f"{path} (rendered)",
        )
    ]
    if len(lines) > DIFF_LINES:
        lines = [*lines[:DIFF_LINES], f"... and {len(lines) - DIFF_LINES} lines more\n"]
    return "".join(lines)


def _reason(error: OSError) -> str:
    """What went wrong on the disk, with what to do about it."""
    remedies = {
        errno.ENOSPC: "make room on the disk",
        errno.EDQUOT: "make room in your quota",
        errno.EROFS: "render into another folder with --out",
        errno.EACCES: "make the folder writable, or render into another with --out",
        errno.EPERM: "make the folder writable, or render into another with --out",
        errno.EBUSY: "a mounted folder cannot be replaced: mount the folder above it",
        errno.EXDEV: "a folder from a lower layer of an overlay cannot be replaced: render into a new one with --out",
        errno.ENAMETOOLONG: "shorten the names of tiers or clusters",
    }
    remedy = remedies.get(error.errno or 0)
    return f"{error.strerror or error}{f'; {remedy}' if remedy else ''}"
