"""The copied runtime library: it builds with its own build backend, and imports in a bare Python."""

import pytest

from taskgen.verifying.image import LibraryCopy, copied
from tests.support.verifying import ask

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "task-abstraction"
version = "1"
readme = "README.md"
[tool.hatch.build.targets.wheel]
packages = ["task_abstraction"]
"""
GOOD = {
    "image/library/pyproject.toml": PYPROJECT,
    "image/library/README.md": "# library\n",
    "image/library/task_abstraction/__init__.py": "",
    "image/library/task_abstraction/worker.py": "import json\n",
    "image/library/task_abstraction/exporter.py": "import json\n",
}


def test_good_library(tmp_path):
    """Every file of a library that builds and imports passes."""
    found = ask(LibraryCopy(), tmp_path, GOOD)

    assert {result.outcome for result in found.values()} == {"passed"}
    assert len(found) == len(GOOD)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("task_abstraction/worker.py", "import celery\n", "No module named 'celery'", id="needs a package"),
        pytest.param("pyproject.toml", PYPROJECT.replace("README", "READTHIS"), "READTHIS", id="names a lost file"),
        pytest.param("pyproject.toml", "[project\n", "Expected", id="is no TOML"),
    ],
)
def test_broken_library(tmp_path, path, text, expected):
    """A library that pip could not build or the worker not import fails as a whole."""
    found = ask(LibraryCopy(), tmp_path, {**GOOD, f"image/library/{path}": text})

    assert {result.outcome for result in found.values()} == {"failed"}
    assert expected in found["image/library/README.md"].detail


def test_paths_from_the_context():
    """Only what a Dockerfile copies from the build context counts, without flags and destinations."""
    dockerfile = "FROM a\nCOPY --chown=root:root app/ other /x/\nCOPY --from=build /opt /opt\nADD data.txt /\n"

    assert copied(dockerfile) == ["app", "other", "data.txt"]
