"""Workflows as Celery's own canvas: chain, group and chord; their state is read from the results of their steps."""

# ruff: noqa: ANN401 - values of steps and Celery's canvas are untyped

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import chain, chord

from task_abstraction.backends.celery.application import LibraryCelery
from task_abstraction.errors import TaskNotFound
from task_abstraction.models import TaskResult, TaskStatus, WorkflowResult
from task_abstraction.steps import FIRST, NEXT, STEP_HEADER
from task_abstraction.workflow_catalogue import WorkflowSubmission
from task_abstraction.workflows import Layer, WorkflowDefinition, layers_of

COLLECT = "task_abstraction.collect"
"""Built-in task that ends a parallel pattern: the body of its chord, which hands the list on."""


def collect(values: Any) -> Any:
    """Return the values of a parallel pattern."""
    return values


def register_collect(app: LibraryCelery) -> None:
    """Make the built-in task known to a worker."""
    declare: Any = app.task  # the overloads of celery-types know only the decorator forms
    declare(collect, name=COLLECT, ignore_result=False)


@dataclass(frozen=True, slots=True)
class Canvas:
    """A workflow ready to publish: the canvas, the ids of its steps in order, the ids of its last and glue tasks."""

    signature: Any
    step_ids: tuple[str, ...]
    glue_ids: tuple[str, ...]
    last_id: str


class _Builder:
    def __init__(self, app: LibraryCelery, queue_of: Callable[[str], str], headers: Mapping[str, str]) -> None:
        self._app, self._queue_of, self._headers = app, queue_of, headers
        self.step_ids: list[str] = []
        self.glue_ids: list[str] = []
        self.last_id = ""

    def layer(self, layer: Layer, position: str, given: tuple[Any, ...]) -> Any:
        steps = []
        for step in layer.steps:
            self.last_id = str(uuid.uuid4())
            self.step_ids.append(self.last_id)
            steps.append(
                self._app.signature(
                    step.task_name,
                    args=given,
                    kwargs=dict(step.kwargs or {}),
                    task_id=self.last_id,
                    queue=self._queue_of(step.task_name),
                    headers={**self._headers, STEP_HEADER: position},
                    ignore_result=False,  # the canvas hands results on through the result store
                )
            )
        if not layer.parallel:
            return steps[0]
        self.last_id = str(uuid.uuid4())
        self.glue_ids.append(self.last_id)
        queue = self._queue_of(layer.steps[-1].task_name)
        body = self._app.signature(COLLECT, task_id=self.last_id, queue=queue, ignore_result=False)
        return chord(steps, body=body, app=self._app)


def build(
    app: LibraryCelery, submission: WorkflowSubmission, queue_of: Callable[[str], str], encode: Callable[[Any], Any]
) -> Canvas:
    """Turn a workflow into a canvas; every parallel pattern is a chord, so that each layer has one value and one id."""
    builder = _Builder(app, queue_of, submission.headers)
    parts = []
    for number, layer in enumerate(layers_of(submission.definition)):
        steps = tuple(type(step)(step.task_name, encode(step.kwargs or {})) for step in layer.steps)
        first = number == 0
        given = (submission.initial,) if first else ()
        parts.append(builder.layer(Layer(steps, layer.parallel), FIRST if first else NEXT, given))
    signature = parts[0] if len(parts) == 1 else chain(*parts, app=app)
    return Canvas(signature, tuple(builder.step_ids), tuple(builder.glue_ids), builder.last_id)


def record_of(definition: WorkflowDefinition, canvas: Canvas) -> dict[str, Any]:
    """What is stored under the id of a workflow: the ids of its tasks."""
    names = [step.task_name for step in definition.steps]
    return {
        "workflow": definition.name,
        "steps": [list(pair) for pair in zip(canvas.step_ids, names, strict=True)],
        "glue": list(canvas.glue_ids),
        "last": canvas.last_id,
        "layers": [number for number, layer in enumerate(layers_of(definition)) for _ in layer.steps],
    }


def task_names(kept: Mapping[str, Any]) -> dict[str, str]:
    """Ids of every task of a workflow, each with its name."""
    return {**dict(kept["steps"]), **dict.fromkeys(kept["glue"], COLLECT)}


def state_of(workflow_id: str, kept: Mapping[str, Any], look: Callable[[str], TaskResult[Any]]) -> WorkflowResult[Any]:
    """State of a workflow from the results of its tasks; the first bad end in the order of the steps counts."""
    steps = [_known(look, task_id) for task_id, _ in kept["steps"]]
    ended_badly = next((one for one in steps if one and one.is_finished and not one.is_completed), None)
    lost = ended_badly or next(
        (
            one
            for one in (_known(look, glue) for glue in kept["glue"])
            if one and one.is_finished and not one.is_completed
        ),
        None,
    )
    last = _known(look, kept["last"])
    begun = [one.started_at for one in steps if one and one.started_at]
    status, value, error = TaskStatus.PENDING, None, None
    if lost is not None:
        status, error = lost.status, lost.error
    elif last is not None and last.is_completed:
        status, value = TaskStatus.COMPLETED, last.result
    elif any(steps):
        status = TaskStatus.RUNNING
    return WorkflowResult(
        task_id=workflow_id,
        task_name=str(kept["workflow"]),
        status=status,
        result=value,
        error=error,
        started_at=min(begun, default=None),
        completed_at=(lost or last).completed_at if lost or (last and last.is_completed) else None,  # type: ignore[union-attr]
        steps_completed=len(steps) if status is TaskStatus.COMPLETED else _completed(steps, kept.get("layers") or ()),
        total_steps=len(steps),
    )


def _completed(steps: Sequence[TaskResult[Any] | None], layers: Sequence[int]) -> int:
    """Number of completed steps; a record of an older library knows no layers.

    Celery sends the next step before it stores the value of the one before it: what has begun tells of what came first.
    """
    numbers = layers or [0] * len(steps)
    pairs = list(zip(steps, numbers, strict=True))
    reached = max((number for step, number in pairs if step and step.started_at), default=0)
    return sum(1 for step, number in pairs if number < reached or (step and step.is_completed))


def _known(look: Callable[[str], TaskResult[Any]], task_id: str) -> TaskResult[Any] | None:
    try:
        return look(task_id)
    except TaskNotFound:
        return None  # a step that has not begun has no record
