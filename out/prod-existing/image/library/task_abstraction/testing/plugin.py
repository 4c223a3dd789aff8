"""The pytest plugin: a backend for a test, and registries that a test leaves as it found them."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from task_abstraction.base import TaskBackend
    from task_abstraction.testing.memory import MemoryBackend
    from task_abstraction.testing.recording import RecordingBackend


@pytest.fixture(autouse=True)
def _task_registries() -> Iterator[None]:
    """Forget the tasks that a test has defined; those of modules stay, as the modules do."""
    yield
    tasks = sys.modules.get("task_abstraction.tasks")
    if tasks is not None:
        for task in tasks.TASK_REGISTRY:
            if "<locals>" in task.definition.fn.__qualname__:
                tasks.TASK_REGISTRY.discard(task.name)


def _current(cls: "type[TaskBackend]", monkeypatch: pytest.MonkeyPatch) -> "Iterator[TaskBackend]":
    from task_abstraction import registry
    from task_abstraction.factory import forget_backends, get_backend

    name = cls.backend_type
    monkeypatch.setitem(registry._registered, name, cls)  # noqa: SLF001 - taken back after the test
    monkeypatch.setenv("TASK_BACKEND_TYPE", name)
    forget_backends()
    yield get_backend()
    forget_backends()


@pytest.fixture
def memory_backend(monkeypatch: pytest.MonkeyPatch) -> "Iterator[MemoryBackend]":
    """A `MemoryBackend` that `get_backend()` and every task use during the test."""
    from task_abstraction.testing.memory import MemoryBackend

    yield from _current(MemoryBackend, monkeypatch)  # type: ignore[misc]  # the class that was asked for


@pytest.fixture
def recorded_tasks(monkeypatch: pytest.MonkeyPatch) -> "Iterator[RecordingBackend]":
    """A `RecordingBackend` that `get_backend()` and every task use during the test; see its `calls`."""
    from task_abstraction.testing.recording import RecordingBackend

    yield from _current(RecordingBackend, monkeypatch)  # type: ignore[misc]  # the class that was asked for
