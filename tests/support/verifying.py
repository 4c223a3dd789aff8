"""Verifiers in tests: one is asked about files of a folder, or taskgen runs in a Python that lacks consumers."""

import os
import site
import subprocess
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

from taskgen.artifact import Artifact
from taskgen.verifying.base import Result, Verifier, verify
from tests.support.command import ROOT


def ask(verifier: Verifier, folder: Path, files: Mapping[str, str], *, target: str = "") -> dict[str, Result]:
    """Write files, ask a verifier about those that it reads, and return its results by path."""
    artifacts = []
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        artifacts.append(Artifact(path, text.encode(), target=target or path.partition("/")[0], template="t.j2"))
    return {result.artifact: result for result in verify(verifier, folder, artifacts)}


def python_without(folder: Path, *distributions: str) -> Path:
    """Make a Python that has the packages of this one but for some, and none of their programs beside it.

    Args:
        folder: where it is made.
        distributions: names of folders or files in site-packages, by their beginning.
    """
    venv.EnvBuilder(symlinks=True).create(folder)
    found = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    for packages in {Path(path) for path in [*site.getsitepackages(), sysconfig.get_path("purelib")]}:
        for entry in packages.iterdir() if packages.is_dir() else ():
            hidden = entry.name.lower().replace("-", "_").startswith(distributions) if distributions else False
            if not hidden and not (found / entry.name).exists():
                (found / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def taskgen_of(python: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run taskgen in another Python, with another PATH."""
    return subprocess.run(
        [str(python), "-m", "taskgen", *arguments],
        cwd=ROOT,
        env={"PATH": path, "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
