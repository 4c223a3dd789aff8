"""One attempt of a task in this process: the payload through JSON, the time limit, the context."""

# ruff: noqa: ANN401 - arguments and results of tasks are anything that JSON can say

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from task_abstraction.base import Submission
from task_abstraction.codec import decode_result, encode
from task_abstraction.context import TaskContext
from task_abstraction.models import TaskResult, TaskStatus
from task_abstraction.runtime.execution import run_task
from task_abstraction.tasks import TaskDefinition


class TimeLimitExceeded(Exception):  # noqa: N818 - the word that results show
    """An attempt ran longer than its time limit."""


@dataclass(slots=True)
class Record:
    """What a backend in this process remembers of one task."""

    submission: Submission
    payload: str
    status: TaskStatus = TaskStatus.PENDING
    value: Any = None
    error: str | None = None
    progress: Any = None
    attempts: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    cancel_asked: bool = False
    when_done: list[Callable[["Record"], None]] = field(default_factory=list)
    """Called once, at the end of the task."""

    @classmethod
    def of(cls, submission: Submission) -> "Record":
        """Take a submission over, as a broker does: only its JSON remains."""
        return cls(submission, json.dumps(submission.envelope))

    def envelope(self) -> Mapping[str, Any]:
        """The invocation as a worker would receive it."""
        received: Mapping[str, Any] = json.loads(self.payload)
        return received

    def result(self, definition: TaskDefinition | None) -> TaskResult[Any]:
        """What is known about the task."""
        done = self.status is TaskStatus.COMPLETED
        return TaskResult(
            task_id=self.submission.task_id,
            task_name=self.submission.name,
            status=self.status,
            result=decode_result(definition.fn if definition else None, self.value) if done else None,
            error=self.error,
            started_at=self.started_at,
            completed_at=self.completed_at,
            attempts=self.attempts,
            progress=self.progress,
        )

    def context(self) -> TaskContext:
        """The context of the attempt that begins now."""

        def report(value: Any) -> None:
            self.progress = json.loads(json.dumps(encode(value)))

        return TaskContext(
            id=self.submission.task_id,
            name=self.submission.name,
            attempt=self.attempts,
            queue=self.submission.queue,
            headers=dict(self.submission.headers),
            report=report,
            cancelled=lambda: self.cancel_asked,
        )

    def end(self, status: TaskStatus, now: datetime, *, error: str | None = None) -> None:
        """Finish the task; the first end counts."""
        if self.completed_at is not None:
            return
        self.status, self.error, self.completed_at = status, error, now

    def tell(self) -> None:
        """Call those who wait for the end."""
        waiting, self.when_done = self.when_done, []
        for callback in waiting:
            callback(self)


def run_attempt(record: Record, definition: TaskDefinition) -> Any:
    """Run one attempt and return its value as JSON holds it.

    Raises:
        TimeLimitExceeded: the limit ran out; the body cannot be killed and goes on, its outcome is dropped.
        Exception: what the body raised.
    """
    limit = record.submission.policy.time_limit_s

    def run() -> Any:
        return json.loads(json.dumps(run_task(definition, record.envelope(), record.context())))

    if limit is None:
        return run()
    outcome: list[tuple[bool, Any]] = []

    def keep() -> None:
        try:
            outcome.append((True, run()))
        except Exception as error:  # noqa: BLE001 - the body of a task may raise anything
            outcome.append((False, error))

    thread = threading.Thread(target=keep, name=f"task-{record.submission.name}", daemon=True)
    thread.start()
    thread.join(limit)
    if not outcome:
        record.cancel_asked = True
        raise TimeLimitExceeded(f"longer than {limit:g} s")
    good, value = outcome[0]
    if not good:
        raise value
    return value
