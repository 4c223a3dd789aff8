"""From a workflow that was submitted to an execution of the interpreter, and back to a `WorkflowResult`."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

from task_abstraction.backends.temporal.generic_task import TASK_MEMO, TaskOptions
from task_abstraction.backends.temporal.results import attempts_of, outcome_of, status_of
from task_abstraction.backends.temporal.sealing import unreadable
from task_abstraction.backends.temporal.task_workflow import (
    PROGRESS_MEMO,
    WORKFLOW_NAME,
    Layer,
    Step,
    open_steps,
    progress,
)
from task_abstraction.codec import encode
from task_abstraction.models import TaskStatus, WorkflowResult
from task_abstraction.workflow_catalogue import WorkflowSubmission
from task_abstraction.workflows import layers_of

CALL_TIMEOUT = timedelta(seconds=10)
STEPS_AT_ONCE = 2000
"""Activities of one workflow at once: the server's own limit. Beyond it the workflow never goes on (1.32, measured)."""
PAGE = 1000
"""Workflows that one call lists: the server's own maximum."""


def to_layers(
    submission: WorkflowSubmission, queue_of: Callable[[str], str], options_of: Callable[[str, str], TaskOptions]
) -> list[Layer]:
    """The definition as the interpreter takes it: each step with the queue and the options of its task.

    Raises:
        ValueError: more steps begin at once than the server takes.
    """

    def step(name: str, kwargs: Any) -> Step:  # noqa: ANN401 - any JSON
        queue = queue_of(name)
        return Step(name, encode(kwargs or {}), queue, options_of(name, queue), dict(submission.headers))

    layers = layers_of(submission.definition)
    most = max(len(layer.steps) for layer in layers)
    if most > STEPS_AT_ONCE:
        raise ValueError(
            f"Workflow '{submission.definition.name}': {most} parallel steps, and Temporal runs at most {STEPS_AT_ONCE}"
            " at once. Make several patterns or workflows of them"
        )
    return [Layer(layer.parallel, [step(one.task_name, one.kwargs) for one in layer.steps]) for layer in layers]


async def start(client: Client, submission: WorkflowSubmission, layers: list[Layer]) -> None:
    """Start the interpreter, on the queue of the first step."""
    definition = submission.definition
    told = progress(len(definition.steps), 0, dict(open_steps(layers[0])))
    await client.start_workflow(
        WORKFLOW_NAME,
        args=[layers, submission.initial],
        id=submission.workflow_id,
        task_queue=layers[0].steps[0].queue,
        memo={TASK_MEMO: definition.name, PROGRESS_MEMO: told},
        static_summary=definition.name,
        rpc_timeout=CALL_TIMEOUT,
    )


async def result_of(handle: WorkflowHandle[Any, Any], seen: WorkflowExecutionDescription) -> WorkflowResult[Any]:
    """What is known about a workflow; its progress needs no worker."""
    told = await seen.memo_value(PROGRESS_MEMO, default={})
    status, total, completed = status_of(seen), told.get("total", 0), told.get("completed", 0)
    value, error, started = None, None, None
    if status is None:
        begun = completed or any(one.HasField("last_started_time") for one in seen.raw_description.pending_activities)
        status = TaskStatus.RUNNING if begun else TaskStatus.PENDING
    else:
        value, error = await outcome_of(handle, status)
        _, started = await attempts_of(handle)
    return WorkflowResult(
        task_id=handle.id,
        task_name=str(await seen.memo_value(TASK_MEMO, default=seen.workflow_type)),
        status=status,
        result=value,
        error=error,
        started_at=started,
        completed_at=seen.close_time,
        steps_completed=total if status is TaskStatus.COMPLETED else completed,
        total_steps=total,
    )


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Workflows that have not ended: what they mean for each queue."""

    steps: Counter[str] = field(default_factory=Counter)
    """steps that wait or run on a queue"""
    workflows: Counter[str] = field(default_factory=Counter)
    """workflows whose interpreter is driven by the workers of a queue"""


async def unfinished(client: Client) -> Unfinished:
    """Count the steps that are under way, from the progress that each workflow keeps.

    One call for a thousand workflows: the list has the memos, so that no workflow has to be asked.
    """
    found = Unfinished()
    query = f"WorkflowType='{WORKFLOW_NAME}' AND ExecutionStatus='Running'"
    async for seen in client.list_workflows(query, page_size=PAGE, rpc_timeout=CALL_TIMEOUT):
        try:
            told = await seen.memo_value(PROGRESS_MEMO, default={})
        except Exception as error:
            if unreadable(error) is None:
                raise
            # One workflow of a key that is not here must not hide every queue; it has at least one step somewhere.
            told = {"open": {seen.task_queue: 1}}
        found.workflows[seen.task_queue] += 1
        found.steps.update(told.get("open", {}))
    return found
