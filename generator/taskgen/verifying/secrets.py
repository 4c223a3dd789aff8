"""Secrets in clear: detect-secrets looks at every rendered file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, answer, program, run_program
from taskgen.verifying.programs import program_version

ALLOWED: Final[Mapping[str, str]] = {
    r"@sha256:[0-9a-f]{64}\b": "the digest of an image is public, and looks random",
    r'^secretName: "[a-z0-9.-]+"$': "the name of a Secret object; detect-secrets turns YAML into such lines",
}
"""Lines that are no secret though they look like one, each shape with its reason."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Searches rendered files for keys, tokens, passwords and random-looking texts; asks no network."""

    name: str = "secrets"
    remedy: str = "pip install 'detect-secrets>=1.5'"

    def available(self) -> str | None:
        """Return the version of detect-secrets."""
        return program_version("detect-secrets")

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is a file: any may hold a secret."""
        return bool(artifact.path)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file."""
        version = self.available() or ""
        paths = [artifact.path for artifact in artifacts]
        allowed = [word for shape in ALLOWED for word in ("--exclude-lines", shape)]
        tool = program("detect-secrets") or "detect-secrets"
        done = run_program([tool, "scan", "--no-verify", "--all-files", *allowed, *paths], cwd=folder)
        found = json.loads(done.output)["results"] if done.code == 0 else {}
        crashed = [] if done.code == 0 else [done.last_lines]
        for path in paths:
            # Never the line itself: the report would then hold the secret too.
            problems = [f"near line {entry['line_number']}: {entry['type']}" for entry in found.get(path, ())]
            yield answer(self.name, path, crashed or problems, version)
