"""The fenced blocks of seeds 000 and 001: which there are, their text, and what a shell makes of their commands."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

FOLDER = Path(__file__).parents[1] / "fixtures" / "seeds_library"
MANIFEST: Mapping[str, Mapping[str, Any]] = yaml.safe_load((FOLDER / "manifest.yaml").read_text(encoding="utf-8"))
OLD, NEW = "from unstract.task_abstraction import", "from task_abstraction import"
BROKER = {"CELERY_BROKER_URL": "redis://localhost:6379/0", "CELERY_RESULT_BACKEND": "redis://localhost:6379/1"}
"""What the text of the seeds has said before it starts a worker of Celery."""
RECORDER = """#!{python}
import json, os, sys
with open(os.environ["RECORD"], "a") as record:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=record)
"""
UV = '#!/bin/sh\n[ "$1" = run ] && shift\nexec "$@"\n'
TIMEOUT_S = 60.0
F = TypeVar("F", bound=Callable[..., object])


def text_of(block: str) -> str:
    """Text of a block (`000:044`), word for word but for the import line."""
    return (FOLDER / f"{block.replace(':', '_')}.txt").read_text(encoding="utf-8").replace(OLD, NEW)


def run_python(block: str, **names: object) -> dict[str, Any]:
    """Run a Python block with the names that it leaves open, and return what it defines."""
    exec(compile(text_of(block), f"seed {block}", "exec"), names)  # noqa: S102 - running the block is the test
    return names


@dataclass(frozen=True)
class Command:
    """A worker command that a shell would start, or (without arguments) an `export` that it has just done."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def settings(self) -> dict[str, str]:
        """What the block says to the library by the environment."""
        prefixes = ("TASK_", "CELERY_", "TEMPORAL_", "HATCHET_")
        return {name: value for name, value in self.environment.items() if name.startswith(prefixes)}


def shell(block: str, folder: Path, **environment: str) -> tuple[list[Command], list[Command]]:
    """Let Bash run a block up to the start of its worker commands.

    Returns:
        The worker commands in their order, and the environment after each `export` line.
    """
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, program in {"uv": UV, "task-backend-worker": RECORDER, "exported": RECORDER}.items():
        (programs / name).write_text(program.format(python=sys.executable))
        (programs / name).chmod(0o755)
    record = folder / "record"
    record.write_text("")
    script = re.sub(r"^(export .*)$", r"\1\nexported EXPORTED", text_of(block), flags=re.MULTILINE)
    given = {"PATH": f"{programs}:/usr/bin:/bin", "RECORD": str(record), **environment}
    subprocess.run(["/bin/bash", "-euc", script], env=given, check=True, cwd=folder, timeout=TIMEOUT_S)
    found = [Command(tuple(words), variables) for words, variables in map(json.loads, record.read_text().splitlines())]
    started = [command for command in found if command.arguments != ("EXPORTED",)]
    return started, [command for command in found if command.arguments == ("EXPORTED",)]


SHOWN: set[str] = set()
"""Blocks that a test executes."""


def shows(*blocks: str) -> Callable[[F], F]:
    """Say which blocks a test executes; a block that no test names fails the test of the manifest."""
    SHOWN.update(blocks)
    return lambda test: test
