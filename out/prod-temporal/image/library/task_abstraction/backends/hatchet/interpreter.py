"""The durable task that runs the steps of a submitted workflow: its definition is data, its steps are runs of tasks.

The engine keeps a log of what a durable task has started. When its worker dies or stops, another one begins it anew;
the log then answers what was started before, so that no step is started twice. It compares the inputs (engine v0.104.7,
measured), and whatever is encrypted anew is another text: so values go from step to step as they were filed.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from hatchet_sdk import DurableContext, Hatchet, NonRetryableException
from hatchet_sdk.exceptions import TaskRunError
from hatchet_sdk.runnables.workflow import Standalone

from task_abstraction.backends.hatchet import flows
from task_abstraction.backends.hatchet.labels import INTERPRETER, QUEUE_KEY
from task_abstraction.backends.hatchet.limits import UnsendableResultError, checked_result
from task_abstraction.backends.hatchet.results import parse_error
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


class Runs(Protocol):
    """What the interpreter asks of the engine beside the SDK; both calls wait for the answer."""

    def cancel_runs(self, run_ids: Sequence[str]) -> None:
        """Cancel runs."""

    def is_cancelled(self, run_id: str) -> bool:
        """Whether a run was cancelled."""


def interpreter(hatchet: Hatchet, runs: Runs, sealer: Sealer) -> Standalone[Any, Any]:
    """The durable task, which every worker registers."""
    endings: set[asyncio.Task[None]] = set()

    def end(run_ids: list[str], *, if_cancelled: str | None = None) -> None:
        ending = asyncio.create_task(asyncio.to_thread(_end, runs, run_ids, if_cancelled))
        endings.add(ending)
        ending.add_done_callback(endings.discard)

    async def run(definition: dict[str, Any], ctx: DurableContext) -> dict[str, Any]:
        workflow = _Workflow(hatchet, ctx, definition)
        try:
            return checked_result(flows.joined(await workflow.run(definition["initial"]), sealer))
        except asyncio.CancelledError:
            # The engine also takes a task back whose worker stops: its steps then go on, and are found again.
            end(workflow.under_way, if_cancelled=ctx.workflow_run_id)
            raise
        except TaskRunError as error:
            end(workflow.under_way)
            reason = sealer.seal_text(_reason(error, sealer))
            raise NonRetryableException(flows.with_progress(reason, workflow.completed, workflow.total)) from None
        except (PayloadUnreadable, UnsendableResultError) as error:
            raise NonRetryableException(describe_error(error)) from None

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

    def __init__(self, hatchet: Hatchet, ctx: DurableContext, definition: Mapping[str, Any]) -> None:
        self._hatchet, self._ctx = hatchet, ctx
        self._layers, self._headers = definition["layers"], definition.get("headers") or {}
        self._waits: dict[str, asyncio.Task[Any]] = {}
        self.total = sum(len(layer["steps"]) for layer in self._layers)
        self.completed = 0

    @property
    def under_way(self) -> list[str]:
        """Ids of the runs that were started and have not ended."""
        return [run_id for run_id, wait in self._waits.items() if wait.cancelled() or not wait.done()]

    async def run(self, value: Any) -> Any:
        """Run layer after layer and return the value of the last one."""
        for number, layer in enumerate(self._layers):
            position = NEXT if number else FIRST
            values = await self._all([self._item(step, value, position) for step in layer["steps"]])
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
            flows.step_input(value, step["given"]), additional_metadata=headers, priority=step["priority"]
        )

    async def _all(self, items: list[Any]) -> list[Any]:
        """Start steps in one request and wait for all; the first that fails is enough."""
        begun = await self._ctx._spawn_children_no_wait(items)
        self._waits = {one.workflow_run_external_id: asyncio.ensure_future(self._end_of(one)) for one in begun}
        try:
            return list(await asyncio.gather(*self._waits.values()))
        finally:
            for wait in self._waits.values():
                wait.cancel()

    async def _end_of(self, begun: Any) -> Any:
        output = await self._ctx._aio_result_for_spawned_child(begun.node_id, begun.branch_id, begun.workflow_name)
        self.completed += 1
        return output


def _end(runs: Runs, run_ids: Sequence[str], if_cancelled: str | None) -> None:
    try:
        if run_ids and (if_cancelled is None or runs.is_cancelled(if_cancelled)):
            runs.cancel_runs(run_ids)
    except BackendUnavailable as error:
        log.warning("steps of a workflow that has ended go on: %s", error)


def _reason(error: TaskRunError, sealer: Sealer) -> str:
    text = opened_error(str(error), sealer)
    return "a step was cancelled, or no worker took it in time" if NO_ANSWER in text else parse_error(text)
