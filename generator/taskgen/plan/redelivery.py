"""When a lost task runs again: acknowledgement, prefetch, retries, timeouts of the backends."""

import math
from datetime import timedelta
from typing import Any, Final

from taskgen.plan.derivation import derivation

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
SWEEP: Final = timedelta(seconds=10)
"""unacked_restore_interval 10 s x unacked_restore_throttle 1, as rendered ([Celery 4]: the default is 100 s)."""
VISIBILITY_MARGIN: Final = timedelta(seconds=100)
"""Margin of the visibility timeout (rule R01)."""
HEARTBEAT_FROM: Final = timedelta(seconds=60)
"""Activities with a longer limit get a heartbeat (rule T04)."""
HEARTBEAT_LONGEST: Final = timedelta(seconds=30)
"""Heartbeat timeout of long activities: a dead worker is noticed after it (4.0 s with 3 s, measured)."""
RABBITMQ_CONSUMER_TIMEOUT: Final = timedelta(minutes=30)
"""RabbitMQ's own default since 3.8.17 (celery#6760)."""
RABBITMQ_CLOSED: Final = timedelta(seconds=2)
"""RabbitMQ delivers again when the connection ends, as that of a process that is killed: 0.1 to 1.6 s, measured."""
RABBITMQ_HEARTBEAT: Final = timedelta(seconds=20)
"""Of the 5 to 20 s that RabbitMQ's guide on heartbeats calls best, the one that disturbs a busy worker least."""
RABBITMQ_PATIENCE: Final = 3
"""Heartbeats until the broker gives a silent connection up: it looks once in each, and closes at the second look that
finds nothing new, so 2 to 3 of them after the last byte (measured with RabbitMQ 3.10.8)."""
HATCHET_SILENCE: Final = timedelta(seconds=30)
"""The engine gives tasks to another worker when theirs has not beaten for so long; a worker beats every 4 s."""
HATCHET_POLLING: Final = timedelta(seconds=30)
"""Longest period at which the engine looks for lost tasks, in an idle tenant; 1 s in a busy one (source of v0.104)."""
TEMPORAL_NOTICE: Final = timedelta(seconds=1)
"""For the server's timers, which may be a second late ([Temporal 10] has 4.0 s with a heartbeat timeout of 3 s)."""


def _up(value: timedelta, step: timedelta) -> timedelta:
    return math.ceil(value / step) * step


@derivation(
    formula="celery and every task of the tier idempotent",
    source="rule C02: late acknowledgement repeats tasks",
)
def acks_late(*, backend: str, all_idempotent: bool) -> bool:
    """Whether Celery acknowledges after the task instead of before it."""
    return backend == "celery" and all_idempotent


@derivation(formula="1 on celery, else none", source="rule C03: the default 4 hoards tasks and hides the backlog")
def prefetch(*, backend: str) -> int | None:
    """`worker_prefetch_multiplier`."""
    return 1 if backend == "celery" else None


@derivation(
    formula="celery on redis, early acknowledgement and duration_p50 > 1s",
    source="rule C03: with early acknowledgement each slot still hoards one task",
)
def disable_prefetch(*, broker: str | None, acks_late: bool, duration_p50: timedelta) -> bool:
    """`worker_disable_prefetch` (Celery 5.7, Redis only)."""
    return bool(broker) and str(broker).startswith("redis") and not acks_late and duration_p50 > SECOND


@derivation(
    formula="min(max_delay, initial_delay x backoff^(max_attempts - 2)), 0 for one attempt",
    source="[Library 1]: RetryPolicy",
)
def longest_retry_delay(
    *, max_attempts: int, initial_delay: timedelta, backoff: float, max_delay: timedelta
) -> timedelta:
    """Longest wait between two attempts."""
    if max_attempts == 1:
        return timedelta()
    # max_delay bounds the exponent: beyond it the power would only overflow.
    exponent = min(max_attempts - 2, 64)
    return min(
        max_delay, timedelta(seconds=min(initial_delay.total_seconds() * backoff**exponent, max_delay.total_seconds()))
    )


@derivation(
    formula="sum over the repetitions of min(max_delay, initial_delay x backoff^k)",
    source="[Library 1]: RetryPolicy; without the attempts' own durations",
)
def retry_horizon(*, max_attempts: int, initial_delay: timedelta, backoff: float, max_delay: timedelta) -> timedelta:
    """Longest total wait of one task between its attempts."""
    ceiling = max_delay.total_seconds()
    delays = (min(ceiling, initial_delay.total_seconds() * backoff ** min(k, 64)) for k in range(max_attempts - 1))
    return timedelta(seconds=round(sum(delays), 3))


