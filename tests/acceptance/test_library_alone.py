"""The library without the generator: sdist and wheel, installed alone, with its commands and its pytest plugin."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.verifying import python_without
from tests.support.workers import ROOT

SDKS = ("celery", "temporalio", "hatchet", "kombu", "redis")
OURS = ("task_abstraction", "taskgen", "_editable_impl_taskgen", "__editable__")
WELCOME = """
from task_abstraction import task


@task(queue="mail")
def send_welcome(address: str) -> str:
    return f"sent to {address}"
"""
TEST = """
from welcome import send_welcome


def test_is_submitted(recorded_tasks):
    send_welcome.submit("ada@example.com")
    assert [call.name for call in recorded_tasks.calls] == ["send_welcome"]


def test_runs(memory_backend):
    assert send_welcome.submit("ada@example.com").wait(timeout=5) == "sent to ada@example.com"
"""


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with no import path but its own."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "ENVIRONMENT": "dev"}
    return subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT / "library")]
    done = run(*build, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def alone(built, tmp_path_factory):
    """A Python that has the wheel, and neither the generator nor any SDK."""
    folder = tmp_path_factory.mktemp("alone")
    python = python_without(folder, *SDKS, *OURS)
    (wheel,) = built.glob("*.whl")
    done = run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return python


pytestmark = pytest.mark.xdist_group("library alone")


def test_sdist_and_wheel_hold_the_same_modules(built):
    """The sdist loses no module, and the wheel brings nothing but the package."""
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    wheeled = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".py", "py.typed"))}
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {
        str(path.relative_to(ROOT / "library")) for path in (ROOT / "library" / "task_abstraction").rglob("*.py")
    }

    assert wheeled == sources | {"task_abstraction/py.typed"}
    assert wheeled <= names


def test_every_public_name_is_there(alone, tmp_path):
    """Without the generator and without an SDK."""
    program = "import task_abstraction as t; print(t.__file__); [getattr(t, name) for name in t.__all__]"
    done = run(str(alone), "-c", program, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(alone.parents[1]))


def test_importing_it_loads_next_to_nothing(alone, tmp_path):
    """One module of the library, and none that `import typing` does not load: that is why it takes milliseconds."""
    program = (
        "import sys, typing; before = set(sys.modules); import task_abstraction; print(*set(sys.modules) - before)"
    )

    assert run(str(alone), "-c", program, cwd=tmp_path).stdout.split() == ["task_abstraction"]


def test_commands_answer_and_name_the_sdk_that_is_missing(alone, tmp_path):
    """The commands come with the wheel; a backend without its SDK is told with its requirement."""
    worker = str(alone.with_name("task-backend-worker"))

    assert run(worker, "--help", cwd=tmp_path).returncode == 0
    assert run(str(alone.with_name("task-backend-exporter")), "--help", cwd=tmp_path).returncode == 0
    checked = run(worker, "--backend", "temporal", "--check", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (1, "")
    assert "Install with: pip install 'temporalio>=" in checked.stderr


def test_its_readme_works(alone, tmp_path):
    """The module and the submit that its readers see first; the memory backend stands for the worker."""
    readme = (ROOT / "library" / "README.md").read_text(encoding="utf-8")
    module, submit = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "tasks.py").write_text(module)
    memory = "from task_abstraction import register_backend\nregister_backend('celery', '{}')\n"
    program = memory.format("task_abstraction.testing:MemoryBackend") + submit
    given = "import os\nos.environ.update(TASK_BACKEND_TYPE='celery', CELERY_BROKER_URL='redis://localhost')\n"
    done = run(str(alone), "-c", given + program, cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("3\n", "")


def test_pytest_finds_the_plugin(alone, tmp_path):
    """By its entry point: no flag, no conftest."""
    (tmp_path / "welcome.py").write_text(WELCOME)
    (tmp_path / "test_welcome.py").write_text(TEST)
    done = run(str(alone), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cloudcoil", cwd=tmp_path)

    assert "2 passed" in done.stdout, done.stdout + done.stderr
