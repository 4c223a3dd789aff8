"""What the packaging metadata and the files of the repository promise."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import taskgen
from task_abstraction.errors import REQUIREMENTS
from taskgen.data import data_root

ROOT = Path(__file__).parents[2]

# Written so that a search for these words does not find this file.
REGISTRY_HOSTS = re.compile(
    r"pyp[i][.]org|pythonhoste[d]|npmj[s][.](org|com)|proxy[.]golan[g]|mave[n][.]org|debia[n][.]org|crate[s][.]io/"
)
MACHINE_PATHS = re.compile(r"/wor[k]/|/far[m]/|/roo[t]/|[.]librar[y]/")
WORKPLACE_TOOLS = re.compile(r"farm-(studi[o]|benc[h])|subagen[t]|before-sto[p]")


def metadata(path):
    """The `[project]` table of a pyproject.toml."""
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]


def repository_files():
    """Files that are committed or about to be; without git, as in an unpacked sdist, all that are not hidden."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not any(part[0] == "." for part in path.parts[1:])]


def lines_that_match(pattern):
    """`file:line` of every match in a text file of the repository."""
    found = []
    for path in repository_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        if pattern.search(text):
            hits = [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
            found.extend(f"{path.relative_to(ROOT)}:{number}" for number in hits)
    return found


@pytest.mark.parametrize("extra", ["celery", "temporal", "hatchet", "encryption", "otel"])
def test_extras_are_those_of_the_library(extra):
    """The distribution and the library that images install ask for the same versions of an SDK."""
    ours = metadata("pyproject.toml")["optional-dependencies"]
    theirs = metadata("library/pyproject.toml")["optional-dependencies"]

    assert theirs[extra] == ours[extra]


@pytest.mark.parametrize("backend", sorted(REQUIREMENTS))
def test_an_install_line_has_the_bounds_of_the_extra(backend):
    """What an error tells people to install is what the extra installs."""
    assert [REQUIREMENTS[backend]] == metadata("library/pyproject.toml")["optional-dependencies"][backend]


def test_library_needs_nothing():
    """The runtime library is standard library only until a backend is chosen."""
    assert metadata("library/pyproject.toml").get("dependencies", []) == []


def test_library_has_the_same_commands():
    """`task-backend-worker` starts the same function, whether it came with taskgen or alone in an image."""
    theirs = metadata("library/pyproject.toml")["scripts"]
    ours = metadata("pyproject.toml")["scripts"]

    assert {name: ours[name] for name in ours if name.startswith("task-backend-")} == theirs


def test_library_has_the_same_version():
    """One version number describes both packages of the distribution."""
    assert metadata("library/pyproject.toml")["version"] == taskgen.__version__


@pytest.mark.parametrize("path", ["pyproject.toml", "library/pyproject.toml"])
def test_every_dependency_has_a_lower_bound(path):
    """An old resolver answer, such as hatchet-sdk 0.12, is impossible rather than unlikely."""
    project = metadata(path)
    extras = [name for names in project["optional-dependencies"].values() for name in names]

    assert [name for name in [*project.get("dependencies", []), *extras] if ">=" not in name] == []


@pytest.mark.parametrize("folder", ["templates", "profiles", "library"])
def test_data_root_holds_the_data(folder):
    """The one function that finds shipped data finds all three folders."""
    assert (data_root() / folder).is_dir()


def test_no_file_says_pip_install_taskgen():
    """The bare name is another project on the package index: users would install that one."""
    assert lines_that_match(re.compile(r"(pip|uv|pipx) (install|add|tool install) taskge[n](?![-\w])")) == []


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(REGISTRY_HOSTS, id="host of a package registry"),
        pytest.param(MACHINE_PATHS, id="path of a machine"),
        pytest.param(WORKPLACE_TOOLS, id="tool of a workplace"),
    ],
)
def test_no_file_names_the_place_it_was_written(pattern):
    """Nothing in the repository depends on where it was made; packages are named, their hosts are not."""
    assert lines_that_match(pattern) == []


@pytest.mark.parametrize("pattern", [REGISTRY_HOSTS, MACHINE_PATHS, WORKPLACE_TOOLS])
def test_the_search_would_find_them(pattern):
    """The patterns recognise what they stand for, although they do not match their own text."""
    literal = pattern.pattern.replace("[", "").replace("]", "").replace("\\", "")

    assert pattern.search(literal)
    assert not pattern.search(pattern.pattern)
