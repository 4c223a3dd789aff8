"""Files of a project: where profiles and fragments are, and reading them safely."""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from taskgen.data import data_root
from taskgen.errors import Position, Problem, ProfileError

SHIPPED: Final = "taskgen:"
"""Prefix of the fragments that come with taskgen."""
SUFFIX: Final = ".yaml"
MOST_BYTES: Final = 1024 * 1024
"""Size of one profile file: the largest profile seen has 20 KiB."""

LEADS_OUT: Final = "a symbolic link leads out of the profiles folder: copy the file into it"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with profiles, and optionally templates of its own."""

    root: Path
    """project root: holds profiles/, templates/ and out/"""
    shipped: Path = field(default_factory=data_root)
    """folder that holds the shipped profiles/ and templates/"""

    @property
    def profiles(self) -> Path:
        """Folder of the project's profiles and fragments."""
        return self.root / "profiles"

    def template_roots(self) -> tuple[Path, ...]:
        """Return the folders of targets that exist, the project's own first."""
        folders = (self.root / "templates", self.shipped / "templates")
        return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One profile or fragment: its name as `extends` writes it, and whose it is."""

    name: str
    """`prod-celery`, `env/prod`"""
    is_shipped: bool = False

    @property
    def reference(self) -> str:
        """The name as `extends` refers to it from a project."""
        return f"{SHIPPED if self.is_shipped else ''}{self.name}"

    @property
    def logical(self) -> str:
        """The file as messages and the lock name it, whatever folder the project is in."""
        return f"{SHIPPED if self.is_shipped else 'profiles/'}{self.name}{SUFFIX}"

    def folder(self, project: Project) -> Path:
        """Return the profiles folder that the name is relative to."""
        return project.shipped / "profiles" if self.is_shipped else project.profiles

    def file(self, project: Project) -> Path:
        """Return the file."""
        return self.folder(project) / f"{self.name}{SUFFIX}"

    def exists(self, project: Project) -> bool:
        """Tell whether anything has that name, readable or not."""
        return os.path.lexists(self.file(project))


def is_inside(name: str) -> bool:
    """Tell whether a name can only mean something below the profiles folder."""
    return not name.startswith(("/", "~")) and "\\" not in name and ".." not in PurePosixPath(name).parts


def is_name(name: str) -> bool:
    """Tell whether a text is a name of a profile or fragment."""
    return _NAME.fullmatch(name) is not None


def fragments(project: Project, *, is_shipped: bool) -> tuple[Source, ...]:
    """List all profiles and fragments of the project, or the shipped ones, by name."""
    folder = Source("", is_shipped).folder(project)
    names = (path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{SUFFIX}"))
    return tuple(Source(name, is_shipped) for name in sorted(names))


def leads_out(source: Source, project: Project) -> bool:
    """Tell whether a file is outside the profiles folder once its links are followed."""
    return not source.file(project).resolve().is_relative_to(source.folder(project).resolve())


def read_bytes(source: Source, project: Project) -> bytes:
    """Read a profile file.

    Raises:
        ProfileError: not readable, not a regular file, outside the profiles folder, or too large.
    """
    path = source.file(project)
    try:
        _check_place(path, source, project)
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise _problem(
            source,
            f"cannot be read ({(error.strerror or 'unknown reason').lower()}): check the file and its permissions",
        ) from None
    if len(content) > MOST_BYTES:
        raise _problem(source, f"larger than {MOST_BYTES // 1024} KiB: split it into fragments")
    return content


def decode(content: bytes, file: str) -> str:
    """Decode UTF-8; a byte order mark is skipped, as YAML says.

    Raises:
        ProfileError: not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        position = Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        byte = error.object[error.start]
        raise ProfileError(Problem(position, "", f"not UTF-8 (byte 0x{byte:02x}): save the file as UTF-8")) from None


def _check_place(path: Path, source: Source, project: Project) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise _problem(source, "a folder, not a file: remove it, or write the profile beside it")
    if not stat.S_ISREG(mode):
        raise _problem(source, "not a regular file: replace it by one")
    if leads_out(source, project):
        raise _problem(source, LEADS_OUT)


def _problem(source: Source, message: str) -> ProfileError:
    return ProfileError(Problem(Position(source.logical, 1, 1), "", message))
