"""Errors of the generator: one line first, with a place and a remedy; never a traceback."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a profile file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        # A value of the command line has a flag instead of a line.
        return self.file if self.file.startswith("--") else f"{self.file}:{self.line}:{self.column}"


def place(position: Position, path: str) -> str:
    """Return place and path of a value; a flag such as `--set tiers.high.scale.max` names the path itself."""
    return str(position) if str(position) == f"--set {path}" else f"{position} {path}"


class TaskgenError(Exception):
    """Anything that taskgen reports to its user without a traceback; never raised itself."""

    exit_code: ClassVar[int] = 1
    """1: findings, drift or a failed check. 2: wrong usage or unreadable input."""


class UsageError(TaskgenError):
    """A flag, name or combination on the command line that has no meaning."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a profile: where, at which key, what, and what to do."""

    position: Position
    path: str
    message: str

    def __str__(self) -> str:
        return f"{place(self.position, self.path)}: {self.message}" if self.path else f"{self.position} {self.message}"


class ProfileError(TaskgenError):
    """A profile that cannot be read or does not fit the schema; carries every problem found."""

    exit_code = 2

    def __init__(self, *problems: Problem) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class TemplateError(TaskgenError):
    """A template or target.yaml that is wrong: names the template and the line."""
