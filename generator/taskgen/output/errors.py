"""Errors of the output layer: each says what was left unchanged and what to do."""

from collections.abc import Mapping, Sequence

from taskgen.errors import TaskgenError


class OutputError(TaskgenError):
    """The tree could not be written; the old one is untouched."""


class LockError(OutputError):
    """The lock of a tree cannot be read."""

    exit_code = 2


class BusyError(OutputError):
    """Another process writes the same tree."""


class RefusedError(OutputError):
    """Writing would lose somebody's work.

    Args:
        reasons: one line for each file, with its remedy.
        diffs: path -> unified diff from what is on disk to what is rendered.
    """

    def __init__(self, folder: str, *, reasons: Sequence[str], diffs: Mapping[str, str]) -> None:
        self.folder = folder
        self.reasons = tuple(reasons)
        self.diffs = dict(diffs)
        super().__init__(folder, self.reasons)

    def __str__(self) -> str:
        head = f"{self.folder}: {len(self.reasons)} {'file' if len(self.reasons) == 1 else 'files'} in the way"
        lines = [f"{head}, nothing was written", *(f"  {reason}" for reason in self.reasons)]
        return "\n".join([*lines, *(diff.rstrip("\n") for diff in self.diffs.values())])
