"""What a task needs of a backend, and where it gets the one of this process: tasks lie in an earlier layer."""

# ruff: noqa: ANN401 - results of tasks are anything that JSON can say

from collections.abc import Callable
from typing import Any, Protocol

from task_abstraction.errors import ConfigurationError
from task_abstraction.models import Call, SubmitOptions, TaskResult


class Submitter(Protocol):
    """What a task needs of a backend; `base.TaskBackend` has it."""

    def submit_call(self, name: str, call: Call, options: SubmitOptions) -> str:
        """Submit one call and return its id."""

    async def asubmit_call(self, name: str, call: Call, options: SubmitOptions) -> str:
        """Submit one call from a running loop and return its id."""

    def check_options(self, name: str, options: SubmitOptions) -> None:
        """Refuse options that the backend cannot honour."""

    def get_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:
        """Return what is known about an id."""

    async def aget_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:  # noqa: ASYNC109
        """Return what is known about an id, from a running loop."""

    def value_of(self, task_id: str, name: str, *, timeout: float) -> Any:
        """Wait for the end of a task and return its value."""

    async def avalue_of(self, task_id: str, name: str, *, timeout: float) -> Any:  # noqa: ASYNC109
        """Wait for the end of a task and return its value, from a running loop."""

    def cancel(self, task_id: str) -> None:
        """Cancel a task."""

    async def acancel(self, task_id: str) -> None:
        """Cancel a task, from a running loop."""


_find_backend: Callable[[], Submitter] | None = None


def set_backend_finder(find: Callable[[], Submitter]) -> None:
    """Tell tasks where the backend of this process comes from (the factory does, which lies in a later layer)."""
    global _find_backend  # noqa: PLW0603 - one wire between two layers
    _find_backend = find


def current_backend() -> Submitter:
    """The backend of this process.

    Raises:
        ConfigurationError: the library was not imported as a whole.
    """
    if _find_backend is None:
        raise ConfigurationError("no backend finder is set: import task_abstraction, not one of its modules")
    return _find_backend()
