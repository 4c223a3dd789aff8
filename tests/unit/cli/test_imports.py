"""Nothing heavy is imported before it is needed."""

import subprocess
import sys

import pytest

from tests.support.command import ROOT

BACKENDS = {"celery", "temporalio", "hatchet_sdk", "kubernetes", "kombu", "grpc"}
HEAVY = {*BACKENDS, "pydantic", "jinja2", "ruamel", "typer", "yaml"}


def loaded(*arguments, cwd=ROOT):
    """Top-level modules that a command has loaded when it ends."""
    script = (
        "import sys; sys.argv = ['taskgen', *sys.argv[1:]]\n"
        "from taskgen.__main__ import main\n"
        "code = main()\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=cwd, capture_output=True, text=True, check=True, timeout=60
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code in {"0", "1"}, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        pytest.param(["--help"], {*BACKENDS, "pydantic", "jinja2", "ruamel", "rich"}, id="help"),
        pytest.param(["profiles"], {*BACKENDS, "jinja2", "rich"}, id="profiles"),
        pytest.param(["rules"], {*BACKENDS, "jinja2", "ruamel", "rich"}, id="rules"),
        pytest.param(["check", "--profile", "prod-celery"], {*BACKENDS, "jinja2", "rich"}, id="check"),
        pytest.param(["render", "--profile", "prod-celery", "--stdout"], {*BACKENDS, "rich"}, id="render"),
    ],
)
def test_command_loads_only_what_it_needs(arguments, refused):
    """Each command stays within its budget of imports."""
    assert loaded(*arguments) & refused == set()


def test_unchanged_render_loads_nothing_heavy(tmp_path):
    """The second render answers from hashes: no third-party package and not even pathlib."""
    import shutil

    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    first = loaded("render", "--profile", "prod-celery", cwd=tmp_path)
    second = loaded("render", "--profile", "prod-celery", cwd=tmp_path)

    assert "pydantic" in first
    assert second & {*HEAVY, "pathlib", "json", "re", "typing"} == set()
