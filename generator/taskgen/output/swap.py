"""Putting one folder in the place of another."""

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_NOT_OFFERED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
"""No such system call; not on this file system; forbidden by an old container runtime that does not know the call."""


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the kernel or the file system does not offer it.

    Raises:
        OSError: it is offered, but failed.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # not Linux, or a C library before glibc 2.28 or musl 1.2
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_OFFERED:
        return False
    raise OSError(code, os.strerror(code), os.fspath(other))


def replace_folder(new: Path, live: Path, *, aside: Path) -> Path | None:
    """Put a new folder in the place of the live one, and say where the previous one is now.

    Where the two cannot be exchanged there is an instant without a live folder; both complete ones then stand under
    `new` and `aside`, and readers and the next write find them there.

    Raises:
        OSError: the live folder is still the previous one.
    """
    if not os.path.lexists(live):
        new.rename(live)
        return None
    if exchange(new, live):
        return new
    live.rename(aside)
    try:
        new.rename(live)
    except BaseException:
        aside.rename(live)
        raise
    return aside
