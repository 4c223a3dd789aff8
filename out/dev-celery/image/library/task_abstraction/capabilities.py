"""The one table of what each backend can do, and the one list of metric names; standard library only.

Runtime, contract suite, `taskgen check` and the documentation read it, so that render refuses exactly what the runtime
would refuse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from task_abstraction.models import Feature, Support

BACKENDS: Final = ("celery", "hatchet", "temporal")

# Monitoring: a rule, dashboard or scaler may only use a name of these lists or of an SDK's own list.
TASK_COUNTERS: Final = (
    "task_submitted_total",
    "task_started_total",
    "task_succeeded_total",
    "task_failed_total",
    "task_retried_total",
    "task_redelivered_total",
    "task_dead_lettered_total",
)
TASK_HISTOGRAMS: Final = ("task_duration_seconds", "task_queue_wait_seconds")
WORKER_GAUGES: Final = (
    "task_worker_slots",
    "task_worker_slots_busy",
    "task_worker_draining",
    "task_worker_heartbeat_timestamp_seconds",
    "task_worker_event_loop_lag_seconds",
    "task_worker_plan_differences",
    "task_worker_info",
)
WORKER_METRICS: Final = TASK_COUNTERS + TASK_HISTOGRAMS + WORKER_GAUGES
QUEUE_GAUGES: Final = (
    "task_queue_depth",
    "task_queue_in_flight",
    "task_queue_oldest_age_seconds",
    "task_queue_consumers",
    "task_queue_dead_letter_depth",
)
EXPORTER_METRICS: Final = (
    *QUEUE_GAUGES,
    "task_schedule_last_sent_timestamp_seconds",
    "task_backend_up",
    "task_backend_scrape_duration_seconds",
    "task_backend_last_success_timestamp_seconds",
    "task_backend_errors_total",
    "task_backend_token_expiry_timestamp_seconds",
)

Facts = Mapping[str, object]
"""What a condition may look at: broker (redis, amqp, sqs, memory), quorum, results, pool, server (version tuple)."""

CONDITIONS: Final[Mapping[str, Callable[[Facts], bool]]] = {
    "amqp classic queues": lambda facts: facts.get("broker") == "amqp" and not facts.get("quorum"),
    "amqp": lambda facts: facts.get("broker") == "amqp",
    "redis": lambda facts: facts.get("broker") == "redis",
    "redis or memory": lambda facts: facts.get("broker") in {"redis", "memory"},
    "result store": lambda facts: bool(facts.get("results", True)),
    "prefork pool": lambda facts: facts.get("pool", "prefork") == "prefork",
    "threads pool": lambda facts: facts.get("pool", "prefork") == "threads",
    "prefork or gevent pool": lambda facts: facts.get("pool", "prefork") in {"prefork", "gevent"},
    "server 1.32": lambda facts: facts.get("server", (1, 32)) >= (1, 32),  # type: ignore[operator]
}


@dataclass(frozen=True, slots=True)
class Capability:
    """How one backend gives one feature, under one condition."""

    backend: str
    feature: Feature
    support: Support
    mechanism: str
    hint: str = ""
    condition: str | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether this record applies to the broker, pool and server at hand."""
        return self.condition is None or CONDITIONS[self.condition](facts)


def _native(backend: str, feature: Feature, mechanism: str, condition: str | None = None) -> Capability:
    return Capability(backend, feature, Support.NATIVE, mechanism, condition=condition)


def _emulated(backend: str, feature: Feature, mechanism: str, condition: str | None = None) -> Capability:
    return Capability(backend, feature, Support.EMULATED, mechanism, condition=condition)


def _refused(backend: str, feature: Feature, mechanism: str, hint: str) -> Capability:
    return Capability(backend, feature, Support.REFUSED, mechanism, hint)


