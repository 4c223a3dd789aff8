"""From a workflow that was submitted to a run of the interpreter, and back to a `WorkflowResult`."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from task_abstraction.backends.hatchet import results
from task_abstraction.backends.hatchet.labels import FLOW_KEY, INTERPRETER, STEPS_KEY
from task_abstraction.backends.hatchet.options import priority_of
from task_abstraction.codec import encode
from task_abstraction.encryption import Sealer
from task_abstraction.models import TaskStatus, WorkflowResult
from task_abstraction.workflow_catalogue import WorkflowSubmission
from task_abstraction.workflows import WorkflowStep, layers_of

# ruff: noqa: ANN401 - values of steps are any JSON

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.backend import HatchetBackend

_PROGRESS = re.compile(r"\n\[(\d+) of \d+ steps completed\]$")


def submit(backend: "HatchetBackend", submission: WorkflowSubmission, *, limit_s: float) -> str:
    """Hand a workflow over and return the id of its run.

    Raises:
        TaskNotRegistered: no worker has registered the task of a step, or runs workflows.
    """
    from task_abstraction.backends.hatchet.engine import Run

    clients, definition = backend.clients, submission.definition
    clients.registered.require(INTERPRETER, limit_s=limit_s)
    run = Run(
        workflow=clients.connection.full_name(INTERPRETER),
        envelope=_to_input(backend, submission, limit_s),
        metadata={FLOW_KEY: definition.name, STEPS_KEY: str(len(definition.steps))},
    )
    workflow_id = clients.engine.submit(run, limit_s=limit_s)
    backend.lookup.remember(workflow_id, definition.name, steps=len(definition.steps))
    return workflow_id


def _to_input(backend: "HatchetBackend", submission: WorkflowSubmission, limit_s: float) -> dict[str, Any]:
    """The definition as the interpreter takes it: each step goes where its submit would go."""

    def one(step: WorkflowStep) -> dict[str, Any]:
        name = step.task_name
        chosen = backend.chosen_queue(name)
        workflow, told = backend.clients.variants.workflow(name, queue=chosen, once=False, limit_s=limit_s)
        queue = told or backend.queue_for(name)
        priority = priority_of(None, backend.policy_for(name, queue))
        given = backend.sealer.seal_json({"kwargs": encode(step.kwargs or {})})
        return {"workflow": workflow, "queue": queue, "priority": priority, "given": given}

    layers = [
        {"parallel": layer.parallel, "steps": [one(step) for step in layer.steps]}
        for layer in layers_of(submission.definition)
    ]
    return {
        "layers": layers,
        "initial": backend.sealer.seal_json({"result": submission.initial}),
        "headers": dict(submission.headers),
    }


def step_input(previous: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a step: the output of the layer before and the keywords of the definition, as they are filed."""
    return {"previous": previous, "given": given}


def opened_step(filed: Mapping[str, Any], sealer: Sealer) -> dict[str, Any]:
    """The invocation envelope of a step from its input: the value before it is its only argument.

    Raises:
        PayloadUnreadable: something is encrypted with a key that is not here, or plain where nothing may be.
    """
    return {"args": [_value(filed["previous"], sealer)], "kwargs": sealer.open_json(filed["given"])["kwargs"]}


def joined(filed: Any, sealer: Sealer) -> dict[str, Any]:
    """The output of a workflow from those of its last layer.

    Raises:
        PayloadUnreadable: as in `opened_step`.
    """
    return dict(sealer.seal_json({"result": _value(filed, sealer)}))


def _value(filed: Any, sealer: Sealer) -> Any:
    """The value of one output, or the values of those of a parallel layer."""
    if isinstance(filed, list):
        return [_value(one, sealer) for one in filed]
    return results.unwrap(sealer.open_json(filed))


def is_workflow(run: Mapping[str, Any]) -> bool:
    """Whether a run is one of the interpreter."""
    return results.task_name(run) == INTERPRETER


def with_progress(error: str, completed: int, total: int) -> str:
    """The error of a step, with what had been done: what is filed about the steps may be behind."""
    return f"{error}\n[{completed} of {total} steps completed]"


def to_result(
    workflow_id: str, run: Mapping[str, Any], metadata: Mapping[str, Any], count: Callable[[], int]
) -> WorkflowResult[Any]:
    """The result of a settled run of the interpreter; `count` asks for the steps that are filed as completed."""
    seen = results.to_result(workflow_id, run, lambda _, value: value)
    total = int(metadata.get(STEPS_KEY) or 0)
    status, error = seen.status, seen.error
    if run.get("status") == "EVICTED":  # no worker follows it while its steps run
        status = TaskStatus.RUNNING
    told = _PROGRESS.search(error or "")
    if told is not None and error is not None:
        error, completed = error[: told.start()], int(told[1])
    elif status is TaskStatus.COMPLETED:
        completed = total
    else:
        completed = 0 if status is TaskStatus.PENDING else count()
    return WorkflowResult(
        task_id=workflow_id,
        task_name=str(metadata.get(FLOW_KEY) or INTERPRETER),
        status=status,
        result=seen.result,
        error=error,
        started_at=seen.started_at,
        completed_at=seen.completed_at,
        steps_completed=completed,
        total_steps=total,
    )
