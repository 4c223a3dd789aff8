"""The promise to earlier users on a real Redis: the worker that a seed starts runs what the other blocks submit."""

import os

import pytest

from task_abstraction import get_backend
from task_abstraction.factory import forget_backends
from tests.acceptance.celery_support import redis_broker
from tests.support.need import need
from tests.support.seed_blocks import run_python, shell
from tests.support.workers import ROOT, worker

pytestmark = pytest.mark.server
MODULE = "tests.contract.library.seed_tasks"


@pytest.fixture(scope="module")
def served(redis, tmp_path_factory):
    """Variables of a broker with the worker of block 000:038, started as the block says."""
    need("celery")
    folder = tmp_path_factory.mktemp("seeds")
    settings = redis_broker(redis).environment()
    (started,), _ = shell("000:038", folder, **settings)
    path = os.pathsep.join([str(ROOT / "library"), str(ROOT)])
    given = {**started.settings(), "TASK_MODULES": MODULE, "PYTHONPATH": path}
    with worker(given, folder, *started.arguments) as running:
        assert running.sum_of("task_worker_slots") == 4, "the default: the command says no number"
        yield settings


@pytest.fixture
def backend(served, monkeypatch):
    """The producer that `get_backend()` gives, as in a process that imported nothing."""
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    forget_backends()
    made = get_backend()
    made.declare("process_document", queue="file_processing")
    yield made
    forget_backends()


def test_submit_by_name(backend):
    """A name that is declared reaches the worker of its queue."""
    task_id = run_python("000:044", document_data={"id": 7})["task_id"]

    assert backend.get_result(task_id, timeout=30).unwrap() == 7


def test_application_logging(backend, caplog):
    """The look right after the submit is a state of a task that then completes."""
    with caplog.at_level("INFO"):
        task_id = run_python("000:193", get_backend=get_backend, document_data={"id": 8})["task_id"]

    assert "Using backend: celery" in caplog.text
    assert backend.get_result(task_id, timeout=30).unwrap() == 8


def test_quick_start(backend, capsys, monkeypatch):
    """With the queue that the worker serves as the default one, the block's own registration is enough."""
    monkeypatch.setenv("TASK_DEFAULT_QUEUE", "api_processing")
    names = run_python("001:018")

    assert "Result: TaskResult(" in capsys.readouterr().out
    assert backend.get_result(names["task_id"], timeout=30).unwrap() == 40


def test_a_task_with_annotations(backend, monkeypatch):
    """Registered in the producer by the block, run by the worker under its name."""
    monkeypatch.setenv("TASK_DEFAULT_QUEUE", "api_processing")
    run_python("000:260", backend=backend)

    task_id = backend.submit("process_sensitive_data", " b ")
    assert backend.get_result(task_id, timeout=30).unwrap() == "B"
