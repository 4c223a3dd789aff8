"""Wheel, wheel from sdist and editable install, each in a fresh environment."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("templates", "profiles", "library")
# Run by the installed package: prints what data_root() holds there.
LIST_DATA = """
import json, sys, taskgen.data, task_abstraction
root = taskgen.data.data_root()
files = [path for folder in sys.argv[1:] for path in (root / folder).rglob("*") if path.is_file()]
print(json.dumps(sorted(str(path.relative_to(root)) for path in files)))
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]


def run(*command, cwd):
    """Standard output of a program; a failure shows what it said. Foreign import paths are kept out."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """One wheel built from the checkout, and one from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation"]
    run(*build, "--wheel", "--outdir", str(folder / "direct"), str(ROOT), cwd=folder)
    run(*build, "--outdir", str(folder / "sdist"), str(ROOT), cwd=folder)  # sdist first, then the wheel from it
    return {kind: next((folder / kind).glob("taskgen_deploy-*.whl")) for kind in ("direct", "sdist")}


@pytest.fixture(scope="module", params=["wheel", "wheel from sdist", "editable"])
def installed(request, wheels, tmp_path_factory):
    """Folder with the programs of an environment that has only the distribution and its dependencies."""
    what = {
        "wheel": [str(wheels["direct"])],
        "wheel from sdist": [str(wheels["sdist"])],
        "editable": ["--editable", str(ROOT)],
    }[request.param]
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", str(folder), cwd=folder)
    programs = folder / "bin"
    run(str(programs / "python"), "-m", "pip", "install", "--quiet", *what, cwd=folder)
    return programs


def without_leftovers(names):
    """Sorted names without hidden files and compiled ones, which tools leave behind."""
    return sorted(
        name for name in names if not any(part[0] == "." or part == "__pycache__" for part in name.split("/"))
    )


def test_wheels_are_equal(wheels):
    """The sdist loses nothing: a wheel built from it has the same files as one built from the checkout."""
    direct, from_sdist = (sorted(zipfile.ZipFile(wheels[kind]).namelist()) for kind in ("direct", "sdist"))

    assert from_sdist == direct


def test_wheel_has_both_packages(wheels):
    """One distribution brings the generator and the library, both marked as typed."""
    names = set(zipfile.ZipFile(wheels["direct"]).namelist())

    assert {"taskgen/py.typed", "task_abstraction/py.typed"} <= names


def test_wheel_has_no_foreign_top_level(wheels):
    """Nothing lands in site-packages under a name that another project may use."""
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheels["direct"]).namelist()}

    assert {name for name in tops if not name.endswith(".dist-info")} == {"taskgen", "task_abstraction"}


def test_data_is_found(installed, tmp_path):
    """Templates, profiles and library are where data_root() says, whatever the way of installation."""
    found = json.loads(run(str(installed / "python"), "-c", LIST_DATA, *FOLDERS, cwd=tmp_path))

    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert without_leftovers(found) == without_leftovers(str(path.relative_to(ROOT)) for path in paths)


def test_commands_answer(installed, tmp_path):
    """Each command explains itself without any backend's SDK."""
    for name in ("taskgen", "task-backend-worker", "task-backend-exporter"):
        assert "usage" in run(str(installed / name), "--help", cwd=tmp_path).lower()


def test_profiles_are_listed(installed, tmp_path):
    """`taskgen profiles` knows the shipped profiles, from a folder that has none of its own."""
    assert "prod-temporal" in run(str(installed / "taskgen"), "profiles", cwd=tmp_path)
