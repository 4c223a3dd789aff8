"""The same input gives the same bytes, wherever and by whomever it is rendered."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.command import ROOT, taskgen
from tests.support.trees import snapshot

PROFILE = "prod-hybrid"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of its own with the shipped profiles."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    return folder


def rendered(project: Path, out: Path, **how) -> dict[str, str | bytes]:
    """Render into a folder of its own and return its bytes."""
    taskgen("render", "--profile", PROFILE, "--out", str(out), cwd=project, check=True, **how)
    return snapshot(out / PROFILE)


def contents(tree: dict[str, str | bytes]) -> dict[str, bytes]:
    """The files of a tree without their modes, which another umask may narrow."""
    return {path: entry.partition(b" ")[2] for path, entry in tree.items() if isinstance(entry, bytes)}


@pytest.fixture(scope="module")
def reference(project, tmp_path_factory):
    """What a plain run renders."""
    return rendered(project, tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"PYTHONHASHSEED": "1"}, id="another hash seed"),
        pytest.param({"PYTHONHASHSEED": "4711"}, id="a further hash seed"),
        pytest.param({"TZ": "Asia/Kathmandu"}, id="another time zone"),
        pytest.param({"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}, id="the C locale"),
        pytest.param({"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}, id="the Turkish locale"),
        pytest.param({"HOME": "/nonexistent", "USER": "nobody", "LOGNAME": "nobody"}, id="another user's variables"),
        pytest.param({"TASK_BACKEND_TYPE": "celery", "ENVIRONMENT": "dev"}, id="variables of a worker"),
    ],
)
def test_environment_does_not_show(project, reference, tmp_path, env):
    """Variables of the machine never change the output."""
    assert rendered(project, tmp_path, env=env) == reference


def test_working_directory_does_not_show(project, reference, tmp_path):
    """A run from a folder inside the project gives the same bytes."""
    taskgen("render", "--profile", PROFILE, "--out", str(tmp_path), cwd=project / "profiles" / "env", check=True)

    assert snapshot(tmp_path / PROFILE) == reference


def test_place_of_the_project_does_not_show(reference, tmp_path):
    """The same profiles in another folder give the same bytes."""
    elsewhere = tmp_path / "else where"
    shutil.copytree(ROOT / "profiles", elsewhere / "profiles")

    assert rendered(elsewhere, tmp_path / "out") == reference


def may_run_python(user: int) -> bool:
    """Whether another user can start this interpreter: it may lie in somebody's home."""
    try:
        return subprocess.run([sys.executable, "-c", "import taskgen"], user=user, check=False).returncode == 0
    except PermissionError:
        return False


@pytest.mark.parametrize("user", [pytest.param(None, id="the same user"), pytest.param(65534, id="another user")])
def test_user_and_umask_do_not_show(project, reference, user):
    """Somebody else, with another umask, renders the same bytes."""
    if user is not None and (os.geteuid() != 0 or not may_run_python(user)):
        pytest.skip("only root can become somebody else, and only where others may run this Python")
    shared = Path(tempfile.mkdtemp(prefix="taskgen-"))
    try:
        shutil.copytree(project / "profiles", shared / "profiles")
        if user is not None:
            os.chown(shared, user, user)
        done = subprocess.run(
            [sys.executable, "-m", "taskgen", "render", "--profile", PROFILE],
            cwd=shared,
            user=user,
            umask=0o077,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert contents(snapshot(shared / "out" / PROFILE)) == contents(reference)
    finally:
        shutil.rmtree(shared)


def test_nothing_of_the_machine_is_in_the_output(reference):
    """No path of the machine, no host name and no date is rendered."""
    everything = b"\n".join(entry for entry in reference.values() if isinstance(entry, bytes))

    for trace in (str(ROOT), str(Path.home()), os.uname().nodename):
        assert len(trace) < 4 or trace.encode() not in everything
