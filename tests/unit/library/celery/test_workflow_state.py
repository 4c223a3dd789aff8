"""The state of a workflow on Celery, from the records of its tasks."""

from datetime import UTC, datetime

import pytest

from task_abstraction.backends.celery.workflows import Canvas, record_of, state_of
from task_abstraction.errors import TaskNotFound
from task_abstraction.models import TaskResult, TaskStatus
from task_abstraction.workflows import Parallel, Sequential, WorkflowDefinition

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def state(definition, *steps: tuple[TaskStatus, datetime | None] | None):
    """State of a workflow whose steps have such records; None where there is none yet."""
    ids = tuple(str(number) for number in range(len(steps)))
    found = {
        task_id: TaskResult(task_id=task_id, task_name="step", status=step[0], started_at=step[1])
        for task_id, step in zip(ids, steps, strict=True)
        if step is not None
    }

    def look(task_id):
        if task_id not in found:
            raise TaskNotFound(task_id)
        return found[task_id]

    kept = record_of(definition, Canvas(None, ids, (), ids[-1]))
    return state_of("flow", kept, look)


def test_what_has_begun_tells_of_what_came_first():
    """Celery stores the value of a step after it has sent the next one, which may fail before."""
    chain = WorkflowDefinition("chain", (Sequential(["step", "step", "step"]),))
    found = state(chain, (TaskStatus.RUNNING, BEGAN), (TaskStatus.FAILED, BEGAN), None)

    assert (found.status, found.steps_completed, found.total_steps) == (TaskStatus.FAILED, 1, 3)


@pytest.mark.parametrize("later", [None, (TaskStatus.CANCELLED, None)])
def test_members_of_one_pattern_tell_nothing_of_each_other(later):
    """Nor does a step that was cancelled before it began tell of what came first."""
    fan = WorkflowDefinition("fan", (Parallel(["step", "step"]), Sequential(["step"])))
    found = state(fan, (TaskStatus.RUNNING, BEGAN), (TaskStatus.COMPLETED, BEGAN), later)

    assert found.steps_completed == 1
