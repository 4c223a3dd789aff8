"""One writer at a time for one tree."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskgen.output.errors import BusyError


@contextmanager
def hold(work: Path, *, shown: str) -> Iterator[None]:
    """Hold the work folder of a tree, and remove it at the end if nothing is left in it.

    The folder itself carries the lock, so that no lock file remains in a committed folder; the kernel lets go when
    the process dies.

    Raises:
        BusyError: another process holds it.
        OSError: the folder cannot be made.
    """
    descriptor = _held(work, shown=shown)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty: what a failed clean-up left is taken up by the next write
            work.rmdir()
        os.close(descriptor)


def _held(work: Path, *, shown: str) -> int:
    while True:
        work.mkdir(exist_ok=True, parents=True)
        try:
            descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # its holder has just finished and removed it
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(f"{shown}: another render is writing it; wait until it has finished") from None
        except BaseException:
            os.close(descriptor)
            raise
        if _still_there(work, descriptor):
            return descriptor
        os.close(descriptor)


def _still_there(work: Path, descriptor: int) -> bool:
    """Whether the folder that is held is the one that the next writer would find."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(work.lstat(), os.fstat(descriptor))
    return False
