"""The durable task that runs the steps of a submitted workflow: its definition is data, its steps are runs of tasks.

The engine keeps a log of what a durable task has started. When its worker dies or stops, another one begins it anew;
the log then answers what was started before, so that no step is started twice (engine v0.104.7, measured).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from hatchet_sdk import DurableContext, Hatchet, NonRetryableException
from hatchet_sdk.exceptions import TaskRunError
from hatchet_sdk.runnables.workflow import Standalone

from task_abstraction.backends.hatchet.flows import with_progress
from task_abstraction.backends.hatchet.labels import INTERPRETER, QUEUE_KEY
from task_abstraction.backends.hatchet.results import parse_error, unwrap
from task_abstraction.backends.hatchet.sealing import opened_error
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.encryption import Sealer
from task_abstraction.errors import BackendUnavailable, PayloadUnreadable
from task_abstraction.runtime.execution import describe_error
from task_abstraction.steps import FIRST, NEXT, STEP_HEADER

# ruff: noqa: ANN401, SLF001 - values of steps are any JSON; the SDK gives the ids of what it starts to itself alone

LONGEST = timedelta(days=365)
"""Limit of a whole workflow: each step has its own, so this one is never meant to be reached."""
NO_ANSWER = "child task failed"
"""What the SDK says where the engine gives no reason."""
log = logging.getLogger("task_abstraction.hatchet")
Cancel = Callable[[Sequence[str]], object]


def interpreter(hatchet: Hatchet, cancel: Cancel, sealer: Sealer) -> Standalone[Any, Any]:
    """The durable task, which every worker registers; `cancel` ends runs by their ids."""

    async def run(definition: dict[str, Any], ctx: DurableContext) -> dict[str, Any]:
        try:
            given = sealer.open_json(definition)
        except PayloadUnreadable as error:
            raise NonRetryableException(describe_error(error)) from None
        return dict(sealer.seal_json({"result": await _Workflow(hatchet, ctx, cancel, sealer).run(given)}))

    made: Standalone[Any, Any] = hatchet.durable_task(
        name=INTERPRETER,
        description="Runs the steps of submitted workflows.",
        input_validator=dict,
        execution_timeout=LONGEST,
        schedule_timeout=LONGEST,
        retries=0,
    )(run)
    return made


class _Workflow:
    """One workflow on its way; everything it keeps is built again in the same order when it begins anew."""

    def __init__(self, hatchet: Hatchet, ctx: DurableContext, cancel: Cancel, sealer: Sealer) -> None:
        self._hatchet, self._ctx, self._cancel, self._sealer = hatchet, ctx, cancel, sealer
        self._completed = 0
        self._headers: Mapping[str, str] = {}

    async def run(self, definition: Mapping[str, Any]) -> Any:
        layers, self._headers = definition["layers"], definition.get("headers") or {}
        total = sum(len(layer["steps"]) for layer in layers)
        value = definition["initial"]
        for number, layer in enumerate(layers):
            position = NEXT if number else FIRST
            try:
                values = await self._layer([self._item(step, value, position) for step in layer["steps"]])
            except TaskRunError as error:
                reason = self._sealer.seal_text(_reason(error, self._sealer))
                raise NonRetryableException(with_progress(reason, self._completed, total)) from None
            value = values if layer["parallel"] else values[0]
        return value

    def _item(self, step: Mapping[str, Any], value: Any, position: str) -> Any:
        headers = {
            **self._headers,
            STEP_HEADER: position,
            ENQUEUED_AT_HEADER: f"{time.time():.6f}",
            QUEUE_KEY: step["queue"],
        }
        workflow = self._hatchet.stubs.workflow(name=step["workflow"], input_validator=dict)
        return workflow.create_bulk_run_item(
            dict(self._sealer.seal_json({"args": [value], "kwargs": step["kwargs"]})),
            additional_metadata=headers,
            priority=step["priority"],
        )

    async def _layer(self, items: list[Any]) -> list[Any]:
        """Start steps in one request, wait for all; the first that fails is enough, and ends the others."""
        begun = await self._ctx._spawn_children_no_wait(items)
        tasks = [asyncio.ensure_future(self._end_of(one)) for one in begun]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            failed = next((task for task in tasks if task.done() and task.exception()), None)
            if failed is not None:
                await self._end_others(
                    [one.workflow_run_external_id for one, task in zip(begun, tasks, strict=True) if not task.done()]
                )
                failed.result()
            return [task.result() for task in tasks]
        finally:  # also when the engine takes the task back: the steps go on, and are found again
            for task in tasks:
                task.cancel()

    async def _end_of(self, begun: Any) -> Any:
        output = await self._ctx._aio_result_for_spawned_child(begun.node_id, begun.branch_id, begun.workflow_name)
        self._completed += 1
        return unwrap(self._sealer.open_json(output))

    async def _end_others(self, run_ids: list[str]) -> None:
        if not run_ids:
            return
        try:
            await asyncio.to_thread(self._cancel, run_ids)
        except BackendUnavailable as error:
            log.warning("steps beside a failed one go on: %s", error)


def _reason(error: TaskRunError, sealer: Sealer) -> str:
    text = opened_error(str(error), sealer)
    return "a step was cancelled, or no worker took it in time" if NO_ANSWER in text else parse_error(text)
