"""What the readers of rendered files take from them: Compose, a POSIX shell, Celery."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support.consumers import program

TIMEOUT_S = 60


def compose_config(file: Path, **env: str) -> dict[str, Any]:
    """The file as Compose understands it, with variables of the caller; a `$` is one `$`.

    Raises:
        ValueError: Compose refuses it; carries its message.
    """
    done = subprocess.run(
        [str(program("docker-compose")), "-f", str(file), "--profile", "*", "config", "--format", "json"],
        check=False,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(file.parent), **env},
        timeout=TIMEOUT_S,
    )
    if done.returncode:
        raise ValueError(done.stderr.decode().strip())
    return _single(json.loads(done.stdout))


def _single(value: Any) -> Any:
    # `config` writes what another Compose could read: every `$` doubled.
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, Mapping):
        return {key: _single(below) for key, below in value.items()}
    return [_single(below) for below in value] if isinstance(value, list) else value


def shell_environment(file: Path) -> dict[str, str]:
    """The variables that a POSIX shell has after it read an environment file."""
    done = subprocess.run(
        [str(program("sh")), "-c", 'set -a; . "$0"; exec env -0', str(file)],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/expanded"},
        timeout=TIMEOUT_S,
    )
    assert done.stderr == b""
    return dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if "=" in pair)


def module_of(source: str, name: str = "rendered") -> ModuleType:
    """A rendered Python module, compiled and executed."""
    module = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec", dont_inherit=True), vars(module))  # noqa: S102  # reading it is the test
    return module
