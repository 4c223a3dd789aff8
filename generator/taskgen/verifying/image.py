"""What the image build takes in: the ignore file and the copied runtime library."""

import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, answer, package_version, run_program

_COPY: Final = re.compile(r"^(?:COPY|ADD)\s+(?P<flags>(?:--\S+\s+)*)(?P<paths>.+)$", re.MULTILINE)
DECOYS: Final = (".env", ".env.prod", ".git/config", "__pycache__/code.pyc")
"""What no image may hold, wherever it lies."""
LIBRARY: Final = "image/library/"
_ENTRY_POINTS: Final = ("task_abstraction", "task_abstraction.worker", "task_abstraction.exporter")


def copied(dockerfile: str) -> list[str]:
    """Return the paths that a Dockerfile takes from the build context."""
    found: list[str] = []
    for match in _COPY.finditer(dockerfile):
        if "--from=" not in match["flags"]:
            found += [path.strip("/") for path in match["paths"].split()[:-1]]
    return found


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """Has Docker's client choose the build context of a project that holds what is needed, and secrets beside it."""

    name: str = "dockerignore"
    remedy: str = "pip install 'docker>=7.1'"

    def available(self) -> str | None:
        """Return the version of Docker's client for Python."""
        return package_version("docker")

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is an ignore file."""
        return artifact.path.endswith(".dockerignore")

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file."""
        version = self.available() or ""
        for artifact in artifacts:
            file = folder / artifact.path
            dockerfile = file.with_suffix("")
            if not dockerfile.is_file():
                yield answer(self.name, artifact.path, [f"no {dockerfile.name} lies beside it"], version)
                continue
            needed = copied(dockerfile.read_text(encoding="utf-8"))
            problems = list(_wrong(needed, file.read_text(encoding="utf-8")))
            yield answer(self.name, artifact.path, problems, version)


def _wrong(needed: Sequence[str], ignored: str) -> Iterator[str]:
    """Yield what the build would lack, and what it would take in though it must not."""
    from docker.utils.build import exclude_paths  # type: ignore[import-untyped]

    with TemporaryDirectory(prefix="taskgen-") as scratch:
        root = Path(scratch)
        folders = [path for path in needed if not Path(path).suffix]
        wanted = [
            *((Path(path) / "deep/code.py").as_posix() for path in folders),
            *(path for path in needed if path not in folders),
        ]
        hidden = [f"{folder}/{decoy}" for folder in ("profiles", *folders) for decoy in DECOYS]
        hidden += [*DECOYS, "profiles/base.yaml"]
        for path in (*wanted, *hidden):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("", encoding="utf-8")
        lines = [line.strip() for line in ignored.splitlines()]
        taken = exclude_paths(scratch, [line for line in lines if line and not line.startswith("#")])
    yield from (f"{path} is copied by the Dockerfile, but ignored" for path in wanted if path not in taken)
    yield from (f"{path} would go into the build" for path in hidden if path in taken)


@dataclass(frozen=True, slots=True)
class LibraryCopy:
    """Builds the copied runtime library with its own build backend, and imports the result in a bare Python."""

    name: str = "library"
    remedy: str = "pip install 'hatchling>=1.27'"

    def available(self) -> str | None:
        """Return the version of hatchling, the build backend that pip fetches in the image."""
        return package_version("hatchling")

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact belongs to the copied library."""
        return artifact.path.startswith(LIBRARY)

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file: it stands or falls with the whole."""
        version = self.available() or ""
        with TemporaryDirectory(prefix="taskgen-") as scratch:
            problem, packed = _built(folder / LIBRARY, Path(scratch))
        for artifact in artifacts:
            inside = artifact.path.removeprefix(LIBRARY)
            lost = inside.startswith("task_abstraction/") and inside not in packed
            found = [problem] if problem else [f"{inside} is not in the wheel"] if lost else []
            yield answer(self.name, artifact.path, found, version)


def _built(library: Path, scratch: Path) -> tuple[str, frozenset[str]]:
    """Build and import the library; return what went wrong, and the files in its wheel."""
    hatchling = [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", str(scratch)]
    done = run_program(hatchling, cwd=library)
    wheels = list(scratch.glob("*.whl"))
    if done.code != 0 or len(wheels) != 1:
        return done.last_lines, frozenset()
    with zipfile.ZipFile(wheels[0]) as wheel:
        packed = frozenset(wheel.namelist())
    script = f"import sys; sys.path.insert(0, {str(wheels[0])!r}); import {', '.join(_ENTRY_POINTS)}"
    done = run_program([sys.executable, "-I", "-S", "-W", "error", "-c", script], cwd=scratch)
    return "" if done.code == 0 else done.last_lines, packed
