"""Digests of everything that a rendered tree depends on.

Imports only what the interpreter has already loaded, because the fast path runs it before anything else.
"""

import os
import stat

try:
    from _blake2 import blake2b  # hashlib would add 2.5 ms for OpenSSL
except ImportError:  # an interpreter without the extension module
    from hashlib import blake2b

from taskgen.data import leftover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIGEST_BYTES = 32
"""256 bits, as sha256 has; blake2b is the faster of the two in software."""
ABSENT = "absent"
EMPTY = "empty"


class Sources:
    """Where the inputs of a project are on this machine: the lock itself names no folder of a machine.

    Args:
        files: prefix of a logical name -> folder: `{"profiles/": ..., "taskgen:": ...}`.
        trees: prefix -> folder whose every file takes part: `{"templates:": ..., "library:": ...}`.
    """

    __slots__ = ("_digests", "files", "trees")

    def __init__(self, *, files: "Mapping[str, str]", trees: "Mapping[str, str]") -> None:
        self.files = dict(files)
        self.trees = dict(trees)
        self._digests: dict[str, str] | None = None

    def tree_inputs(self) -> "dict[str, str]":
        """Digests of every tree, read once: the same for all profiles of one run.

        Raises:
            OSError: a file cannot be read.
        """
        if self._digests is None:
            self._digests = {}
            for name, folder in self.trees.items():
                self._digests.update(tree_inputs(name, folder))
        return self._digests

    def holds(self, name: str) -> bool:
        """Whether a logical name belongs to a tree, not to a single file."""
        return any(name.startswith(prefix) for prefix in self.trees)

    def path(self, name: str) -> str | None:
        """Path of the file behind a logical name, or None where no prefix fits."""
        fitting = [prefix for prefix in self.files if name.startswith(prefix)]
        if not fitting:
            return None
        prefix = max(fitting, key=len)
        return f"{self.files[prefix]}/{name[len(prefix) :]}"


def digest(content: bytes) -> str:
    """Digest of some bytes, as the lock writes it."""
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def read(path: str) -> bytes | None:
    """Content of a regular file, or None where there is none; never blocks on a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        return read_all(descriptor, found.st_size)
    finally:
        os.close(descriptor)


def read_all(descriptor: int, size: int) -> bytes:
    """The rest of an open file; one system call and one more where the size was right."""
    chunks = []
    while chunk := os.read(descriptor, size + 1):
        chunks.append(chunk)
    return b"".join(chunks)


def tree_files(folder: str) -> "list[tuple[str, str]]":
    """All files that take part in a tree, as (posix path inside it, path on disk), in order.

    What tools leave behind does not. Symbolic links are followed, also to folders; a link to a folder that holds it is
    skipped.

    Raises:
        OSError: a folder cannot be listed.
    """
    found: list[tuple[str, str]] = []
    _walk(folder, "", (os.path.realpath(folder),), found)
    found.sort()
    return found


def _walk(folder: str, prefix: str, above: "tuple[str, ...]", found: "list[tuple[str, str]]") -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if leftover(entry.name):
                continue
            name = prefix + entry.name
            if not entry.is_dir():
                found.append((name, entry.path))
            elif not entry.is_symlink():
                _walk(entry.path, name + "/", above, found)
            else:
                target = os.path.realpath(entry.path)
                inside_target = (os.path.realpath(folder) + os.sep).startswith(target + os.sep)
                if target not in above and not inside_target:
                    _walk(entry.path, name + "/", (*above, target), found)


def tree_inputs(name: str, folder: str) -> "dict[str, str]":
    """Digests of a tree, one for each file or folder at its top, so that the lock tells which target changed.

    A new, renamed or removed file anywhere changes a digest or adds an entry.

    Args:
        name: prefix of the entries, for example `templates:`.
        folder: the tree; where it is missing the only entry says so, and its appearance is a change.
    """
    try:
        files = tree_files(folder)
    except (FileNotFoundError, NotADirectoryError):
        return {name: ABSENT}
    tops: dict[str, list[str]] = {}
    for path, disk in files:
        content = read(disk)
        line = f"{path}\0{'special' if content is None else digest(content)}\n"
        top, slash, _ = path.partition("/")
        tops.setdefault(name + top + slash, []).append(line)
    found = {top: digest("".join(lines).encode(errors="surrogateescape")) for top, lines in tops.items()}
    return found or {name: EMPTY}


def file_inputs(files: "Iterable[tuple[str, str]]") -> "dict[str, str]":
    """Digests of profile files, given as (logical name, path).

    Take digests before the files are loaded, never after: an edit in between then makes the lock outdated, which the
    next run notices, instead of vouching for a content that was never rendered.

    A file that is missing is recorded as such: name there what the loader looked for in vain, so that its appearance
    is a change.

    Raises:
        ValueError: a logical name holds a quote, a backslash or a control character.
    """
    found: dict[str, str] = {}
    for name, path in files:
        if '"' in name or "\\" in name or not name.isprintable():
            raise ValueError(f"{name!r}: a profile's file name must not hold quotes, backslashes or control characters")
        content = read(path)
        found[name] = ABSENT if content is None else digest(content)
    return found