F = Feature
NO_GRAPH: Final = ("workflows are series-parallel", "Write it as sequential and parallel patterns")
CELERY: Final = (
    _native("celery", F.RESULTS, "result backend", "result store"),
    _refused("celery", F.RESULTS, "no result store is configured", "Set CELERY_RESULT_BACKEND"),
    _emulated("celery", F.NOT_FOUND, "a marker state is stored before publish"),
    _emulated("celery", F.ASYNC_TASKS, "one event loop for each worker process"),
    _native("celery", F.DELAY, "countdown, up to the visibility timeout on redis"),
    _native("celery", F.ETA, "eta, up to the visibility timeout on redis"),
    _native("celery", F.EXPIRES, "expires"),
    _native("celery", F.PRIORITY, "x-max-priority", "amqp classic queues"),
    _emulated("celery", F.PRIORITY, "one list for each priority step", "redis or memory"),
    _refused("celery", F.PRIORITY, "this broker orders nothing", "Use a queue for each priority"),
    _native("celery", F.QUEUE_OVERRIDE, "queue of the message"),
    _refused(
        "celery",
        F.IDEMPOTENCY,
        "reuse of a task id does not deduplicate",
        "Remove it, or use a temporal or hatchet profile",
    ),
    _native("celery", F.RETRY, "retry(countdown=) with the delay of the policy"),
    _native("celery", F.NON_RETRYABLE, "the wrapper lets the error through"),
    _native("celery", F.TIME_LIMIT, "the parent kills the child", "prefork or gevent pool"),
    _refused("celery", F.TIME_LIMIT, "this pool cannot end a running task", "Use pool prefork, or remove the limit"),
    _native("celery", F.SOFT_TIME_LIMIT, "signal to the child", "prefork pool"),
    _refused("celery", F.SOFT_TIME_LIMIT, "only prefork can interrupt a task", "Use pool prefork, or remove the limit"),
    _native("celery", F.CANCEL_PENDING, "revoke"),
    _native("celery", F.CANCEL_RUNNING, "revoke with terminate", "prefork pool"),
    _native("celery", F.CANCEL_RUNNING, "revoke, seen by the task", "threads pool"),
    _refused("celery", F.CANCEL_RUNNING, "this pool cannot end a running task", "Use pool prefork or threads"),
    _emulated("celery", F.BATCH, "a loop over one producer"),
    _native("celery", F.CHAIN, "canvas"),
    _native("celery", F.GROUP, "canvas"),
    _native("celery", F.CHORD, "canvas; needs a result backend"),
    _refused("celery", F.DAG, "canvas is series-parallel", "Write it as sequential and parallel patterns"),
    _refused("celery", F.DURABLE, "no durable execution", "Use a temporal or hatchet profile"),
    _native("celery", F.PROGRESS, "update_state"),
    _refused("celery", F.STREAMING, "results are stored once", "Use progress, or a hatchet profile"),
    _native("celery", F.CRON, "beat, exactly one"),
    _native("celery", F.DEAD_LETTER, "dead-letter exchange", "amqp"),
    _emulated("celery", F.DEAD_LETTER, "<queue>.dlq on final failure", "redis"),
    _refused("celery", F.DEAD_LETTER, "this broker has no place for it", "Use redis or rabbitmq"),
    _emulated("celery", F.ENCRYPTION, "kombu serializer built from the codec"),
    _native("celery", F.RATE_LIMIT, "for each worker only"),
    _refused("celery", F.CONCURRENCY_KEY, "no keyed concurrency", "Use a hatchet profile, or a tier of its own"),
    _native("celery", F.REQUEUE_ON_KILL, "late acknowledgement", "prefork pool"),
    _refused("celery", F.REQUEUE_ON_KILL, "this pool has no child to lose", "Use pool prefork"),
)
TEMPORAL: Final = (
    _native("temporal", F.RESULTS, "server"),
    _native("temporal", F.NOT_FOUND, "server answers NOT_FOUND"),
    _native("temporal", F.ASYNC_TASKS, "async activities"),
    _native("temporal", F.DELAY, "start_delay"),
    _native("temporal", F.ETA, "start_delay"),
    _native("temporal", F.EXPIRES, "schedule_to_start_timeout"),
    _native("temporal", F.PRIORITY, "priority key 1 to 5"),
    _native("temporal", F.QUEUE_OVERRIDE, "task queue"),
    _native("temporal", F.IDEMPOTENCY, "id with conflict and reuse policy"),
    _native("temporal", F.RETRY, "retry policy of the server"),
    _native("temporal", F.NON_RETRYABLE, "non-retryable ApplicationError"),
    _native("temporal", F.TIME_LIMIT, "start_to_close_timeout"),
    _refused("temporal", F.SOFT_TIME_LIMIT, "there is one limit", "Use time_limit"),
    _native("temporal", F.CANCEL_PENDING, "cancel request"),
    _native("temporal", F.CANCEL_RUNNING, "cooperative, seen at a heartbeat"),
    _emulated("temporal", F.BATCH, "gather over one client"),
    _native("temporal", F.CHAIN, "one durable interpreter workflow"),
    _native("temporal", F.GROUP, "one durable interpreter workflow"),
    _native("temporal", F.CHORD, "one durable interpreter workflow"),
    _refused("temporal", F.DAG, *NO_GRAPH),
    _native("temporal", F.DURABLE, "workflows"),
    _native("temporal", F.PROGRESS, "heartbeat details"),
    _refused("temporal", F.STREAMING, "the contrib module is experimental", "Use progress, or a hatchet profile"),
    _native("temporal", F.CRON, "schedules"),
    _refused("temporal", F.DEAD_LETTER, "closed executions are the record", "List failed executions instead"),
    _native("temporal", F.ENCRYPTION, "PayloadCodec"),
    _native("temporal", F.RATE_LIMIT, "for each task queue"),
    _refused("temporal", F.CONCURRENCY_KEY, "a fairness key shares, it does not limit", "Use a hatchet profile"),
    _native("temporal", F.REQUEUE_ON_KILL, "heartbeat timeout, else start_to_close"),
)
HATCHET: Final = (
    _native("hatchet", F.RESULTS, 'engine; the wrapper returns {"result": x}'),
    _native("hatchet", F.NOT_FOUND, "engine answers NOT_FOUND, after a grace of 200 ms"),
    _native("hatchet", F.ASYNC_TASKS, "async tasks"),
    _emulated("hatchet", F.DELAY, "scheduled run, found by our id in its metadata"),
    _emulated("hatchet", F.ETA, "scheduled run, found by our id in its metadata"),
    _refused("hatchet", F.EXPIRES, "schedule_timeout belongs to the task, not to a submit", "Set it on the task"),
    _native("hatchet", F.PRIORITY, "3 levels, within runs of one task"),
    _native("hatchet", F.QUEUE_OVERRIDE, "workflow and action of that queue"),
    _native("hatchet", F.IDEMPOTENCY, "a workflow of its own with a key expression; the key is always sent"),
    _native("hatchet", F.RETRY, "retries with backoff; delays are a minimum"),
    _native("hatchet", F.NON_RETRYABLE, "NonRetryableException"),
    _native("hatchet", F.TIME_LIMIT, "execution_timeout"),
    _refused("hatchet", F.SOFT_TIME_LIMIT, "there is one limit", "Use time_limit"),
    _native("hatchet", F.CANCEL_PENDING, "cancel"),
    _native("hatchet", F.CANCEL_RUNNING, "cooperative for sync code"),
    _native("hatchet", F.BATCH, "run_many"),
    _native("hatchet", F.CHAIN, "one durable interpreter task"),
    _native("hatchet", F.GROUP, "one durable interpreter task"),
    _native("hatchet", F.CHORD, "one durable interpreter task"),
    _refused("hatchet", F.DAG, *NO_GRAPH),
    _native("hatchet", F.DURABLE, "durable_task"),
    _refused(
        "hatchet",
        F.PROGRESS,
        "a running run holds no value that a caller could read",
        "Write it to a store of your own, or use a celery or temporal profile",
    ),
    _native("hatchet", F.STREAMING, "put_stream"),
    _native("hatchet", F.CRON, "on_crons"),
    _emulated("hatchet", F.DEAD_LETTER, "failed runs of the engine; purged by its retention alone"),
    _emulated("hatchet", F.ENCRYPTION, "codec inside the invocation envelope"),
    _native("hatchet", F.RATE_LIMIT, "static or dynamic keys"),
    _native("hatchet", F.CONCURRENCY_KEY, "ConcurrencyExpression"),
    _native("hatchet", F.REQUEUE_ON_KILL, "reassignment after about 30 s"),
)
CAPABILITIES: Final = CELERY + TEMPORAL + HATCHET


def capability(
    backend: str, feature: Feature, facts: Facts, table: Sequence[Capability] = CAPABILITIES
) -> Capability | None:
    """The record that applies: the first of its (backend, feature) whose condition holds; None: the table has none."""
    records = (record for record in table if record.backend == backend and record.feature == feature)
    return next((record for record in records if record.holds(facts)), None)
