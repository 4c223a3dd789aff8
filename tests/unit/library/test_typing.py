"""The types of the library, as mypy and pyright see them: what is right passes, what is wrong is found in its line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import task_abstraction
from tests.support.consumers import program
from tests.support.need import need

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "fixtures" / "typing"
FILES = ("valid.py", "invalid.py")
TIMEOUT_S = 300.0


def run(*command: str) -> str:
    """Output of a type checker; it ends with 1 where it found something."""
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout


def by_mypy() -> dict[str, dict[int, str]]:
    """What mypy finds: file, line, message."""
    out = run(sys.executable, "-m", "mypy", "--strict", *(str(FOLDER / name) for name in FILES))
    found: dict[str, dict[int, str]] = {name: {} for name in FILES}
    for file, line, message in re.findall(r"^(.+?):(\d+): error: (.*)$", out, re.MULTILINE):
        found[Path(file).name][int(line)] = message
    return found


def by_pyright() -> dict[str, dict[int, str]]:
    """What pyright finds: file, line, message; `valid.py` asks for its strict mode, which takes nothing unknown."""
    need("pyright")
    command = [str(program("pyright")), "--pythonpath", sys.executable, "--outputjson"]
    out = run(*command, *(str(FOLDER / name) for name in FILES))
    found: dict[str, dict[int, str]] = {name: {} for name in FILES}
    for told in json.loads(out)["generalDiagnostics"]:
        if told["severity"] != "information":
            found[Path(told["file"]).name][told["range"]["start"]["line"] + 1] = told["message"]
    return found


@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_right_use_passes_and_each_wrong_one_is_found(checker):
    """Nothing in the right file; in the wrong one exactly the lines that are marked."""
    lines = (FOLDER / "invalid.py").read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if "# error: " in line}
    found = checker()

    assert found["valid.py"] == {}
    assert found["invalid.py"].keys() == marked


def test_every_public_name_is_used():
    """A new public name needs a place in the right file, where strict checkers see whether it is typed."""
    used = set(re.findall(r"\w+", (FOLDER / "valid.py").read_text(encoding="utf-8").partition("\n)\n")[2]))

    assert set(task_abstraction.__all__) - used == set()
