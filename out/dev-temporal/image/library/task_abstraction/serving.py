"""Running a worker: builds the job of a process, opens its health server, hands it to the backend."""

import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from task_abstraction.catalogue import Catalogue
from task_abstraction.config import TierSettings, WorkerPlan, is_production, read_setting, resolve_queues
from task_abstraction.config.settings import DEFAULT_CONCURRENCY, DEFAULT_GRACE_S
from task_abstraction.differences import (
    Difference,
    StartReport,
    compare_declared_limit,
    compare_declared_queue,
    compare_queues,
    compare_slots,
)
from task_abstraction.policy import effective_policy
from task_abstraction.runtime import tracing
from task_abstraction.runtime.health_server import HttpService, health_routes
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.runtime.worker_metrics import UNKNOWN_TASK, WorkerMetrics
from task_abstraction.worker_job import WorkerJob

log = logging.getLogger("task_abstraction.worker")
# A loop that misses two beats of the health interval is stuck; one late beat is a busy interpreter.
MISSED_BEATS = 2


def worker_tier(backend: Catalogue, queues: Sequence[str]) -> TierSettings:
    """The tier of this worker: rendered, or made from the environment where there is no plan."""
    found = backend.plan.tier_for(queues, read_setting("tier"), backend.backend_type)
    if found is not None:
        return found
    name = read_setting("tier") or "default"
    return TierSettings(name=name, backend=backend.backend_type, queues=tuple(queues))


def build_job(
    backend: Catalogue, *, queues: Sequence[str], concurrency: int | None = None, worker_name: str | None = None
) -> WorkerJob:
    """Collect what a worker of this process needs."""
    tier = worker_tier(backend, queues)
    planned = tier.concurrency if tier.name in backend.plan.tiers else DEFAULT_CONCURRENCY
    slots = concurrency or read_setting("concurrency") or planned
    grace = read_setting("grace_s") or (tier.grace_s if tier.name in backend.plan.tiers else DEFAULT_GRACE_S)
    tasks = backend.definitions()
    beat_file = read_setting("heartbeat_file")
    metrics = WorkerMetrics(
        backend=backend.backend_type,
        tier=tier.name,
        slots=slots,
        pool=tier.pool,
        duration_buckets=tier.duration_buckets,
        wait_buckets=tier.wait_buckets,
    )
    health = HealthState(
        limit_s=MISSED_BEATS * read_setting("health_interval_s"), beat_file=Path(beat_file) if beat_file else None
    )
    name = worker_name or read_setting("worker_name") or default_worker_name(queues)
    job = WorkerJob(
        queues=tuple(queues),
        concurrency=slots,
        name=name,
        tier=replace(tier, concurrency=slots),
        grace_s=grace,
        log_level=read_setting("log_level"),
        tasks=tasks,
        policies={task: effective_policy(task, definition, backend.plan, tier) for task, definition in tasks.items()},
        queues_of_tasks=_queues_of_tasks(backend, queues),
        metrics=metrics,
        health=health,
        report=StartReport(health, metrics, production=is_production()),
    )
    metrics.expect({**job.queues_of_tasks, UNKNOWN_TASK: tuple(queues)})
    health.on_beat.append(lambda lag: count_beats(metrics, lag))
    return job


def default_worker_name(queues: Sequence[str]) -> str:
    """Name of a worker from its host and queues."""
    return f"worker-{socket.gethostname()}-{'-'.join(sorted(queues))}"


def _queues_of_tasks(backend: Catalogue, queues: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    routed = {name: backend.queue_for(name) for name in backend.definitions()}
    return {name: (queue,) for name, queue in routed.items() if queue in queues}


def count_beats(metrics: WorkerMetrics, lag: float) -> None:
    """Show in the metrics that the consumer loop moved, and how late it came."""
    metrics.set_process(metrics.heartbeat, time.time())
    metrics.set_process(metrics.lag, lag)


def warn_unserved(backend: Catalogue, queues: Sequence[str]) -> list[str]:
    """Log an error for each registered task whose queue neither this worker nor any rendered tier serves.

    Without rendered tiers nobody knows who else serves: then nothing is said.
    """
    unserved: list[str] = []
    if not backend.plan.tiers:
        return unserved
    for name in backend.definitions():
        queue = backend.queue_for(name)
        if queue not in queues and not backend.plan.tiers_of_queue(queue):
            unserved.append(name)
            log.error("task '%s' goes to queue '%s', which no flag and no tier serves. Add it to --queues", name, queue)
    return unserved


def compare_job(job: WorkerJob, planned: TierSettings, plan: WorkerPlan) -> list[Difference]:
    """Compare what flags, environment and code make of a job with the plan of its tier; for every backend."""
    found = [*compare_slots(planned, job.concurrency), *compare_queues(planned, plan, job.queues)]
    for name, definition in job.tasks.items():
        if definition.queue is not None:
            found += compare_declared_queue(name, definition.queue, plan)
        if definition.timeout is not None and job.queues_of_tasks.get(name):
            found += compare_declared_limit(name, job.policies[name].time_limit_s, planned, plan)
    return found


def serve(
    backend: Catalogue,
    run: Callable[[WorkerJob], None],
    *,
    queues: Sequence[str] | None = None,
    concurrency: int | None = None,
    worker_name: str | None = None,
    health_port: int | None = None,
) -> None:
    """Run a worker of a backend with its health server until it is told to stop; `run` is the backend's part of it."""
    served = tuple(queues) if queues else resolve_queues(None, warn=log.warning)
    job = build_job(backend, queues=served, concurrency=concurrency, worker_name=worker_name)
    for name, definition in job.tasks.items():
        backend.check_definition(definition)
        log.debug("task %s: %s", name, job.policies[name])
    warn_unserved(backend, served)
    planned = backend.plan.tiers.get(job.tier.name)
    if planned is not None:
        job.report.set("job", compare_job(job, planned, backend.plan))
    port = read_setting("health_port") if health_port is None else health_port
    if backend.sealer.codec is not None:
        log.info("payloads are encrypted with key %s", backend.sealer.codec.key_id)
    tracing.configure()
    server = HttpService(health_routes(job.health, job.metrics.registry), port=port).start()
    log.info("worker %s: queues %s, %d slots, health port %d", job.name, ",".join(served), job.concurrency, server.port)
    try:
        run(job)
    finally:
        server.close()
    log.info("worker %s: stopped", job.name)
