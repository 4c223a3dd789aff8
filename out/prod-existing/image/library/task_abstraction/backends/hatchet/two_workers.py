"""What the SDK's listener process runs: one process that is two workers of the engine, for tasks and for workflows.

When a task has ended, the engine looks for the free slot at once only if at most half of its worker's slots, of
whatever kind, are free (v0.104.7, `Scheduler.replenish`), else within 1.0 to 1.5 s. Slots for workflows are many and
mostly free: a worker with both kinds began no more short tasks in such a time than it has slots. So each has its own.
"""

import asyncio
import logging
from typing import Any

from hatchet_sdk.clients.dispatcher.action_listener import ActionListener
from hatchet_sdk.clients.dispatcher.dispatcher import DispatcherClient
from hatchet_sdk.contracts.dispatcher_pb2 import STEP_EVENT_TYPE_STARTED
from hatchet_sdk.runnables.action import Action, ActionPayload, ActionType
from hatchet_sdk.types.slot_types import SlotType
from hatchet_sdk.worker import action_listener_process as sdk

from task_abstraction.backends.hatchet.labels import INTERPRETER, is_queue_label

log = logging.getLogger("task_abstraction.hatchet")
SUFFIX = "-workflows"
"""Ends the name of the worker that takes workflows."""


class TwoWorkers(sdk.WorkerActionListenerProcess):
    """The SDK's listener for tasks, and beside it the stream of workflows; both are reported on one way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - of the SDK
        super().__init__(*args, **kwargs)
        self._workflows: ActionListener | None = None
        self._taking: asyncio.Task[None] | None = None

    async def start(self, retry_attempt: int = 0) -> None:
        """Register both and take their actions."""
        slots, durable = self.slot_config, [name for name in self.actions if _is_interpreter(name)]
        await self._start_workflows(durable, {SlotType.DURABLE.value: slots[SlotType.DURABLE.value]})
        self.actions = [name for name in self.actions if name not in durable]
        self.slot_config = {SlotType.DEFAULT.value: slots[SlotType.DEFAULT.value]}
        await super().start(retry_attempt)
        self.slot_config = slots  # of both: health and metrics tell of them

    async def _start_workflows(self, actions: list[str], slots: dict[str, int]) -> None:
        labels = [label for label in self.labels if not is_queue_label(label.key or "")]
        self._workflows = await DispatcherClient(self.config).get_action_listener(
            worker_name=self.name + SUFFIX, services=["default"], actions=actions, slot_config=slots, labels=labels
        )
        self.worker_id_queue.put(self._workflows.worker_id)
        # The SDK opens its stream of durable events for the worker of the first action that it sees.
        self.action_queue.put(_nothing(self._workflows.worker_id))
        self._taking = asyncio.create_task(self.take_workflows(self._workflows))

    async def take_workflows(self, listener: ActionListener) -> None:
        """Hand on what the engine sends until the stream ends; its end ends that of tasks, too."""
        try:
            async for action in listener:
                if action is None:
                    break
                if action.action_type is ActionType.START_STEP_RUN:
                    started = sdk.ActionEvent(action, STEP_EVENT_TYPE_STARTED, payload=None, should_not_retry=False)
                    self.event_queue.put(started)
                self.action_queue.put(action)
        except Exception:
            log.exception("the stream of workflows has broken: this worker takes nothing more")
        finally:
            await self._stop_action_loop()

    def _compute_health(self) -> sdk.HealthStatus:
        status = super()._compute_health()
        silent = self._workflows is not None and not self._workflows.last_heartbeat_succeeded
        return sdk.HealthStatus.UNHEALTHY if silent and status is sdk.HealthStatus.HEALTHY else status

    async def _stop_action_loop(self) -> None:
        if self._workflows is not None:
            self._workflows.stop_stream()
        await super()._stop_action_loop()

    def finalize_listener_cleanup(self) -> None:
        """Sign both off."""
        super().finalize_listener_cleanup()
        if self._workflows is not None:
            self._workflows.cleanup()


def _is_interpreter(action: str) -> bool:
    return action.rpartition(":")[2] == INTERPRETER


def _nothing(worker_id: str) -> Action:
    """An action that has no effect: the end of a run that nobody knows."""
    names = ("tenant_id", "workflow_run_id", "job_id", "job_name", "job_run_id", "step_id", "step_run_id", "action_id")
    return Action(
        **dict.fromkeys(names, ""),
        worker_id=worker_id,
        action_type=ActionType.CANCEL_STEP_RUN,
        retry_count=0,
        action_payload=ActionPayload(),
    )
