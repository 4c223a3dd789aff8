"""Rendered settings before their readers: the SDK of each backend, the runtime library, and Python itself.

Every question is asked in a process of its own: the command line imports no SDK, and a settings module cannot change
what taskgen does next.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from typing import Final

from taskgen import __version__
from taskgen.artifact import Artifact
from taskgen.data import data_root
from taskgen.verifying.base import Result, answer, package_version, run_program

USUAL: Final = ("-P",)
"""Nothing is imported from the current folder."""
BARE: Final = ("-I", "-S", "-W", "error")
"""No installed package, no variable of the environment, and every warning is an error."""


def ask(probe: str, *arguments: str, folder: Path, flags: Sequence[str] = USUAL) -> list[str]:
    """Run one of the probes and return the problems that it found.

    Args:
        probe: module in `taskgen.verifying.probes`.
        arguments: of the probe.
        folder: where it runs.
        flags: of the interpreter.
    """
    program = ["-m", f"{__package__}.probes.{probe}"]
    if flags is BARE:  # taskgen cannot be imported there
        program = [str(Path(__file__).parent / "probes" / f"{probe}.py")]
    done = run_program([sys.executable, *flags, *program, *arguments], cwd=folder)
    if done.code != 0:
        return [done.last_lines]
    try:
        found = json.loads(done.output)
    except ValueError:
        return [done.last_lines]
    return [str(problem) for problem in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """Asks the installed SDK of a backend about its settings module."""

    name: str
    probe: str
    distribution: str
    file: str
    remedy: str

    def available(self) -> str | None:
        """Return the version of the SDK beside the running taskgen."""
        return package_version(self.distribution)

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is the settings module of the backend."""
        return artifact.path.rpartition("/")[2] == self.file

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each module."""
        version = self.available() or ""
        for artifact in artifacts:
            problems = ask(self.probe, str(folder / artifact.path), folder=folder)
            yield answer(self.name, artifact.path, problems, version)


def celery_settings() -> BackendSettings:
    """Return the verifier of celeryconfig.py: every setting exists, and Celery can be configured with it."""
    return BackendSettings(
        name="celery-settings",
        probe="celery",
        distribution="celery",
        file="celeryconfig.py",
        remedy="pip install 'taskgen-deploy[celery]'",
    )


def celery_command(kind: str) -> BackendSettings:
    """Return the verifier of the commands of an existing application: every flag is one of the installed Celery.

    Args:
        kind: of the application; only a Celery application has such commands.
    """
    return BackendSettings(
        name="celery-command",
        probe="celery_command",
        distribution="celery",
        file="plan.json" if kind == "celery" else "",
        remedy="pip install 'taskgen-deploy[celery]'",
    )


def temporal_settings() -> BackendSettings:
    """Return the verifier of temporal_settings.py: the SDK's worker and metrics take every argument."""
    return BackendSettings(
        name="temporal-settings",
        probe="temporal",
        distribution="temporalio",
        file="temporal_settings.py",
        remedy="pip install 'taskgen-deploy[temporal]'",
    )


def hatchet_settings() -> BackendSettings:
    """Return the verifier of hatchet_settings.py: the SDK registers a task and a worker with it."""
    return BackendSettings(
        name="hatchet-settings",
        probe="hatchet",
        distribution="hatchet-sdk",
        file="hatchet_settings.py",
        remedy="pip install 'taskgen-deploy[hatchet]'",
    )


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Has the runtime library read plan.json; nothing in it may be ignored."""

    name: str = "plan"
    remedy: str = "part of taskgen"

    def available(self) -> str | None:
        """Return taskgen's version, which is that of the library it copies."""
        return __version__

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is the plan of the runtime library."""
        return artifact.path.rpartition("/")[2] == "plan.json"

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each plan."""
        library = str(data_root() / "library")
        for artifact in artifacts:
            problems = ask("plan", str(folder / artifact.path), library, folder=folder)
            yield answer(self.name, artifact.path, problems, __version__)


@dataclass(frozen=True, slots=True)
class PythonModules:
    """Imports each rendered module in a bare Python: no package installed, no variable set, no warning allowed."""

    name: str = "python"
    remedy: str = "part of taskgen"

    def available(self) -> str | None:
        """Return the version of the running Python."""
        return python_version()

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is Python."""
        return artifact.path.endswith(".py")

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each module."""
        for artifact in artifacts:
            problems = ask("module", str(folder / artifact.path), folder=folder, flags=BARE)
            yield answer(self.name, artifact.path, problems, python_version())
