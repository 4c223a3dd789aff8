"""The commands that stand first in the README set up what they need, and say what they could not run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.consumers import CONSUMERS, consumer

ROOT = Path(__file__).parents[2]
SKIPPING_TEST = """
import pytest

def test_one():
    pytest.skip("not run: frobnicator not found; get it: apt-get install frobnicator")

@pytest.mark.parametrize("number", [1, 2])
def test_more(number):
    pytest.skip("not run: gadget not found; get it: apt-get install gadget")

def test_other():
    pytest.skip("needs a Tuesday")
"""

SERVER_TEST = """
import os, pathlib, pytest

@pytest.mark.server
@pytest.mark.parametrize("number", range(8))
def test_server(number):
    here = pathlib.Path(__file__)
    (here.parent / f"{here.stem}-process.{os.getpid()}").touch()
"""


def run(*command, cwd=ROOT, **environment):
    """Outcome of a program, with its output as text."""
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=variables, check=False, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose `.venv` was set up before: metadata, scripts and the stamp, and nothing that could install."""
    for name in ("pyproject.toml", "scripts"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    program = "import json; from scripts.setup_venv import fingerprint; print(json.dumps(fingerprint()))"
    fingerprint = json.loads(run(sys.executable, "-c", program, cwd=tmp_path).stdout)
    (tmp_path / ".venv").mkdir()
    stamp = {"fingerprint": fingerprint, "extras": ["dev", "verify"]}
    (tmp_path / ".venv" / "taskgen-setup.json").write_text(json.dumps(stamp))
    return tmp_path


def test_an_unchanged_environment_is_left_alone(checkout):
    """The second call installs nothing: there is no pip in this environment that it could have used."""
    done = run(sys.executable, "-m", "scripts.setup_venv", "dev", cwd=checkout)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_further_extra_is_installed(checkout):
    """An extra that is not there yet is asked of pip, together with those that are."""
    pip = checkout / ".venv" / "bin" / "python"
    pip.parent.mkdir()
    pip.write_text(f'#!/bin/sh\necho "$@" > {checkout}/asked\n')
    pip.chmod(0o755)

    assert run(sys.executable, "-m", "scripts.setup_venv", "celery", cwd=checkout).returncode == 0
    assert (checkout / "asked").read_text().split()[-1] == f"{checkout}[celery,dev,verify]"


def test_a_failed_installation_is_not_taken_for_done(checkout):
    """When pip fails the command says so, and the next call tries again."""
    pip = checkout / ".venv" / "bin" / "python"
    pip.parent.mkdir()
    pip.write_text("#!/bin/sh\nexit 3\n")
    pip.chmod(0o755)

    for _ in range(2):
        done = run(sys.executable, "-m", "scripts.setup_venv", "celery", cwd=checkout)
        assert done.returncode == 2
        assert "ended with 3" in done.stderr


def test_closing_table_names_what_was_not_run(tmp_path):
    """The table counts tests per missing consumer and says how to get it; an ordinary skip is not in it."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_skips.py").write_text(SKIPPING_TEST)

    done = run(
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cloudcoil",
        "-p",
        "no:cacheprovider",
        cwd=tmp_path,
        PYTHONPATH=str(ROOT),
    )

    table = done.stdout.partition(" not run ")[2]
    assert "1 test   frobnicator not found; get it: apt-get install frobnicator" in table
    assert "2 tests  gadget not found; get it: apt-get install gadget" in table
    assert "Tuesday" not in table


def test_server_tests_of_a_module_stay_in_one_process(tmp_path):
    """Tests that share servers and workers are not spread over processes; two modules run side by side."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = server\n")
    (tmp_path / "test_one.py").write_text(SERVER_TEST)
    (tmp_path / "test_other.py").write_text(SERVER_TEST)

    done = run(
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cloudcoil",
        "-n2",
        "--dist=loadgroup",
        cwd=tmp_path,
        PYTHONPATH=str(ROOT),
    )

    assert "16 passed" in done.stdout
    one, other = (list(tmp_path.glob(f"test_{name}-*")) for name in ("one", "other"))
    assert (len(one), len(other)) == (1, 1)
    assert one[0].suffix != other[0].suffix


def test_consumers_are_listed():
    """`make consumers` names every consumer, and how to get each that is absent."""
    done = run(sys.executable, "-m", "scripts.setup_consumers", "--list")

    assert done.returncode == 0
    assert [known.name for known in CONSUMERS if known.name not in done.stdout] == []
    assert [known.remedy for known in CONSUMERS if known.absent() and known.remedy not in done.stdout] == []


def test_consumer_names_are_unique():
    """A name stands for one consumer."""
    assert len({known.name for known in CONSUMERS}) == len(CONSUMERS)


def test_an_unknown_consumer_is_refused():
    """A test that misspells a consumer fails instead of skipping for ever."""
    with pytest.raises(LookupError, match="unknown consumer 'rediss'"):
        consumer("rediss")


def test_only_the_hatchet_engine_may_be_absent_in_ci():
    """Every other consumer comes from a package registry, so that CI can require it."""
    assert [known.name for known in CONSUMERS if not known.required_in_ci] == ["hatchet"]
