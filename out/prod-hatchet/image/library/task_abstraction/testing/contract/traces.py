"""What a test of the contract has submitted: everything is ended before the next test begins."""

import contextlib
import time
from collections.abc import Iterable
from typing import Any

from task_abstraction.base import TaskBackend
from task_abstraction.errors import ResultTimeout, TaskBackendError, TaskNotFound
from task_abstraction.models import Call, SubmitOptions, TaskResult

# ruff: noqa: ANN401 - tasks take and return anything that JSON can say


class Traces:
    """Notes every id that a backend gives out, so that no test leaves a task in the slot of the next one."""

    def __init__(self, backend: TaskBackend) -> None:
        self._backend = backend
        self._ids: list[str] = []
        plain, aplain, many, flow = (
            backend.submit_call,
            backend.asubmit_call,
            backend.submit_calls,
            backend.submit_workflow,
        )

        def submit_call(name: str, call: Call, options: SubmitOptions) -> str:
            return self._noted(plain(name, call, options))

        async def asubmit_call(name: str, call: Call, options: SubmitOptions) -> str:
            return self._noted(await aplain(name, call, options))

        def submit_calls(name: str, calls: Iterable[Call], options: SubmitOptions) -> list[str]:
            return [self._noted(task_id) for task_id in many(name, calls, options)]

        def submit_workflow(name: str, initial_input: Any = None) -> str:
            return self._noted(flow(name, initial_input))

        # The instance alone is changed: every way to submit leads through these four.
        vars(backend).update(
            submit_call=submit_call,
            asubmit_call=asubmit_call,
            submit_calls=submit_calls,
            submit_workflow=submit_workflow,
        )

    def _noted(self, task_id: str) -> str:
        self._ids.append(task_id)
        return task_id

    def end(self, within_s: float) -> None:
        """Cancel what has not ended, and wait for its end.

        Raises:
            ResultTimeout: a task neither ended nor could be cancelled within this time, in seconds.
        """
        left = [task_id for task_id in dict.fromkeys(self._ids) if not self._has_ended(task_id)]
        for task_id in left:
            with contextlib.suppress(TaskBackendError):  # what cannot be cancelled ends by itself
                self._backend.cancel(task_id)
        deadline = time.monotonic() + within_s
        for task_id in left:
            self._wait(task_id, max(0.1, deadline - time.monotonic()))

    def _has_ended(self, task_id: str) -> bool:
        try:
            return self._backend.get_result(task_id).is_finished
        except TaskNotFound:
            return True

    def _wait(self, task_id: str, timeout: float) -> TaskResult[Any]:
        try:
            return self._backend.get_result(task_id, timeout=timeout)
        except ResultTimeout as error:
            error.add_note("A test has left this task behind: it would take a slot from the next test.")
            raise
