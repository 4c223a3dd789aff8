"""The worker: one SDK worker for each queue on one loop, with our health, metrics and shutdown."""

import asyncio
import inspect
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig
from temporalio.service import RPCError
from temporalio.worker import Worker

from task_abstraction.backends.temporal.activities import BEATS_PER_TIMEOUT, TaskInterceptor, activity_of, unknown_task
from task_abstraction.backends.temporal.connection import RUNTIMES, address_of, connect, connect_settings, reaching
from task_abstraction.backends.temporal.generic_task import GenericTask
from task_abstraction.backends.temporal.options import HEARTBEAT_LONGEST_S, heartbeat_s
from task_abstraction.backends.temporal.slots import SharedSlots, shared_tuner
from task_abstraction.backends.temporal.statistics import ACTIVITIES, describe_queue, pollers_of
from task_abstraction.backends.temporal.task_workflow import TaskWorkflow
from task_abstraction.config import BackendConfig, load_settings_module, read_setting
from task_abstraction.encryption import Sealer
from task_abstraction.errors import BackendUnavailable, ConfigurationError
from task_abstraction.worker_job import WorkerJob

log = logging.getLogger("task_abstraction.temporal")
SETTINGS_MODULE = "temporal_settings"
BEAT_INTERVAL_S = 1.0
"""How often the loop shows that it moves: far below every limit of liveness."""
FIRST_LOOK_S = 0.25
"""How often the server is asked for our pollers until it lists them the first time."""
WORKFLOW_SLOTS = 10
"""Workflow tasks at once where no settings say it: those of the generic workflow take milliseconds."""
CACHED_WORKFLOWS = 100
"""Workflows kept in memory where no settings say it; a generic workflow that falls out replays three events."""
EXIT_MARGIN_S = 5.0
"""Time of the grace that is left for the end of the process where no settings say it (exit 1 s after the last task)."""
CUT_S = 10.0
"""Time that running tasks still get in a cut where nothing says it; the plan's own number."""
WORKFLOW_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors of workflow code that end the workflow: it would be tried again for ever.

Not `Exception`: that takes in the SDK's `NondeterminismError`, and so ends every workflow that a worker of another
version of this library cannot go on with. Such a workflow waits, and goes on where a worker of its version takes it.
"""
METRIC_FLAGS = {"counters_total_suffix": True, "unit_suffix": True, "durations_as_seconds": True}
"""The names that rendered rules use (monitoring.md 1.1)."""


def graceful_timeout(job: WorkerJob) -> timedelta:
    """How long running tasks may go on after the stop, where no settings say it."""
    if job.tier.shutdown == "cut":
        return timedelta(seconds=min(job.tier.soft_shutdown_s or CUT_S, job.grace_s / 2))
    return timedelta(seconds=max(job.grace_s - EXIT_MARGIN_S, job.grace_s / 2))


def known_keywords(given: Mapping[str, Any], of: Callable[..., Any], *, name: str) -> dict[str, Any]:
    """Keyword arguments of rendered settings.

    Raises:
        ConfigurationError: the installed SDK does not know one of them.
    """
    unknown = sorted(set(given) - set(inspect.signature(of).parameters))
    if unknown:
        raise ConfigurationError(
            f"{SETTINGS_MODULE}.py: {name}: temporalio has no '{unknown[0]}'. Render the settings for its version",
            source=SETTINGS_MODULE,
        )
    return dict(given)


def throttle(job: WorkerJob) -> timedelta:
    """Longest time that the SDK holds a beat back: a third of the shortest heartbeat timeout, as tasks beat.

    Its own 80 % would make one lost call a lost worker, and a cancellation come as late (a beat brings the news of it).
    """
    timeouts = [heartbeat_s(policy) for policy in job.policies.values()]
    shortest = min((timeout for timeout in timeouts if timeout is not None), default=HEARTBEAT_LONGEST_S)
    return timedelta(seconds=shortest / BEATS_PER_TIMEOUT)


def worker_options(job: WorkerJob) -> dict[str, Any]:
    """Keyword arguments of each SDK worker: the rendered ones of the tier, over the library's own."""
    rendered = getattr(load_settings_module(SETTINGS_MODULE), "WORKER", {}).get(job.tier.name, {})
    return {
        "max_concurrent_workflow_tasks": WORKFLOW_SLOTS,
        "max_cached_workflows": CACHED_WORKFLOWS,
        "graceful_shutdown_timeout": graceful_timeout(job),
        "max_heartbeat_throttle_interval": throttle(job),
        **known_keywords(rendered, Worker, name=f"WORKER[{job.tier.name!r}]"),
        "max_concurrent_activities": job.concurrency,
    }


