"""One rendered file in memory."""

import unicodedata
from dataclasses import dataclass

from taskgen.errors import TaskgenError

LOCK_NAME = "taskgen.lock.json"
MODES = (0o644, 0o755)
"""The modes that git keeps: a plain file and an executable one."""


class ArtifactError(TaskgenError):
    """A target names an output path or a mode that no tree can hold."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One rendered file: where it goes below `out/<profile>/`, what is in it, and which template made it.

    Raises:
        ArtifactError: the path is not a plain relative posix path, or the mode is none that git keeps.
    """

    path: str
    content: bytes
    target: str
    template: str
    tier: str | None = None
    mode: int = 0o644

    def __post_init__(self) -> None:
        reason = _refusal(self.path)
        if reason is not None:
            raise ArtifactError(
                f"templates/{self.target}/target.yaml: output path {self.path!r} of {self.template} {reason}"
            )
        if self.mode not in MODES:
            raise ArtifactError(
                f"templates/{self.target}/target.yaml: mode {self.mode:o} of {self.path} is not kept by git, "
                "use 644 or 755"
            )


def _refusal(path: str) -> str | None:
    """Why a path is refused, or None; quotes and backslashes are out because the lock is read without a JSON parser."""
    parts = path.split("/")
    if path.startswith("/"):
        return "is absolute, write it relative to out/<profile>/"
    if "" in parts or "." in parts or ".." in parts:
        return "has an empty, `.` or `..` part, write it without"
    if any(character in '\\"' or unicodedata.category(character)[0] == "C" for character in path):
        return "holds a backslash, a quote or a control character, take it out"
    if path == LOCK_NAME:
        return "is the name of the lock, choose another"
    return None
