"""The worker: the SDK's own, under our signals, with our health and exit code."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hatchet_sdk import Hatchet
from hatchet_sdk.runnables.task import Task
from hatchet_sdk.runnables.workflow import BaseWorkflow
from hatchet_sdk.types.labels import WorkerLabel
from hatchet_sdk.worker.worker import Worker

from task_abstraction.backends.hatchet import listener
from task_abstraction.backends.hatchet.labels import POOL_LABEL, queue_label
from task_abstraction.errors import BackendUnavailable
from task_abstraction.runtime.signals import on_stop_signal
from task_abstraction.worker_job import WorkerJob

log = logging.getLogger("task_abstraction.hatchet")
BEAT_S = 0.5
HEALTH_POLL_S = 2.0
DURABLE_SLOTS = 1000
"""Workflows that one worker follows at once, the SDK's default: they take no slot of a task, and cost little."""
WORKERS = 2
"""Workers that one process is for the engine: see `two_workers`."""
START_LIMIT_S = 30.0
"""Time that a stop waits for a start that is under way."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """What a worker runs."""

    own: Sequence[BaseWorkflow[Any]]
    """tasks of its queues: it registers them"""
    taken: Mapping[str, Task[Any, Any]]
    """further actions that it takes: every task, submitted to one of its queues"""
    interpreter: BaseWorkflow[Any]
    """what runs workflows: every worker registers it"""


class LibraryWorker(Worker):
    """The SDK's worker with a watch of ours on its loop."""

    def __init__(
        self, hatchet: Hatchet, job: WorkerJob, tasks: Tasks, *, labels: Mapping[str, str | int], durable_slots: int
    ) -> None:
        slots = {"default": job.concurrency, "durable": durable_slots}
        registered = [*tasks.own, tasks.interpreter]
        super().__init__(name=job.name, config=hatchet.config, slot_config=slots, workflows=registered)
        # Its constructor takes labels only in the form that it warns of.
        self._labels = [WorkerLabel(key=key, value=value) for key, value in labels.items()]
        self._ctx = listener.ListenerContext(self._ctx, job.log_level)  # type: ignore[assignment]
        self._action_registry.update(tasks.taken)
        self._job = job
        self._graceful = True
        self._stops = self._carried_out = 0
        self._asked_at = 0.0
        self._silent = False
        self.listener_died = False
        """whether the worker ended because its listener process did"""
        self._watching: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def exit_gracefully(self) -> None:
        """End as the SDK does, unless the listener process has died: the SDK would wait for it for ever.

        A task that still runs then cannot be reported; the engine gives it to another worker.
        """
        process = self._action_listener_process
        if process is None or process.is_alive():
            await super().exit_gracefully()
            return
        self.listener_died = True
        if self._action_runner is not None:
            self._action_runner.cleanup()
        self._close_queues()
        asyncio.get_running_loop().stop()

    async def _pause_task_assignment(self) -> None:
        """Each call of the SDK's reads the id of one worker."""
        for _ in range(WORKERS):
            await super()._pause_task_assignment()

    async def _aio_start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())
        await super()._aio_start()

    def ask_to_stop(self, *, graceful: bool) -> None:
        """Stop at the next turn of the loop: drain, or give up; a second call gives up."""
        self._graceful = graceful and not self._stops
        self._asked_at = time.monotonic()
        self._stops += 1

    async def _watch(self) -> None:
        """Beat from the loop that runs the tasks, ask the listener for its health, and carry out a stop."""
        due = ask_at = time.monotonic()
        while True:
            now = time.monotonic()
            if not self._silent:
                self._job.health.beat(lag_s=max(0.0, now - due))
            if now >= ask_at:
                ask_at = now + HEALTH_POLL_S
                await self._ask_listener()
            self._carry_out_stop()
            due = time.monotonic() + BEAT_S
            await asyncio.sleep(BEAT_S)

    async def _ask_listener(self) -> None:
        healthcheck = self._config.healthcheck
        if self._action_listener_process is None or not healthcheck.enabled:
            return
        reason = await listener.ask(healthcheck)
        self._silent = reason == listener.SILENT and self._job.health.started
        if reason is None:
            self._job.health.consumer_ready()
        elif self._silent:
            self._job.health.consumer_stuck(reason)
        else:
            self._job.health.consumer_lost(reason)

    def _carry_out_stop(self) -> None:
        """Begin to end when it was asked for, once the start is through: the ending needs what the start creates."""
        if self._carried_out == self._stops:
            return
        loop = asyncio.get_running_loop()
        if hasattr(self, "_action_listener_health_check"):
            self._carried_out = self._stops
            self._ending = loop.create_task(self.exit_gracefully() if self._graceful else self._exit_forcefully())
            self._ending.add_done_callback(self._ended)
        elif time.monotonic() - self._asked_at > START_LIMIT_S:
            loop.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("the worker did not end cleanly: %r", task.exception())
            if self._loop is not None:
                self._loop.stop()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """The SDK's constructor takes the signals; give them back afterwards."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def labels_of(job: WorkerJob, rendered: Mapping[str, str | int]) -> dict[str, str | int]:
    """Labels of a worker: its tier for metrics, one for each queue that it serves."""
    return {POOL_LABEL: job.tier.name, **rendered, **{queue_label(queue): 1 for queue in job.queues}}


def run(
    hatchet: Hatchet,
    job: WorkerJob,
    tasks: Tasks,
    *,
    rendered: Mapping[str, Any],
    address: str,
    started: Callable[[LibraryWorker | None], None],
    stop: Callable[[], None],
) -> None:
    """Run the worker until it is told to stop; `rendered` is what the settings say of its tier.

    Raises:
        BackendUnavailable: it ended without being told to.
    """
    listener.use_our_logging(job.log_level)
    with _signals_kept():
        labels, durable = labels_of(job, rendered.get("labels", {})), rendered.get("durable_slots", DURABLE_SLOTS)
        worker = LibraryWorker(hatchet, job, tasks, labels=labels, durable_slots=durable)
        started(worker)
        try:
            with on_stop_signal(stop):
                worker.start()
        except SystemExit as ended:  # the SDK ends the interpreter, whatever happened
            code = ended.code
        else:
            code = 0
        finally:
            started(None)
    if job.stop.is_set():
        return
    if worker.listener_died:
        raise BackendUnavailable("hatchet", address, "the listener process of the worker died, see the log above")
    if code:
        raise BackendUnavailable("hatchet", address, "the worker could not start, see the log above")