@derivation(
    formula="max(longest_delay, longest_retry_delay, tasks_retry_delay)",
    source="rule R01, Q01: a delayed message counts as delivered",
)
def eta(*, longest_delay: timedelta, longest_retry_delay: timedelta, tasks_retry_delay: timedelta) -> timedelta:
    """Longest time that a message is held by a worker before its task may begin."""
    return max(longest_delay, longest_retry_delay, tasks_retry_delay)


@derivation(
    formula="temporal and time_limit > 60s: min(30s, time_limit / 2), else none",
    source="rule T04: noticed after 60 s without, 4 s with heartbeat, measured",
)
def heartbeat_timeout(*, backend: str, time_limit: timedelta) -> timedelta | None:
    """Heartbeat timeout of a Temporal activity; the library beats every third of it."""
    if backend != "temporal" or time_limit <= HEARTBEAT_FROM:
        return None
    return min(HEARTBEAT_LONGEST, time_limit / 2)


@derivation(
    formula="hatchet: max(1h, 4 x (reaction_latency + wait_goal)), rounded up to minutes; else none",
    source="rule H01: after the default 5 minutes a waiting task is dropped",
)
def schedule_timeout(*, backend: str, reaction_latency: timedelta, wait_goal: timedelta) -> timedelta | None:
    """Longest time that Hatchet keeps a task that no worker takes."""
    return max(HOUR, _up(4 * (reaction_latency + wait_goal), MINUTE)) if backend == "hatchet" else None


@derivation(
    formula="max over the tiers of (time_limit + eta) + 100s, rounded up to minutes",
    source="rule R01, C16",
    override="typed_visibility_timeout",
)
def visibility_timeout(*, celery_tiers: tuple[Any, ...], broker_kind: str | None) -> timedelta | None:
    """Time after which Redis or SQS delivers an unacknowledged message again."""
    if broker_kind in (None, "rabbitmq"):
        return None
    longest = max((tier.time_limit + tier.eta for tier in celery_tiers), default=timedelta())
    return _up(longest + VISIBILITY_MARGIN, MINUTE)


@derivation(
    formula="max(30m, max over the tiers of (time_limit + eta) + 5m), rounded up to minutes",
    source="rule Q01 (celery#6760): a longer unacknowledged task closes the channel",
    override="typed_consumer_timeout",
)
def consumer_timeout(*, celery_tiers: tuple[Any, ...], broker_kind: str | None) -> timedelta | None:
    """RabbitMQ's `consumer_timeout`."""
    if broker_kind != "rabbitmq":
        return None
    longest = max((tier.time_limit + tier.eta for tier in celery_tiers), default=timedelta())
    return max(RABBITMQ_CONSUMER_TIMEOUT, _up(longest + 5 * MINUTE, MINUTE))


@derivation(
    formula="20s on rabbitmq, else none",
    source="RabbitMQ's guide on heartbeats: 5 to 20 s; the broker's own 60 s notices a lost node after 3 min",
    override="typed_heartbeat",
)
def broker_heartbeat(*, celery_tiers: tuple[Any, ...], broker_kind: str | None) -> timedelta | None:
    """`broker_heartbeat` of Celery: time between two signs of life of a connection to RabbitMQ."""
    return RABBITMQ_HEARTBEAT if celery_tiers and broker_kind == "rabbitmq" else None


@derivation(
    formula="max over the tiers of result_lookup, at least 1h",
    source="rule C18: a result must outlive its last reader",
    override="typed_result_expires",
)
def result_expires(*, celery_tiers: tuple[Any, ...]) -> timedelta | None:
    """Lifetime of a result in Celery's result backend; None without Celery."""
    if not celery_tiers:
        return None
    longest: timedelta = max(tier.result_lookup for tier in celery_tiers)
    return max(HOUR, longest)


@derivation(
    formula="sum over the tiers of rolling_replicas x (10 + concurrency), + 20 for exporter, beat and producers",
    source="rule R06: 10 idle and 10 + concurrency busy connections per worker, measured on Redis",
)
def broker_connections_used(*, celery_tiers: tuple[Any, ...]) -> int | None:
    """Connections that the fleet needs at its largest; None without Celery."""
    if not celery_tiers:
        return None
    workers: int = sum(tier.rolling_replicas * (10 + tier.concurrency) for tier in celery_tiers)
    return workers + 20
