"""What a run of the interpreter takes and gives: inputs of its steps, its output, its `WorkflowResult`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from task_abstraction.backends.hatchet import results
from task_abstraction.backends.hatchet.labels import FLOW_KEY, INTERPRETER, STEPS_KEY
from task_abstraction.encryption import Sealer
from task_abstraction.models import TaskStatus, WorkflowResult

# ruff: noqa: ANN401 - values of steps are any JSON

_PROGRESS = re.compile(r"\n\[(\d+) of \d+ steps completed\]$")


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
