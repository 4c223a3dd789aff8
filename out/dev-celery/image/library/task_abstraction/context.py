"""What a running task may ask about itself."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

ENQUEUED_AT_HEADER = "x-taskgen-enqueued-at"
"""Header of every submit: Unix time in seconds from which the task waits (its eta, where it has one)."""


def _nowhere(_: Any) -> None:  # noqa: ANN401 - progress is any JSON value
    """Drop progress where the backend gives no way to report it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """Identity of the running attempt, and the two things it can do beside its work."""

    id: str
    name: str
    attempt: int
    queue: str
    system: str = "task_abstraction"
    """name of the backend"""
    headers: Mapping[str, str] = field(default_factory=dict)
    report: Callable[[Any], None] = _nowhere
    cancelled: Callable[[], bool] = bool

    def progress(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Report how far the task has come."""
        self.report(value)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked the task to stop."""
        return self.cancelled()


CURRENT: ContextVar[TaskContext | None] = ContextVar("task_abstraction_current_task", default=None)


def current_task() -> TaskContext:
    """Return the context of the task that runs here.

    Raises:
        LookupError: no task runs here.
    """
    context = CURRENT.get()
    if context is None:
        raise LookupError("current_task() was called outside a task")
    return context
