"""What the server knows about a queue: for the exporter, and so for the autoscaler."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client

from task_abstraction.backends.temporal.flows import Unfinished
from task_abstraction.backends.temporal.generic_task import WORKFLOW_NAME
from task_abstraction.models import QueueStats

CALL_TIMEOUT = timedelta(seconds=10)
POLLER_FRESH_S = 75.0
"""A poll waits up to 60 s at the server, and pollers stay listed for 5 minutes: one that is older has gone."""
ACTIVITIES, WORKFLOWS = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW


async def describe_queue(client: Client, queue: str, kind: TaskQueueType.ValueType) -> DescribeTaskQueueResponse:
    """Ask for backlog and pollers of one type of a queue."""
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=kind,
            report_stats=True,
        ),
        timeout=CALL_TIMEOUT,
    )


def pollers_of(answer: DescribeTaskQueueResponse, now: float | None = None) -> set[str]:
    """Identities of the workers that poll."""
    oldest = (time.time() if now is None else now) - POLLER_FRESH_S
    return {poller.identity for poller in answer.pollers if poller.last_access_time.ToSeconds() >= oldest}


def quoted(text: str) -> str:
    """A string of the visibility query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unfinished_query(queue: str, now: datetime, workflow: str | None = None) -> str:
    """Executions of a queue that are due and not finished; a delayed one counts from its time on."""
    kind = "" if workflow is None else f" AND WorkflowType={quoted(workflow)}"
    due = now.isoformat().replace("+00:00", "Z")
    return f"TaskQueue={quoted(queue)} AND ExecutionStatus='Running' AND ExecutionTime <= {quoted(due)}{kind}"


async def _unfinished(client: Client, queue: str, *, standalone: bool) -> int:
    now = datetime.now(UTC)
    count = (await client.count_workflows(unfinished_query(queue, now, WORKFLOW_NAME), rpc_timeout=CALL_TIMEOUT)).count
    if standalone:
        count += (await client.count_activities(unfinished_query(queue, now), rpc_timeout=CALL_TIMEOUT)).count
    return count


async def queue_stats(client: Client, queue: str, *, standalone: bool, steps: Unfinished) -> QueueStats:
    """Waiting, in flight, age and consumers of one queue.

    The server has no count of running tasks. It has an exact count of unfinished executions (visibility) and the
    backlog, an approximation that it keeps for up to 5 s (measured, server 1.32) and that goes on counting tasks which
    expired. So: unfinished = waiting + in flight holds exactly, and the backlog only splits it. A task that waits for
    its next attempt counts as in flight: a worker will be needed for it. Steps of workflows are no executions; the
    workflows count them. A workflow whose steps all run elsewhere needs a worker here only when its turn has come,
    which is in the backlog.
    """
    activities, workflows, tasks = await asyncio.gather(
        describe_queue(client, queue, ACTIVITIES),
        describe_queue(client, queue, WORKFLOWS),
        _unfinished(client, queue, standalone=standalone),
    )
    backlog = activities.stats.approximate_backlog_count + workflows.stats.approximate_backlog_count
    unfinished = tasks + steps.steps[queue]
    waiting = min(backlog, unfinished + steps.workflows[queue])
    ages = [answer.stats.approximate_backlog_age.ToSeconds() for answer in (activities, workflows)]
    return QueueStats(
        waiting=waiting,
        in_flight=max(0, unfinished - waiting),
        oldest_age_s=float(max(ages)) if waiting else 0.0,
        consumers=len(pollers_of(activities)),
    )


async def foreign_stats(client: Client, queue: str) -> QueueStats:
    """Backlog, age and consumers of a queue that workers of others serve.

    Which of the open executions need a slot is theirs to know: what is in flight is not told.
    """
    answers = await asyncio.gather(*(describe_queue(client, queue, kind) for kind in (ACTIVITIES, WORKFLOWS)))
    waiting = sum(answer.stats.approximate_backlog_count for answer in answers)
    oldest = max(answer.stats.approximate_backlog_age.ToSeconds() for answer in answers)
    consumers = set().union(*(pollers_of(answer) for answer in answers))
    return QueueStats(waiting=waiting, oldest_age_s=float(oldest) if waiting else 0.0, consumers=len(consumers))
