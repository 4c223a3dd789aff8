"""The promise to earlier users: the commands and variables of the seeds, run by a shell, with `uv run` as they say."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from task_abstraction import ConfigurationError, load_config_from_env, worker
from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.factory import forget_backends, get_backend
from tests.contract.library import test_seed_settings, test_seeds  # noqa: F401 - their blocks are in the list, too
from tests.support.need import need
from tests.support.seed_blocks import BROKER, FOLDER, MANIFEST, SHOWN, Command, shell, shows, text_of
from tests.support.workers import ROOT, clean_environment
from tests.unit.library.hatchet.conftest import fake_token

GIVEN = {
    "celery": {"TASK_BACKEND_TYPE": "celery", **BROKER},
    "temporal": {"TASK_BACKEND_TYPE": "temporal"},
    "hatchet": {"TASK_BACKEND_TYPE": "hatchet", "HATCHET_CLIENT_TOKEN": fake_token()},
}
"""What the text around a block has said before."""
WORKERS = {
    "000:038": ("celery", [("celery", "file_processing,api_processing", 4)]),
    "000:083": (
        "celery",
        [("celery", "file_processing", 4), ("celery", "api_processing", 8), ("celery", "callback_processing", 2)],
    ),
    "000:117": ("temporal", [("temporal", "file_processing_queue", 10), ("temporal", "api_processing_queue", 20)]),
    "000:144": ("hatchet", [("hatchet", "file_processing_workflow", 5), ("hatchet", "api_processing_workflow", 10)]),
    "000:153": (
        "celery",
        [("celery", "file_processing", 2), ("celery", "api_processing", 8), ("celery", "callback_processing", 4)],
    ),
    "000:166": (
        "celery",
        [
            ("celery", "file_processing,api_processing", 4),
            ("temporal", "staging_file_processing", 4),
            ("temporal", "prod_file_processing,prod_api_processing", 4),
        ],
    ),
    "000:182": ("celery", [("celery", "legacy_processing", 4), ("temporal", "new_processing", 4)]),
    "000:274": (
        "celery",
        [("celery", "file_processing", 2), ("celery", "api_processing", 16), ("celery", "mixed_processing", 8)],
    ),
    "000:327": ("celery", [("celery", "file_processing,api_processing", 4)]),
    "000:379": ("celery", [("temporal", "file_processing", 4)]),
}
"""Block -> backend that the text around it is about; backend, queues and slots of each worker that it starts."""


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """No setting of one command is seen by the next."""
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    yield
    forget_backends()


@pytest.fixture
def dry_run(monkeypatch, capsys):
    """Run a worker command in this process up to the connection; gives its exit code, output and errors."""

    def run(command: Command) -> tuple[int, str, str]:
        forget_backends()
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", {**os.environ, **command.settings()})
            code = worker.main([*command.arguments, "--dry-run"])
        return code, *capsys.readouterr()

    return run


@shows(*WORKERS)
@pytest.mark.parametrize("block", WORKERS)
def test_workers_serve_what_the_command_says(block, tmp_path, dry_run):
    """Each command gives a worker of the backend, the queues and the slots that it names."""
    need("celery", "temporalio", "hatchet-sdk")
    backend, expected = WORKERS[block]
    started, _ = shell(block, tmp_path, **GIVEN[backend])
    assert len(started) == len(expected)
    for command, (kind, queues, slots) in zip(started, expected, strict=True):
        code, out, err = dry_run(command)
        assert code == 0, err
        assert f"backend_type='{kind}'" in out
        assert f"queues {queues}, {slots} slots" in out


@shows("000:327")
def test_a_worker_without_queues_is_refused(monkeypatch, capsys):
    """The error that the block quotes, in production and where nothing says which environment this is."""
    for variable in ("TASK_BACKEND_TYPE", *BROKER):
        monkeypatch.setenv(variable, GIVEN["celery"][variable])
    error = text_of("000:327").splitlines()[0].removeprefix("# Error: ")

    assert worker.main([]) == 1
    assert error in capsys.readouterr().err
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert worker.main([]) == 1
    assert error in capsys.readouterr().err


@shows("000:010")
def test_each_value_selects_its_backend(tmp_path, monkeypatch):
    """Three exports, three backends."""
    need("celery", "temporalio", "hatchet-sdk")
    _, exported = shell("000:010", tmp_path, **BROKER, HATCHET_CLIENT_TOKEN=fake_token())
    seen = []
    for after in exported:
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", {**os.environ, **after.settings()})
            seen.append(get_backend().backend_type)
    assert seen == ["celery", "temporal", "hatchet"]


def variables_of(block: str, folder: Path, backend: str) -> dict[str, object]:
    """Connection parameters that the library reads after the last `export` of a block."""
    _, exported = shell(block, folder)
    return dict(load_config_from_env(backend, exported[-1].settings()).connection_params)


@shows("000:058", "001:107")
@pytest.mark.parametrize(
    ("block", "broker", "results"),
    [
        ("000:058", "redis://redis-cluster:6379/0", "redis://redis-cluster:6379/1"),
        ("001:107", "redis://localhost:6379/0", "redis://localhost:6379/0"),
    ],
)
def test_both_names_of_the_broker_are_read(block, broker, results, tmp_path):
    """One seed writes CELERY_BROKER_URL, the other TASK_CELERY_BROKER_URL."""
    found = variables_of(block, tmp_path, "celery")

    assert (found["broker_url"], found["result_backend"]) == (broker, results)


@shows("000:093")
def test_temporal_host_is_an_address(tmp_path):
    """The port belongs to the host's variable, and is parsed once."""
    found = variables_of("000:093", tmp_path, "temporal")

    assert (found["host"], found["port"], found["namespace"]) == ("temporal.company.com", 7233, "production")


