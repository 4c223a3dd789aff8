"""The backend that runs a task inside `submit`."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from task_abstraction.base import Submission
from task_abstraction.capabilities import Capability
from task_abstraction.models import Feature, TaskStatus
from task_abstraction.testing.attempts import Record
from task_abstraction.testing.local import LocalBackend, table

F = Feature
GIVES = {
    F.RESULTS: "kept in this process",
    F.NOT_FOUND: "kept in this process",
    F.ASYNC_TASKS: "the loop of the process",
    F.QUEUE_OVERRIDE: "filed with the record",
    F.PRIORITY: "nothing waits, so nothing is ordered",
    F.EXPIRES: "nothing waits, so nothing expires",
    F.IDEMPOTENCY: "keys are kept in this process",
    F.RETRY: "at once, without the delay",
    F.NON_RETRYABLE: "the policy",
    F.TIME_LIMIT: "the attempt fails; the body goes on in its thread",
    F.BATCH: "a loop",
    F.PROGRESS: "kept with the record",
    F.CHAIN: "interpreter in this process",
    F.GROUP: "interpreter in this process, one step after the other",
    F.CHORD: "interpreter in this process",
}


class ImmediateBackend(LocalBackend):
    """Runs a task inside `submit`; failures become results, retries follow at once."""

    backend_type: ClassVar[str] = "immediate"
    capabilities: ClassVar[Sequence[Capability]] = table("immediate", GIVES, "a task runs inside submit")

    def _send(self, submission: Submission) -> str:
        return self._run(submission, None)

    def _send_step(self, submission: Submission, when_done: Callable[[Record], None]) -> None:
        self._run(submission, when_done)

    def _run(self, submission: Submission, when_done: Callable[[Record], None] | None) -> str:
        self.runnable(submission.name)
        record = self._enter(submission)
        if record is None:
            return self._known_id(submission)
        if when_done is not None:
            record.when_done.append(when_done)
        while self._attempt(record) is not None:
            time.sleep(0)  # let other threads see the state between two attempts
        assert record.status is not TaskStatus.PENDING  # noqa: S101 - the last attempt ended the task
        record.tell()
        return submission.task_id
