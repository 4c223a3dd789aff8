"""Rules of family C on `backends.celery.settings`: names that exist, values that do no harm, one place for each."""

from collections.abc import Iterator
from typing import Final

from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule
from taskgen.rules.names import celery_settings, close_name
from taskgen.rules.reading import setting

AT: Final = "backends.celery.settings"
FIELDS: Final = {
    "beat_schedule": "schedules",
    "beat_scheduler": "backends.celery.scheduler",
    "broker_heartbeat": "backends.celery.broker.heartbeat",
    "broker_url": "backends.celery.broker.url",
    "imports": "app.module",
    "include": "app.module",
    "result_backend": "backends.celery.results.url",
    "result_expires": "backends.celery.results.expires",
    "task_acks_late": "tiers.<name>.task.idempotent, or tasks.<name>.acknowledge",
    "task_default_queue": "default_queue",
    "task_default_queue_type": "backends.celery.broker.queue_type",
    "task_ignore_result": "tiers.<name>.task.ignore_result",
    "task_queue_max_priority": "backends.celery.broker.priorities",
    "task_queues": "queues",
    "task_retry_on_worker_lost": "tiers.<name>.task.idempotent",
    "task_routes": "queues.<name>.tasks",
    "task_soft_time_limit": "tiers.<name>.task.soft_time_limit",
    "task_time_limit": "tiers.<name>.task.time_limit",
    "worker_autoscaler": "tiers.<name>.scale",
    "worker_concurrency": "tiers.<name>.concurrency",
    "worker_disable_prefetch": "tiers.<name>.task.idempotent",
    "worker_max_memory_per_child": "tiers.<name>.max_memory_per_child",
    "worker_max_tasks_per_child": "tiers.<name>.max_tasks_per_child",
    "worker_pool": "tiers.<name>.pool",
    "worker_soft_shutdown_timeout": "tiers.<name>.shutdown",
}
"""Settings of Celery whose value has a field of its own: every derivation, and the worker, go by the field."""


@rule(
    "C03",
    "W/E/E",
    why="a worker hoards tasks that others could run, and the scaler does not see them",
    reference="[Celery 5]; mitodl/ol-infrastructure#5598, celery#10345",
    remedy="remove it: 1 is rendered",
)
def nothing_is_hoarded(plan: Plan) -> Iterator[Breach]:
    """A worker reserves one task for each slot."""
    found = setting(plan, "worker_prefetch_multiplier")
    if found and found[1] != 1:
        yield Breach(found[0], f"{found[1]} tasks would be reserved for each slot")


@rule(
    "C17",
    "N/W/W",
    why="a worker that starts before its broker gives up; tasks run twice after a lost connection",
    reference="Celery documentation",
    remedy="remove it: true is rendered",
)
def lost_connections_are_handled(plan: Plan) -> Iterator[Breach]:
    """The worker waits for its broker, and cancels what it would run twice."""
    for name in ("broker_connection_retry_on_startup", "worker_cancel_long_running_tasks_on_connection_loss"):
        found = setting(plan, name)
        if found and found[1] is False:
            yield Breach(found[0], "it is switched off")


@rule(
    "C20",
    "E/E/E",
    why="the broker refuses a queue of events that is both",
    reference="[Celery 2]: celery 5.7 changed the default of event_queue_exclusive, from source",
    remedy="leave event_queue_durable out",
)
def event_queues_are_possible(plan: Plan) -> Iterator[Breach]:
    """Queues of events are exclusive or durable, not both."""
    exclusive, durable = setting(plan, "event_queue_exclusive"), setting(plan, "event_queue_durable")
    if exclusive and durable and exclusive[1] and durable[1]:
        yield Breach(durable[0], "the queue is exclusive and durable")


@rule(
    "C23",
    "E/E/E",
    why="Celery stores unknown settings silently and ignores them",
    reference="[Celery 2], measured: task_retry_delay, task_max_retries, task_result_expires of seed 000",
    remedy="write the name that Celery has, or set it per task under tasks:",
)
def celery_settings_exist(plan: Plan) -> Iterator[Breach]:
    """Every name under backends.celery.settings is a setting of Celery."""
    backend = plan.profile.backends.celery
    for name in backend.settings if backend else ():
        if name not in celery_settings():
            hint = close_name(name, celery_settings())
            suffix = f", did you mean '{hint}'?" if hint else ""
            yield Breach(f"{AT}.{name}", f"Celery has no setting {name}{suffix}")


@rule(
    "U07",
    "E/E/E",
    why="the plan goes by the field: grace, timeouts and sizes would follow another value than the worker",
    reference="docs/rules/own.md",
    remedy="remove it, and set the field",
)
def settings_have_one_place(plan: Plan) -> Iterator[Breach]:
    """A setting of Celery that a field of the profile decides is not typed beside it."""
    for name, path in FIELDS.items():
        found = setting(plan, name)
        if found:
            yield Breach(found[0], f"{path} decides it", f"remove it, and set {path}")
