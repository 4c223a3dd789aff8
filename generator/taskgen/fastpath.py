"""Whether nothing changed, answered from hashes before any heavy import.

Imports only what the interpreter has already loaded. The answer is "unchanged" only if all of this holds:

- every input and every output has the digest that the lock names, and no input is new: the lock is written again from
  what is on disk now and must be the same text;
- this very code has rendered this very lock on this machine: a stamp in the user's cache binds the lock to the
  generator's own files (inode, size, times), the interpreter and the installed distributions. A fresh clone and a
  fresh CI machine have no stamp and take the whole way.
"""

# ruff: noqa: PTH100, PTH103, PTH105, PTH111, PTH120, PTH208
# (pathlib would cost 9 ms)

import os
import stat
import sys

from taskgen import __version__
from taskgen.output.inputs import Sources, digest, file_inputs, read, read_all
from taskgen.output.layout import lock_text, names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCK_NAME = "taskgen.lock.json"  # as in taskgen.artifact, whose import would cost 14 ms
_NOFOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def unchanged(
    folder: str,
    *,
    command: str,
    profile: str,
    overrides: "Sequence[str]",
    sources: Sources,
) -> str | None:
    """What the last successful run of the command said, if a run now would do and say the same; None if unknown.

    Args:
        folder: `out/<profile>`.
        command: `render` or `check`: each remembers its own words.
        profile: name of the profile.
        overrides: the `--set` arguments, in order.
        sources: where the inputs are; it reads its trees once, however many profiles are asked for.
    """
    try:
        live = os.path.realpath(folder)
        if os.path.lexists(_work(live)):
            return None  # a write runs or was interrupted
        content, lock_is_executable = _output(live + "/" + LOCK_NAME)
        said = _remembered(live, command, content)
        if said is None:
            return None
        text = content.decode()
        names = names_in(text)
        if names is None:
            return None
        inputs = dict(sources.tree_inputs())
        inputs.update(_files(names[0], sources))
        outputs = _outputs(live, names[1], modes=not lock_is_executable)
    except (OSError, ValueError):  # whatever is odd, the whole way finds out and says so
        return None
    now = lock_text(version=__version__, profile=profile, overrides=overrides, inputs=inputs, outputs=outputs)
    return said if now == text else None


def remember(folder: str, *, command: str, said: str = "") -> None:
    """Remember that a run of the command succeeded with the tree as it is now; a cache that cannot be written is none.

    Args:
        folder: `out/<profile>`.
        command: `render` or `check`.
        said: what the run told its user, warnings included, to be told again.
    """
    live = os.path.realpath(folder)
    path = _record(live, command)
    draft = f"{path}.{os.getpid()}"
    try:
        content, _ = _output(live + "/" + LOCK_NAME)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, f"{stamp(content)}\n{said}".encode())
        finally:
            os.close(descriptor)
        os.replace(draft, path)
    except (OSError, ValueError):
        return


def stamp(lock: bytes) -> str:
    """Digest of a lock together with everything that could turn the same inputs into other outputs.

    The generator's files count by inode, size and times, which is stricter than what makes Python itself compile a
    module again; the distributions beside it count by name and version.
    """
    lines = [__version__, sys.version, sys.executable or ""]
    _stat_code(os.path.dirname(os.path.abspath(__file__)), lines)
    for folder in sys.path:
        if folder.endswith("-packages"):
            lines += sorted(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")))
    return digest("\n".join([*lines, digest(lock)]).encode(errors="surrogateescape"))


def _stat_code(folder: str, lines: "list[str]") -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                found = entry.stat()
                lines.append(f"{entry.path} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}")
            elif entry.name not in {"__pycache__", "_data"} and entry.is_dir():  # data counts by content
                _stat_code(entry.path, lines)


def _remembered(live: str, command: str, lock: bytes) -> str | None:
    record = read(_record(live, command))
    if record is None:
        return None
    known, _, said = record.decode().partition("\n")
    return said if known == stamp(lock) else None


def _record(live: str, command: str) -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = digest(f"{command}\0{live}".encode(errors="surrogateescape"))
    return f"{cache}/taskgen/unchanged/{name}"


def _files(names: "list[str]", sources: Sources) -> "dict[str, str]":
    """Digests of the single files among the lock's inputs; those of trees come from the trees as they are now."""
    files = []
    for name in names:
        if not sources.holds(name):
            path = sources.path(name)
            if path is None:
                raise ValueError(name)
            files.append((name, path))
    return file_inputs(files)


def _outputs(live: str, paths: "Mapping[str, bool]", *, modes: bool) -> "dict[str, tuple[str, int]]":
    """Digest and mode of the outputs, without following a link that somebody put in their place."""
    found = {}
    folders = set()
    for path, executable in paths.items():
        content, on_disk = _output(f"{live}/{path}")
        found[path] = (digest(content), 0o755 if (on_disk if modes else executable) else 0o644)
        while (path := path.rpartition("/")[0]) and path not in folders:
            folders.add(path)
    for folder in folders:
        if not stat.S_ISDIR(os.lstat(f"{live}/{folder}").st_mode):
            raise ValueError(folder)
    return found


def _output(path: str) -> "tuple[bytes, bool]":
    descriptor = os.open(path, _NOFOLLOW)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(path)
        return read_all(descriptor, found.st_size), bool(found.st_mode & stat.S_IXUSR)
    finally:
        os.close(descriptor)


def _work(live: str) -> str:
    """The folder of `taskgen.output.place.Place.work`, whose import would cost too much; a test compares the two."""
    head, _, name = live.rpartition("/")
    return f"{head}/.taskgen-{name}"