@shows("000:126")
def test_hatchet_variables_are_read_and_the_token_is_checked(tmp_path, dry_run):
    """The REST address counts; the text that stands for a token is refused in words, without being shown."""
    need("hatchet-sdk")
    from task_abstraction.backends.hatchet.connection import connection_of

    _, (_, _, last) = shell("000:126", tmp_path)
    assert variables_of("000:126", tmp_path, "hatchet")["server_url"] == "https://hatchet.company.com"
    with pytest.raises(ConfigurationError, match="HATCHET_CLIENT_TOKEN is no token") as caught:
        connection_of(load_config_from_env("hatchet", last.settings()), {})
    assert "your_token_here" not in str(caught.value)
    code, out, err = dry_run(Command(("--queues", "file_processing"), last.environment))
    assert (code, out) == (1, "")
    assert "task-backend-worker: HATCHET_CLIENT_TOKEN is no token" in err
    corrected = {**last.settings(), "HATCHET_CLIENT_TOKEN": fake_token()}
    assert connection_of(load_config_from_env("hatchet", corrected), {}).server_url == "https://hatchet.company.com"


@shows("000:246")
def test_secured_connections_are_read(tmp_path):
    """The older names of certificate and key count; user and password are never shown."""
    _, exported = shell("000:246", tmp_path)
    settings = exported[-1].settings()
    temporal = load_config_from_env("temporal", settings).connection_params
    celery = load_config_from_env("celery", settings)

    assert temporal["tls_client_cert_path"] == "/path/to/cert.pem"
    assert temporal["tls_client_key_path"] == "/path/to/key.pem"
    assert celery.connection_params["broker_url"] == "rediss://username:password@redis-cluster:6380/0"
    assert "password" not in str(celery)
    assert load_config_from_env("hatchet", settings).connection_params["token"] == "your_secure_token_here"  # noqa: S105


@shows("000:246")
def test_rediss_without_parameters_verifies(tmp_path):
    """Celery alone would verify nothing with the URLs of the block, and refuse the second one; here both verify."""
    need("celery")
    _, exported = shell("000:246", tmp_path)
    app = CeleryBackend(load_config_from_env("celery", exported[-1].settings())).app

    assert "ssl_cert_reqs=required" in str(app.conf.broker_write_url)
    assert app.backend.connparams["ssl_cert_reqs"] == ssl.CERT_REQUIRED


@shows("000:318")
@pytest.mark.parametrize(
    ("backend", "package"), [("celery", "celery"), ("temporal", "temporalio"), ("hatchet", "hatchet_sdk")]
)
def test_an_absent_sdk_names_a_bounded_requirement(backend, package):
    """The quoted error, and an install line that cannot bring another SDK than the one this library is written for."""
    program = f"import sys; sys.modules[{package!r}] = None; from task_abstraction.worker import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "--check"],
        env=clean_environment(GIVEN[backend]),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert f"Backend '{backend}' not available" in done.stderr
    assert "Traceback" not in done.stderr
    (line,) = (line for line in text_of("000:318").splitlines() if line.endswith(f"# For {backend.capitalize()}"))
    unbounded = line.partition("#")[0].removeprefix("pip install").strip()
    assert f"pip install '{unbounded}>=" in done.stderr


@shows("000:342")
def test_debugging_commands(tmp_path):
    """Help, backend and configuration, as the shell runs them; what is printed has no password in it."""
    (tmp_path / "uv").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (tmp_path / "uv").chmod(0o755)
    programs = Path(sys.executable).parent
    given = {"CELERY_BROKER_URL": "redis://:hidden-word@localhost:6379/0", "TASK_BACKEND_TYPE": "celery"}
    done = subprocess.run(
        ["/bin/bash", "-euc", text_of("000:342")],
        env=clean_environment({**given, "PATH": f"{tmp_path}:{programs}:/usr/bin:/bin"}),
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: task-backend-worker" in done.stdout
    assert "\nBackend: celery\n" in done.stdout
    assert "\nConfig: BackendConfig(backend_type='celery'" in done.stdout
    assert "hidden-word" not in done.stdout


def test_no_block_is_left_out():
    """Every block is executed by a test that names it, or has a reason; a file is there for each that is executed."""
    executed = {block for block, said in MANIFEST.items() if "other" not in said}

    assert executed == SHOWN
    assert {path.stem for path in FOLDER.glob("*.txt")} == {block.replace(":", "_") for block in executed}
    assert all({"run", "refused", "other"} & said.keys() for said in MANIFEST.values())


@pytest.mark.parametrize("block", [block for block, said in MANIFEST.items() if "other" not in said])
def test_files_are_as_long_as_the_blocks(block):
    """What stands between the two fences is the whole file."""
    lines = len(text_of(block).splitlines())

    assert int(block.partition(":")[2]) + lines + 1 == MANIFEST[block]["end"]
