"""The workflow that runs the steps of a submitted workflow: its definition is data, its steps are activities.

The sandbox imports this module anew for each workflow; what is passed through is constants.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from task_abstraction.backends.temporal.generic_task import TaskOptions, activity_options, duration
    from task_abstraction.context import ENQUEUED_AT_HEADER
    from task_abstraction.steps import FIRST, NEXT, STEP_HEADER

# ruff: noqa: ANN401 - values of steps are any JSON

WORKFLOW_NAME = "TaskWorkflow"
PROGRESS_MEMO = "progress"
"""Memo with the progress, which can be read without a worker: see `progress`."""


@dataclass
class Step:
    """One task of a workflow, with what its submit would say."""

    task: str
    kwargs: dict[str, Any]
    queue: str
    options: TaskOptions
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Layer:
    """Steps that begin together; the value of a parallel layer is the list of theirs."""

    parallel: bool
    steps: list[Step]


def progress(total: int, completed: int, waiting: dict[str, int]) -> dict[str, Any]:
    """The memo: steps in total, steps that have completed, and how many are under way on each queue."""
    return {"total": total, "completed": completed, "open": waiting}


def open_steps(layer: Layer) -> Counter[str]:
    """How many steps of a layer each queue gets."""
    return Counter(step.queue for step in layer.steps)


async def _all(running: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Values of steps that run at once; the first that fails is enough, the server forgets the others."""
    tasks = [asyncio.create_task(one) for one in running]
    try:
        await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        # A cancelled workflow says so only when its steps really ended.
        await workflow.wait(tasks)
        raise
    for task in tasks:
        if task.done():
            task.result()
    return [task.result() for task in tasks]


@workflow.defn(name=WORKFLOW_NAME)
class TaskWorkflow:
    """Runs layer after layer; each step gets the value of the layer before, and its worker binds the arguments."""

    def __init__(self) -> None:
        self._total = self._completed = 0
        self._open: Counter[str] = Counter()

    @workflow.run
    async def run(self, layers: list[Layer], initial: Any) -> Any:
        """Run the steps and return the value of the last layer."""
        self._total = sum(len(layer.steps) for layer in layers)
        value = initial
        begun = 0
        for number, layer in enumerate(layers):
            self._open = open_steps(layer)
            if number:  # the submit has told about the first layer
                self._tell()
            position = NEXT if number else FIRST
            steps = [self._step(step, value, position, begun + index) for index, step in enumerate(layer.steps, 1)]
            values = await _all(steps)
            begun += len(steps)
            value = values if layer.parallel else values[0]
        return value

    async def _step(self, step: Step, previous: Any, position: str, number: int) -> Any:
        headers = {**step.headers, STEP_HEADER: position, ENQUEUED_AT_HEADER: f"{workflow.now().timestamp():.6f}"}
        value = await workflow.execute_activity(
            step.task,
            {"args": [previous], "kwargs": step.kwargs, "headers": headers},
            activity_id=str(number),
            task_queue=step.queue,
            schedule_to_start_timeout=duration(step.options.expires_s),
            **activity_options(step.options),
        )
        self._completed += 1
        self._open[step.queue] -= 1
        if self._open.total():  # else the next layer tells, or the end
            self._tell()
        return value

    def _tell(self) -> None:
        waiting = {queue: count for queue, count in sorted(self._open.items()) if count}
        workflow.upsert_memo({PROGRESS_MEMO: progress(self._total, self._completed, waiting)})