def sdk_metrics(job: WorkerJob) -> dict[str, Any] | None:
    """Keyword arguments of the SDK's metrics server; None where no port is set."""
    port = read_setting("sdk_metrics_port")
    if port is None:
        return None
    module = load_settings_module(SETTINGS_MODULE)
    flags = getattr(module, "PROMETHEUS", METRIC_FLAGS)
    buckets = getattr(module, "BUCKETS", {}).get(job.tier.name)
    options = {**flags, "bind_address": f"0.0.0.0:{port}"}  # scraped from outside the container
    if buckets:
        options["histogram_bucket_overrides"] = buckets
    return known_keywords(options, PrometheusConfig, name="PROMETHEUS")


def build_workers(client: Client, job: WorkerJob) -> list[Worker]:
    """One SDK worker for each queue; a second one on a queue would be refused."""
    options = worker_options(job)
    threads = job.concurrency
    if len(job.queues) > 1:
        threads += len(job.queues) - 1
        slots = SharedSlots(options.pop("max_concurrent_activities"))
        options["tuner"] = shared_tuner(slots, workflow_slots=options.pop("max_concurrent_workflow_tasks"))
    executor = ThreadPoolExecutor(threads, thread_name_prefix="task")
    activities = [*map(activity_of, job.tasks.values()), unknown_task(job.metrics)]
    return [
        Worker(
            client,
            task_queue=queue,
            activities=activities,
            workflows=[GenericTask, TaskWorkflow],
            activity_executor=executor,
            interceptors=[TaskInterceptor(job.metrics, job.policies)],
            workflow_failure_exception_types=WORKFLOW_FAILURES,
            **options,
        )
        for queue in job.queues
    ]


async def _beat(job: WorkerJob, stop: asyncio.Event) -> None:
    due = time.monotonic() + BEAT_INTERVAL_S
    while True:
        await asyncio.sleep(BEAT_INTERVAL_S)
        job.health.beat(lag_s=max(0.0, time.monotonic() - due))
        due = time.monotonic() + BEAT_INTERVAL_S
        if job.stop.is_set():
            stop.set()


async def missing_pollers(client: Client, queues: Sequence[str]) -> list[str]:
    """Queues on which the server does not know this process as a poller."""
    answers = await asyncio.gather(*(describe_queue(client, queue, ACTIVITIES) for queue in queues))
    return [queue for queue, answer in zip(queues, answers, strict=True) if client.identity not in pollers_of(answer)]


async def _watch(client: Client, job: WorkerJob) -> None:
    """Keep readiness true to what the server says: connected is not the same as polling."""
    interval = FIRST_LOOK_S
    while True:
        try:
            missing = await missing_pollers(client, job.queues)
        except RPCError as error:
            job.health.consumer_lost(f"server: {error.message}")
        else:
            if missing:
                job.health.consumer_lost(f"the server sees no poll of this worker on {', '.join(missing)}")
            else:
                job.health.consumer_ready()
                interval = read_setting("health_interval_s")
        await asyncio.sleep(interval)


async def _until_stopped(workers: Sequence[Worker], stop: asyncio.Event) -> None:
    """Run the workers until the stop; a worker that ends by itself ends the process, with its error."""
    running = [asyncio.create_task(worker.run()) for worker in workers]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await asyncio.gather(*(worker.shutdown() for worker in workers))
    await asyncio.gather(*running)


async def serve(
    config: BackendConfig,
    job: WorkerJob,
    sealer: Sealer,
    *,
    on_stop: Callable[[Callable[[], None]], None],
    on_connect: Callable[[Client], Coroutine[Any, Any, None]],
) -> None:
    """Run the worker of a process until it is told to stop.

    Args:
        config: how the server is reached.
        job: what is run.
        sealer: encrypts what tasks give back, and reads their arguments.
        on_stop: is given the function that wakes this one when `job.stop` was set.
        on_connect: is awaited before the first poll.

    Raises:
        BackendUnavailable: the server cannot be reached at the start, or a worker gave up.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(stop.set)

    on_stop(wake)
    RUNTIMES.get(sdk_metrics(job))
    address = address_of(config)
    with reaching(address):
        client = await connect(connect_settings(config), sealer, identity=f"{os.getpid()}@{job.name}")
    await on_connect(client)
    workers = build_workers(client, job)
    helpers = [asyncio.create_task(_beat(job, stop)), asyncio.create_task(_watch(client, job))]
    try:
        await _until_stopped(workers, stop)
    except RuntimeError as error:
        raise BackendUnavailable("temporal", address, str(error)) from error
    finally:
        for helper in helpers:
            helper.cancel()
