"""What a verifier is: a real consumer that is asked whether it would take the rendered files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal, Protocol

from taskgen.artifact import Artifact

TIMEOUT: Final = 60.0
"""Seconds that a consumer gets; a hanging one has failed."""
LAST_LINES: Final = 20
"""Lines of a consumer's output that a result quotes."""
EVERY: Final = "*"
"""Stands for all artifacts in a result that is not about one of them."""

Outcome = Literal["passed", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one verifier says about one artifact."""

    verifier: str
    artifact: str
    """path below out/<profile>/, or `*`"""
    outcome: Outcome
    detail: str = ""
    """why it failed or was not run; empty when it passed"""
    version: str = ""
    """of the consumer that answered"""


class Verifier(Protocol):
    """A consumer of rendered files; made anew for each run, without state."""

    @property
    def name(self) -> str:
        """The name that target.yaml and the table use."""
        ...

    @property
    def remedy(self) -> str:
        """How to get the consumer, as a command."""
        ...

    def available(self) -> str | None:
        """Return the version of the consumer, None when it is not here; asks no network."""
        ...

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the consumer reads this artifact."""
        ...

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterable[Result]:
        """Yield one result for each artifact.

        Args:
            folder: holds the whole rendered tree of the profile.
            artifacts: those that it applies to, all in the tree.
        """
        ...


def verify(verifier: Verifier, folder: Path, artifacts: Sequence[Artifact]) -> tuple[Result, ...]:
    """Ask one verifier about the artifacts that it applies to; an absent consumer is `not run`, never passed."""
    chosen = [artifact for artifact in artifacts if verifier.applies(artifact)]
    if not chosen:
        return ()
    found = verifier.available()
    if found is None:
        return (Result(verifier.name, EVERY, "not run", f"not installed; get it: {verifier.remedy}"),)
    return tuple(verifier.run(folder, chosen))


def answer(verifier: str, artifact: str, problems: Sequence[str], version: str) -> Result:
    """Return the result of a consumer that was asked: failed with every problem, or passed."""
    return Result(verifier, artifact, "failed" if problems else "passed", "; ".join(problems), version)


def package_version(distribution: str) -> str | None:
    """Return the version of an installed Python package, None when it is absent."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def program(name: str) -> str | None:
    """Return the path of a program: beside the running Python, else on the PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(name, path=os.pathsep.join([beside, *os.get_exec_path()]))


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended."""

    code: int | None
    """exit code; None when it was ended because it took too long"""
    output: str
    errors: str

    @property
    def last_lines(self) -> str:
        """The end of what it said, errors first."""
        if self.code is None:
            return f"no answer within {TIMEOUT:.0f} s"
        text = self.errors.strip() or self.output.strip()
        return "\n".join(text.splitlines()[-LAST_LINES:]) or f"exit code {self.code} without a message"


def run_program(arguments: Sequence[str], *, cwd: Path, timeout: float = TIMEOUT) -> Finished:
    """Run a consumer and return what it said; a program that hangs is ended.

    Args:
        arguments: program and arguments, never a shell line.
        cwd: folder in which it runs.
        timeout: seconds.
    """
    try:
        done = subprocess.run(
            list(arguments),
            cwd=cwd,
            capture_output=True,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Finished(None, "", "")
    return Finished(done.returncode, done.stdout, done.stderr)
