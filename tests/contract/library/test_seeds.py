"""The promise to earlier users: the blocks of the seeds run with only the import line changed.

A fixture is `<seed>_<line of the opening fence>.txt`, word for word.
"""

from pathlib import Path

import pytest

from task_abstraction import TASK_REGISTRY, TaskNotRegistered, get_backend, register_backend, registry, task
from task_abstraction.factory import forget_backends
from task_abstraction.testing import MemoryBackend

BLOCKS = Path(__file__).parents[2] / "fixtures" / "seeds_library"
OLD, NEW = "from unstract.task_abstraction import", "from task_abstraction import"


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


def run(block, **names):
    """Run a block with the names that it leaves open, and return what it defines."""
    text = (BLOCKS / f"{block}.txt").read_text(encoding="utf-8").replace(OLD, NEW)
    exec(compile(text, f"seed {block}", "exec"), names)  # noqa: S102 - running the block is the test
    return names


def test_the_quick_start(backend, capsys):
    """Register, submit, look, print; the look right after submit is a state."""
    names = run("001_018")

    assert "Result: TaskResult(" in capsys.readouterr().out
    assert backend.get_result(names["task_id"], timeout=10).unwrap() == 40
    assert names["add_numbers"](1, 2) == 3


def test_submit_by_name(backend):
    """A declared or registered name is submitted by name."""
    backend.register_task(lambda document: document["id"], "process_document")
    names = run("000_044", document_data={"id": 7})

    assert backend.get_result(names["task_id"], timeout=10).unwrap() == 7


def test_submit_by_an_unknown_name():
    """The block with a name that nobody knows ends with the documented error."""
    with pytest.raises(TaskNotRegistered, match="Task 'process_document' not registered"):
        run("000_044", document_data={})


def test_application_logging(backend, caplog):
    """`backend_type`, a status that equals plain text, and `error`."""
    backend.register_task(lambda document: document, "process_document")
    with caplog.at_level("INFO"):
        run("000_193", get_backend=get_backend, document_data={})

    said = [record.message for record in caplog.records]
    assert said[0] == f"Using backend: {backend.backend_type}"
    assert said[1].startswith("Submitted task: ")


def test_a_task_with_annotations(backend):
    """The decorated function stays usable, and runs as a task."""
    names = {"decrypt": str.lower, "process": str.strip, "encrypt": str.upper, "backend": backend}
    made = run("000_260", **names)["process_sensitive_data"]

    assert made(" A ") == "A"
    assert backend.get_result(backend.submit("process_sensitive_data", " B "), timeout=10).unwrap() == "B"


def test_the_registry_lists_names(capsys):
    """Each entry has the name of its function."""

    @task(name="seed_listed")
    def seed_listed() -> None:
        """Is only listed."""

    try:
        run("000_334")
    finally:
        TASK_REGISTRY.discard("seed_listed")
    assert "'seed_listed'" in capsys.readouterr().out
