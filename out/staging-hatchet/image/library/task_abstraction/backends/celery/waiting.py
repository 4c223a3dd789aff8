"""Waiting for a result with Celery's own means, bounded and never for what was not submitted."""

import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from celery import states
from celery.exceptions import TimeoutError as WaitTimeout

from task_abstraction.backends.celery.application import LibraryCelery, QuietResult
from task_abstraction.backends.celery.store import WORKFLOW
from task_abstraction.errors import BackendUnavailable, ResultTimeout

# ruff: noqa: ANN401 - Celery's records and results

# A wait looks anew after each turn: an announcement that came before the subscription, or was lost with a connection,
# would else be waited for until the time runs out. Celery takes 0 for no limit.
SHORTEST_TURN_S, FIRST_TURN_S, LONGEST_TURN_S = 0.001, 1.0, 10.0


class NotAwaitable(Exception):  # noqa: N818 - an answer, not a failure
    """Under an id lies nothing that Celery could wait for: its state says what."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(state)


class Awaited(QuietResult):
    """A result whose wait ends at once where no task of this id was submitted: Celery itself would wait for ever.

    The wait looks at the record once it has subscribed. To look here saves a question of our own before it.
    """

    not_awaitable = frozenset({states.PENDING, WORKFLOW})

    def _get_task_meta(self) -> Any:
        meta: Any = super()._get_task_meta()  # type: ignore[misc]  # absent from celery-types
        if meta["status"] in self.not_awaitable:
            raise NotAwaitable(meta["status"])
        return meta


def end_of(
    app: LibraryCelery, task_id: str, timeout: float, reaching: Callable[[], AbstractContextManager[None]]
) -> Mapping[str, Any]:
    """Record of a task that has ended; waits for it.

    Raises:
        NotAwaitable: there is no such task, or it is a workflow.
        ResultTimeout: the time ran out.
        BackendUnavailable: the result store cannot be reached.
    """
    waiting: Any = Awaited(task_id, backend=app.backend, app=app)
    deadline, turn = time.monotonic() + timeout, FIRST_TURN_S
    try:
        while not _ended(waiting, min(turn, deadline - time.monotonic()), reaching):
            if time.monotonic() >= deadline:
                raise ResultTimeout(task_id, timeout)
            turn = min(2 * turn, LONGEST_TURN_S)
        with reaching():
            meta: Mapping[str, Any] = waiting._get_task_meta()  # noqa: SLF001 - what the wait has just received
            return meta
    finally:
        with contextlib.suppress(BackendUnavailable), reaching():
            waiting.backend.remove_pending_result(waiting)
        # Its finaliser would do the same once more, at any time and without anybody to hear of an outage.
        waiting.backend = None


def _ended(waiting: Any, seconds: float, reaching: Callable[[], AbstractContextManager[None]]) -> bool:
    """Wait one turn. Redis announces results; the interval is for result backends that have to be asked."""
    limit = max(SHORTEST_TURN_S, seconds)
    try:
        with reaching():
            waiting.get(timeout=limit, propagate=False, interval=0.05, disable_sync_subtasks=False)
    except WaitTimeout:
        return False
    return True
