"""The promise to earlier users: the Python blocks of the seeds run with only the import line changed."""

import ast
import subprocess
import sys
from datetime import timedelta

import pytest

from task_abstraction import (
    TASK_REGISTRY,
    RetryPolicy,
    TaskNotRegistered,
    get_backend,
    get_default_config,
    register_backend,
    registry,
    task,
)
from task_abstraction.backends.temporal.options import task_options as temporal_options
from task_abstraction.config import WorkerPlan
from task_abstraction.factory import forget_backends
from task_abstraction.policy import TaskPolicy
from task_abstraction.serving import build_job
from task_abstraction.testing import MemoryBackend
from tests.support.need import need
from tests.support.seed_blocks import run_python, shows, text_of
from tests.support.workers import clean_environment
from tests.unit.library.hatchet.conftest import fake_token

HATCHET = """
import sys
from hatchet_sdk import Hatchet
hatchet = Hatchet()
for block in sys.argv[1:]:
    try:
        exec(block)
    except TypeError as error:
        print(error)
"""


@pytest.fixture(autouse=True)
def backend(monkeypatch):
    """A memory backend under the name that the blocks use."""
    monkeypatch.setenv("TASK_BACKEND_TYPE", "celery")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://localhost:6379/0")
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))  # noqa: SLF001 - taken back after the test
    register_backend("celery", MemoryBackend)
    forget_backends()
    yield get_backend()
    forget_backends()


@shows("001:018")
def test_the_quick_start(backend, capsys):
    """Register, submit, look, print; the look right after submit is a state."""
    names = run_python("001:018")

    assert "Result: TaskResult(" in capsys.readouterr().out
    assert backend.get_result(names["task_id"], timeout=10).unwrap() == 40
    assert names["add_numbers"](1, 2) == 3


@shows("000:044")
def test_submit_by_name(backend):
    """A declared or registered name is submitted by name."""
    backend.register_task(lambda document: document["id"], "process_document")
    names = run_python("000:044", document_data={"id": 7})

    assert backend.get_result(names["task_id"], timeout=10).unwrap() == 7


def test_submit_by_an_unknown_name():
    """The block with a name that nobody knows ends with the documented error."""
    with pytest.raises(TaskNotRegistered, match="Task 'process_document' not registered"):
        run_python("000:044", document_data={})


@shows("000:193")
def test_application_logging(backend, caplog):
    """`backend_type`, a status that equals plain text, and `error`."""
    backend.register_task(lambda document: document, "process_document")
    with caplog.at_level("INFO"):
        run_python("000:193", get_backend=get_backend, document_data={})

    said = [record.message for record in caplog.records]
    assert said[0] == f"Using backend: {backend.backend_type}"
    assert said[1].startswith("Submitted task: ")


def test_application_logging_corrected(backend, caplog):
    """With a wait the healthy task is not logged as failed: only the look without a wait was wrong."""
    backend.register_task(lambda document: document, "process_document")
    corrected = text_of("000:193").replace("get_result(task_id)", "get_result(task_id, timeout=10)")
    with caplog.at_level("INFO"):
        exec(corrected, {"get_backend": get_backend, "document_data": {}})  # noqa: S102 - running the block is the test

    assert caplog.records[-1].message.startswith("Task completed: ")


@shows("000:260")
def test_a_task_with_annotations(backend):
    """The decorated function stays usable, and runs as a task."""
    names = {"decrypt": str.lower, "process": str.strip, "encrypt": str.upper, "backend": backend}
    made = run_python("000:260", **names)["process_sensitive_data"]

    assert made(" A ") == "A"
    assert backend.get_result(backend.submit("process_sensitive_data", " B "), timeout=10).unwrap() == "B"


@shows("000:334")
def test_the_registry_lists_names(capsys):
    """Each entry has the name of its function."""

    @task(name="seed_listed")
    def seed_listed() -> None:
        """Is only listed."""

    try:
        run_python("000:334")
    finally:
        TASK_REGISTRY.discard("seed_listed")
    assert "'seed_listed'" in capsys.readouterr().out


