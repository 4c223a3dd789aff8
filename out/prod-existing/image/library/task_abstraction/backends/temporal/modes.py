"""How a task becomes an execution: as a standalone activity, or inside the generic workflow."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import ActivityHandle, Client, WorkflowHandle
from temporalio.common import (
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Priority,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ActivityAlreadyStartedError, WorkflowAlreadyStartedError

from task_abstraction.backends.temporal.generic_task import TASK_MEMO, WORKFLOW_NAME, duration, retry_policy
from task_abstraction.backends.temporal.options import (
    execution_id,
    invocation,
    options_of,
    schedule_to_start,
    start_delay,
)
from task_abstraction.base import Submission
from task_abstraction.errors import ConfigurationError

CALL_TIMEOUT = timedelta(seconds=10)
Handle = ActivityHandle[Any] | WorkflowHandle[Any, Any]


class Mode(StrEnum):
    """How tasks run; `auto` asks the server."""

    AUTO = "auto"
    ACTIVITY = "activity"
    WORKFLOW = "workflow"


def parse_mode(text: str) -> Mode:
    """Read a mode from settings.

    Raises:
        ConfigurationError: there is no such mode.
    """
    if text not in set(Mode):
        raise ConfigurationError(f"Temporal mode '{text}' is not auto, activity or workflow", source="SUBMIT")
    return Mode(text)


async def has_standalone_activities(client: Client) -> bool:
    """Whether the namespace runs activities without a workflow, also delayed ones (server 1.32 and newer).

    The namespace says so itself: a version number would not know whether an operator switched them off.
    """
    request = DescribeNamespaceRequest(namespace=client.namespace)
    answer = await client.workflow_service.describe_namespace(request, timeout=CALL_TIMEOUT)
    capabilities = answer.namespace_info.capabilities
    return bool(capabilities.standalone_activities and capabilities.standalone_activity_start_delay)


async def resolve(mode: Mode, client: Client) -> Mode:
    """Turn `auto` into what the server can do.

    Raises:
        ConfigurationError: `activity` was asked of a server that cannot do it.
    """
    if mode is Mode.WORKFLOW:
        return mode
    if await has_standalone_activities(client):
        return Mode.ACTIVITY
    if mode is Mode.AUTO:
        return Mode.WORKFLOW
    raise ConfigurationError(
        "Temporal mode 'activity' needs a server >= 1.32 with standalone activities. Use auto or workflow",
        source="SUBMIT",
    )


async def start(client: Client, mode: Mode, submission: Submission) -> str:
    """Start one execution and return its id; a known idempotency key starts nothing and gives the id that it has."""
    now = datetime.now(UTC)
    options, delay = options_of(submission, now), start_delay(submission, now)
    task_id = execution_id(submission)
    common: dict[str, Any] = {
        "id": task_id,
        "task_queue": submission.queue,
        "start_delay": delay or None,
        "priority": Priority(priority_key=options.priority),
        "rpc_timeout": CALL_TIMEOUT,
    }
    try:
        if mode is Mode.ACTIVITY:
            await client.start_activity(
                submission.name,
                invocation(submission),
                start_to_close_timeout=timedelta(seconds=options.start_to_close_s),
                heartbeat_timeout=duration(options.heartbeat_s),
                schedule_to_start_timeout=schedule_to_start(options, delay),
                retry_policy=retry_policy(options),
                id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
                **common,
            )
        else:
            await client.start_workflow(
                WORKFLOW_NAME,
                args=[submission.name, invocation(submission), options],
                memo={TASK_MEMO: submission.name},
                static_summary=submission.name,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                **common,
            )
    except (ActivityAlreadyStartedError, WorkflowAlreadyStartedError):
        return task_id  # the key was used before, by a task that has ended
    return task_id


def handle_of(client: Client, mode: Mode, task_id: str) -> Handle:
    """The handle of an id in one mode."""
    if mode is Mode.ACTIVITY:
        return client.get_activity_handle(task_id)
    return client.get_workflow_handle(task_id)


def modes_to_try(mode: Mode, *, standalone: bool) -> tuple[Mode, ...]:
    """Modes in which an id may have been started: the present one first, for it was the other one before a change."""
    if not standalone:
        return (Mode.WORKFLOW,)
    return (Mode.ACTIVITY, Mode.WORKFLOW) if mode is Mode.ACTIVITY else (Mode.WORKFLOW, Mode.ACTIVITY)
