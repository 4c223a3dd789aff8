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
    """Hold the work folder of a tree, and remove it at the end if nothing else is left in it.

    A lock of the kernel on a file: it ends with the process, however that ends. The file is written to and stands
    beside the data because NFS locks no folders.

    Raises:
        BusyError: another process holds it.
        OSError: the folder cannot be made.
    """
    holder = work / "holder"
    descriptor = _held(holder, shown=shown)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # what a failed clean-up left is taken up by the next write
            holder.unlink()
            work.rmdir()
        os.close(descriptor)


def _held(holder: Path, *, shown: str) -> int:
    while True:
        holder.parent.mkdir(exist_ok=True, parents=True)
        try:
            descriptor = os.open(holder, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # its holder has just finished and removed the folder
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _still_there(holder, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(f"{shown}: another render is writing it; wait until it has finished") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _still_there(holder: Path, descriptor: int) -> bool:
    """Whether the file that is held is the one that the next writer would find."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(holder.lstat(), os.fstat(descriptor))
    return False