@shows("000:364")
def test_the_phases_are_comments():
    """Nothing in the block would run."""
    assert ast.parse(text_of("000:364")).body == []


class TestNativeConfiguration:
    """Settings of an SDK that the seeds write down beside the library: what they mean is declared on the task."""

    @shows("000:100")
    def test_temporal_globals_become_a_declaration(self):
        """Nothing reads the globals; the same numbers in a declaration reach the server's retry policy."""
        need("temporalio")
        wrong = run_python("000:100")["task_retry_policy"]
        policy = RetryPolicy(
            max_attempts=3, initial_delay=timedelta(seconds=60), max_delay=timedelta(minutes=10), backoff=2.0
        )
        told = temporal_options(TaskPolicy(retry=policy, time_limit_s=300))

        assert (told.max_attempts, told.backoff) == (wrong.maximum_attempts, wrong.backoff_coefficient)
        assert told.initial_delay_s == wrong.initial_interval.total_seconds()
        assert told.max_delay_s == wrong.maximum_interval.total_seconds()
        assert told.start_to_close_s == 300

    @shows("001:065")
    def test_temporal_has_no_such_decorator(self):
        """The SDK says so at once; the attempts and the backoff are declared on the task."""
        need("temporalio")
        from temporalio import workflow
        from temporalio.common import RetryPolicy as NativePolicy

        with pytest.raises(AttributeError, match="has no attribute 'activity'"):
            run_python("001:065", workflow=workflow, RetryPolicy=NativePolicy)
        told = temporal_options(TaskPolicy(retry=RetryPolicy(max_attempts=3, backoff=2.0)))

        assert (told.max_attempts, told.backoff) == (3, 2.0)

    @shows("000:297")
    def test_temporal_tuning_has_its_place(self, monkeypatch, tmp_path):
        """Nothing reads the globals; as the worker's settings of a tier the same numbers reach the SDK."""
        need("temporalio")
        from task_abstraction.backends.temporal.backend import TemporalBackend
        from task_abstraction.backends.temporal.worker import worker_options

        numbers = {name: value for name, value in run_python("000:297").items() if name.startswith("max_")}
        (tmp_path / "plan.json").write_text("{}")
        (tmp_path / "temporal_settings.py").write_text(f"WORKER = {{'default': {numbers!r}}}\n")
        monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
        producer = TemporalBackend(get_default_config("temporal"), plan=WorkerPlan())
        told = worker_options(build_job(producer, queues=["q"], concurrency=100))

        assert len(numbers) == 3
        assert numbers.items() <= told.items()

    @shows("000:133", "000:305")
    def test_hatchet_refuses_the_keywords(self):
        """Completed to a decorator, each block is a TypeError of the SDK, not a silent loss."""
        need("hatchet-sdk")
        blocks = [text_of(block) + "def production(input, context): ...\n" for block in ("000:133", "000:305")]
        done = subprocess.run(
            [sys.executable, "-Wignore", "-c", HATCHET, *blocks],
            env=clean_environment({"HATCHET_CLIENT_TOKEN": fake_token()}),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert done.returncode == 0, done.stderr
        assert [line.split("keyword argument ")[1] for line in done.stdout.splitlines()] == ["'timeout'", "'max_runs'"]

    @shows("001:076")
    def test_hatchet_declarations(self):
        """What decorator and YAML meant: three repetitions and limits, as the engine gets them from a declaration."""
        need("hatchet-sdk")
        from task_abstraction.backends.hatchet.options import options_of

        four = RetryPolicy(max_attempts=4)
        long = options_of(TaskPolicy(retry=four, time_limit_s=300, schedule_timeout_s=3600))
        short = options_of(TaskPolicy(retry=four, time_limit_s=30))

        assert "retries: 3" in text_of("001:076")
        assert "timeout: 30s" in text_of("001:076")
        assert (long["retries"], long["execution_timeout"], long["schedule_timeout"]) == (
            3,
            timedelta(minutes=5),
            timedelta(hours=1),
        )
        assert (short["retries"], short["execution_timeout"]) == (3, timedelta(seconds=30))
