"""The worker: Celery's own, as PID 1, with our health, metrics and shutdown."""

import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps, signals
from celery.app import trace
from celery.worker import state as worker_state

from task_abstraction.backends.celery import check_patched
from task_abstraction.backends.celery.application import LibraryCelery, rendered_settings
from task_abstraction.backends.celery.letters import LetterWriter
from task_abstraction.backends.celery.planned import Planned
from task_abstraction.backends.celery.request import measure_with
from task_abstraction.backends.celery.running import compare
from task_abstraction.backends.celery.stopping import cut_step
from task_abstraction.backends.celery.unusable import unusable_step
from task_abstraction.backends.celery.wrapper import register_all
from task_abstraction.config import WorkerPlan
from task_abstraction.differences import StartReport
from task_abstraction.errors import BackendUnavailable
from task_abstraction.runtime import tracing
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.worker_job import WorkerJob

log = logging.getLogger("task_abstraction.celery")
BEAT_INTERVAL_S = 1.0
# Celery's own line shows the return value: documents of customers do not belong into logs.
SUCCESS_LINE = "Task %(name)s[%(id)s] succeeded in %(runtime)ss"


def node_name(job: WorkerJob) -> str:
    """Unique per broker: RabbitMQ ends the second worker of a name. In a container the host name is enough."""
    suffix = "" if os.getpid() == 1 else f"-{os.getpid()}"
    return f"{job.tier.name}{suffix}@{socket.gethostname()}"


def health_step(health: HealthState) -> type[Any]:
    """A consumer step whose timer runs in the consumer's own loop: it stands still when the loop does."""

    class Health(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def __init__(self, _: Any, **__: Any) -> None:  # noqa: ANN401 - untyped SDK
            self._timer: Any = None
            self._due = 0.0

        def start(self, consumer: Any) -> None:  # noqa: ANN401
            self._due = time.monotonic() + BEAT_INTERVAL_S
            self._timer = consumer.timer.call_repeatedly(BEAT_INTERVAL_S, self._beat)

        def _beat(self) -> None:
            if self._timer is None:
                return  # stopped while this turn was due
            now = time.monotonic()
            health.beat(lag_s=max(0.0, now - self._due))
            health.consumer_ready()
            self._due = now + BEAT_INTERVAL_S

        def stop(self, _: Any) -> None:  # noqa: ANN401
            if self._timer is not None:
                self._timer.cancel()
                # On gevent that is one turn alone (celery 5.7, measured): the next would call a lost consumer ready.
                getattr(self._timer, "entry", self._timer).cancel()
                self._timer = None
            health.consumer_lost("not connected to the broker")

        def terminate(self, parent: Any) -> None:  # noqa: ANN401
            self.stop(parent)

        def shutdown(self, parent: Any) -> None:  # noqa: ANN401
            self.stop(parent)

    return Health


def comparison_step(report: StartReport, planned: Callable[[Any], Planned | None]) -> type[Any]:
    """A consumer step that compares what runs with the plan, each time that it is connected."""

    class Compare(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:  # noqa: ANN401
            wanted = planned(consumer)
            if wanted is not None:
                report.set("celery", compare(consumer, wanted))

    return Compare


def _planned(job: WorkerJob, plan: WorkerPlan) -> Planned | None:
    tier = plan.tiers.get(job.tier.name)
    if tier is None:
        return None
    policies = {name: job.policies[name] for name, queues in job.queues_of_tasks.items() if queues}
    return Planned(tier=tier, plan=plan, settings=rendered_settings(), policies=policies)


def tell_draining(job: WorkerJob) -> None:
    """Say that the worker stops: not ready from now on."""
    job.health.drain()
    job.metrics.set_process(job.metrics.draining, 1)
    job.stop.set()


def configure(app: LibraryCelery, job: WorkerJob, letters: LetterWriter, plan: WorkerPlan) -> None:
    """Give the application what belongs to this tier alone.

    Raises:
        ConfigurationError: the process is not prepared for the pool of the tier.
    """
    tier = job.tier
    check_patched(tier.pool)
    app.conf.worker_soft_shutdown_timeout = (tier.soft_shutdown_s or 0.0) if tier.shutdown == "cut" else 0.0
    app.conf.worker_disable_prefetch = tier.disable_prefetch
    app.steps["consumer"].add(health_step(job.health))
    app.steps["consumer"].add(unusable_step(letters, job.metrics))
    app.steps["consumer"].add(comparison_step(job.report, lambda _: _planned(job, plan)))
    if tier.shutdown == "cut":
        app.steps["consumer"].add(cut_step(lambda: tell_draining(job)))
    register_all(app, job.tasks, job.policies, pool=tier.pool)


def in_children(app: Celery, forget: Callable[[], None]) -> Callable[..., None]:
    """A receiver of `worker_process_init` for children alone: the solo pool sends it in the worker itself."""
    worker = os.getpid()

    def started(**_: object) -> None:
        if os.getpid() != worker:
            # The locks and the registry of the parent mean nothing in a child.
            measure_with(app, None)
            forget()

    return started


def run(
    app: LibraryCelery,
    job: WorkerJob,
    address: str,
    *,
    letters: LetterWriter,
    forget_job: Callable[[], None],
) -> None:
    """Run the worker until it is told to stop.

    Raises:
        BackendUnavailable: the worker ended without being told to.
    """

    def keep_our_logging(**_: object) -> None:
        """Having a receiver is what keeps Celery from setting up its own."""

    def draining(**_: object) -> None:
        tell_draining(job)

    def child_ends(**_: object) -> None:
        tracing.flush()

    connections = (
        (signals.setup_logging, keep_our_logging),
        (signals.worker_shutting_down, draining),
        (signals.worker_process_init, in_children(app, forget_job)),
        (signals.worker_process_shutdown, child_ends),
    )
    for signal, receiver in connections:
        signal.connect(receiver, weak=False)
    measure_with(app, job.metrics, letters)
    trace.LOG_SUCCESS = SUCCESS_LINE
    try:
        worker = app.Worker(
            hostname=node_name(job),
            queues=list(job.queues),
            concurrency=job.concurrency,
            pool=job.tier.pool,
            loglevel=job.log_level,
            prefetch_multiplier=job.tier.prefetch,
            max_tasks_per_child=job.tier.max_tasks_per_child,
            max_memory_per_child=job.tier.max_memory_per_child_kib,
            optimization="fair",
            without_gossip=True,
            without_mingle=True,
            quiet=True,
        )
        worker.start()
    finally:
        measure_with(app, None)
        for signal, receiver in connections:
            signal.disconnect(receiver)
    if worker.exitcode and not job.stop.is_set():
        raise BackendUnavailable("celery", address, f"the worker ended with code {worker.exitcode}, see the log above")


def stop(*, graceful: bool) -> None:
    """End the worker of this process at its next turn: let tasks end, or cancel them and give them back."""
    if graceful:
        worker_state.should_stop = 0  # type: ignore[assignment]
    else:
        worker_state.should_terminate = 0  # type: ignore[assignment]
