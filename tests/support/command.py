"""Running taskgen as its users do: a process of its own, or the same command line within this one."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from taskgen.__main__ import main

ROOT = Path(__file__).parents[2]


def taskgen(
    *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, check: bool = False, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `taskgen` and return its output; variables of `env` are added to the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "taskgen", *arguments],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    if check and done.returncode:
        raise AssertionError(f"taskgen {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def taskgen_inside(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the whole command line in this process: the same words and exit code, without the start of a process."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["taskgen", *arguments]),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        code = main()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())
