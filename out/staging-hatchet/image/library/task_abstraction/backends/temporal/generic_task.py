"""The workflow that runs one task: for servers without standalone activities, and for schedules.

The workflow sandbox imports this module anew for each workflow, so it imports the SDK and the standard library only.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ApplicationError

WORKFLOW_NAME = "GenericTask"
EXPIRED = "Expired"
"""Type of the error of a task that no worker took before its deadline."""
TASK_MEMO = "task"
"""Memo of the workflow that holds the name of the task."""


@dataclass
class TaskOptions:
    """How the activity of one task is run; seconds, because JSON has no durations."""

    start_to_close_s: float
    max_attempts: int
    initial_delay_s: float
    backoff: float
    max_delay_s: float
    non_retryable: list[str]
    heartbeat_s: float | None = None
    expires_s: float | None = None
    """from the submit on; after it the task must not begin any more"""
    priority: int | None = None


def retry_policy(options: TaskOptions) -> RetryPolicy:
    """The server's policy: attempts are always bounded (its own 0 would mean no end)."""
    return RetryPolicy(
        initial_interval=timedelta(seconds=options.initial_delay_s),
        backoff_coefficient=options.backoff,
        maximum_interval=timedelta(seconds=options.max_delay_s),
        maximum_attempts=options.max_attempts,
        non_retryable_error_types=options.non_retryable,
    )


def activity_options(options: TaskOptions) -> dict[str, Any]:
    """Keyword arguments of the activity of a task, whichever workflow runs it."""
    return {
        "start_to_close_timeout": timedelta(seconds=options.start_to_close_s),
        "heartbeat_timeout": duration(options.heartbeat_s),
        "retry_policy": retry_policy(options),
        # A cancelled workflow says so only when its activity really ended.
        "cancellation_type": workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        "priority": Priority(priority_key=options.priority),
    }


def duration(seconds: float | None) -> timedelta | None:
    """A duration from seconds, if there are any."""
    return None if seconds is None else timedelta(seconds=seconds)


def _left_to_begin(options: TaskOptions) -> timedelta | None:
    if options.expires_s is None:
        return None
    # Time that the workflow itself waited, for its delay or for a worker, counts as well.
    left = timedelta(seconds=options.expires_s) - (workflow.now() - workflow.info().workflow_start_time)
    if left <= timedelta(0):
        raise ApplicationError("no worker took the task before its deadline", type=EXPIRED, non_retryable=True)
    return left


@workflow.defn(name=WORKFLOW_NAME)
class GenericTask:
    """Runs the activity of one task by name and returns its result."""

    @workflow.run
    async def run(self, name: str, invocation: dict[str, Any], options: TaskOptions) -> Any:  # noqa: ANN401 - any JSON
        """Run the activity on the queue of this workflow."""
        return await workflow.execute_activity(
            name, invocation, schedule_to_start_timeout=_left_to_begin(options), **activity_options(options)
        )
