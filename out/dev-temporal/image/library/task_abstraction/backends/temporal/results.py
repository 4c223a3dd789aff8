"""From an execution of the server to a `TaskResult`."""

from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    ActivityExecutionStatus,
    ActivityHandle,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.client import PendingActivityState as ActivityRunState
from temporalio.exceptions import ApplicationError, FailureError, TimeoutError, TimeoutType  # noqa: A004 - the SDK's

from task_abstraction.backends.temporal.generic_task import TASK_MEMO
from task_abstraction.backends.temporal.sealing import ENCODED_FAILURE, UNREADABLE, no_key, unreadable
from task_abstraction.models import TaskResult, TaskStatus

_ACTIVITY_STATUS = {
    ActivityExecutionStatus.COMPLETED: TaskStatus.COMPLETED,
    ActivityExecutionStatus.FAILED: TaskStatus.FAILED,
    ActivityExecutionStatus.TIMED_OUT: TaskStatus.FAILED,
    ActivityExecutionStatus.CANCELED: TaskStatus.CANCELLED,
    ActivityExecutionStatus.TERMINATED: TaskStatus.CANCELLED,
    ActivityExecutionStatus.PAUSED: TaskStatus.PENDING,
}
_WORKFLOW_STATUS = {
    WorkflowExecutionStatus.COMPLETED: TaskStatus.COMPLETED,
    WorkflowExecutionStatus.FAILED: TaskStatus.FAILED,
    WorkflowExecutionStatus.TIMED_OUT: TaskStatus.FAILED,
    WorkflowExecutionStatus.CANCELED: TaskStatus.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: TaskStatus.CANCELLED,
}
# States of an activity that some worker has in its hands.
_TAKEN = {ActivityRunState.STARTED, ActivityRunState.CANCEL_REQUESTED, ActivityRunState.PAUSE_REQUESTED}
_TAKEN_IN_WORKFLOW = {
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
    PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED,
}
_TIMEOUTS = {
    TimeoutType.START_TO_CLOSE: "TimeLimitExceeded: an attempt ran longer than its time limit",
    TimeoutType.HEARTBEAT: "WorkerLost: the worker stopped beating while it ran the task",
    TimeoutType.SCHEDULE_TO_START: "Expired: no worker took the task before its deadline",
    TimeoutType.SCHEDULE_TO_CLOSE: "TimeLimitExceeded: all attempts together ran out of time",
}


def root_error(error: BaseException | None) -> str | None:
    """Class and message of what went wrong in the task, below the SDK's own wrappers."""
    found = None if error is None else unreadable(error)
    if found is not None:
        return f"{UNREADABLE}: {found.reason}"
    while error is not None:
        if isinstance(error, ApplicationError):
            if error.message == ENCODED_FAILURE:
                return f"{error.type or 'Error'}: (encrypted: {no_key()})"
            return f"{error.type or 'Error'}: {error.message}"
        if isinstance(error, TimeoutError):
            return _TIMEOUTS.get(error.type or TimeoutType.START_TO_CLOSE, error.message)
        if error.__cause__ is None:
            return error.message if isinstance(error, FailureError) else f"{type(error).__name__}: {error}"
        error = error.__cause__
    return None


async def activity_result(handle: ActivityHandle[Any]) -> TaskResult[Any]:
    """What is known about a standalone activity, in one call."""
    seen = await handle.describe(include_outcome=True, include_heartbeat_details=True)
    status = _ACTIVITY_STATUS.get(seen.status)
    if status is None:
        status = TaskStatus.RUNNING if seen.run_state in _TAKEN else TaskStatus.PENDING
    started = seen.last_started_time
    return TaskResult(
        task_id=handle.id,
        task_name=seen.activity_type,
        status=status,
        result=await seen.result() if status is TaskStatus.COMPLETED else None,
        error=root_error(await seen.outcome_failure()) if status is TaskStatus.FAILED else None,
        started_at=started,
        completed_at=seen.close_time,
        attempts=seen.attempt if started is not None else 0,
        progress=next(iter(await seen.heartbeat_details() or ()), None),
    )


def status_of(seen: WorkflowExecutionDescription) -> TaskStatus | None:
    """How a workflow has ended; None where it has not."""
    return _WORKFLOW_STATUS.get(seen.status) if seen.status is not None else None


async def outcome_of(handle: WorkflowHandle[Any, Any], status: TaskStatus) -> tuple[Any, str | None]:
    """Value and error of a workflow that has ended."""
    try:
        return await handle.result(), None
    except WorkflowFailureError as failure:
        return None, root_error(failure.cause) if status is TaskStatus.FAILED else None


async def workflow_result(handle: WorkflowHandle[Any, Any], seen: WorkflowExecutionDescription) -> TaskResult[Any]:
    """What is known about a task inside its generic workflow."""
    status = status_of(seen)
    name = str(await seen.memo_value(TASK_MEMO, default=seen.workflow_type))
    if status is None:
        return await _unfinished(handle.id, name, seen)
    value, error = await outcome_of(handle, status)
    attempts, started = await attempts_of(handle)
    return TaskResult(
        task_id=handle.id,
        task_name=name,
        status=status,
        result=value,
        error=error,
        started_at=started,
        completed_at=seen.close_time,
        attempts=attempts,
    )


async def _unfinished(task_id: str, name: str, seen: WorkflowExecutionDescription) -> TaskResult[Any]:
    pending = next(iter(seen.raw_description.pending_activities), None)
    taken = pending is not None and pending.state in _TAKEN_IN_WORKFLOW
    begun = pending is not None and pending.HasField("last_started_time")
    return TaskResult(
        task_id=task_id,
        task_name=name,
        status=TaskStatus.RUNNING if taken else TaskStatus.PENDING,
        attempts=pending.attempt if pending is not None and begun else 0,
        progress=await _reported(pending, seen) if pending is not None else None,
    )


async def _reported(pending: PendingActivityInfo, seen: WorkflowExecutionDescription) -> object:
    """Details of the last heartbeat of a running activity: its first value."""
    found = await seen.data_converter.decode(pending.heartbeat_details.payloads)
    return next(iter(found), None)


async def attempts_of(handle: WorkflowHandle[Any, Any]) -> tuple[int, datetime | None]:
    """Attempts of the first activity, and begin of the last one; the server files them when the activity has ended."""
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.event_time.ToDatetime(tzinfo=UTC)
            return event.activity_task_started_event_attributes.attempt, started
    return 0, None
