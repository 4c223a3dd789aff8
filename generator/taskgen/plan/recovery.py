"""The predicted time until a task of a lost worker runs again: at most, and in the middle of what can happen.

Both count from the event that starts the backend's timer: the delivery of the task on Redis and SQS, the worker's last
sign of life elsewhere. They need the whole profile's timeouts.
"""

from datetime import timedelta

from taskgen.plan import redelivery
from taskgen.plan.derivation import derivation


@derivation(
    formula="celery: visibility_timeout + 10s on redis and sqs, 3 x broker_heartbeat + 2s on rabbitmq, never with early"
    " acknowledgement; temporal: (heartbeat_timeout or time_limit) + longest_retry_delay + 1s, never with one attempt;"
    " hatchet: 60s",
    source="docs/plan.md, predicted and measured; on rabbitmq a process that dies alone closes its connection, and its"
    " task runs again at once; on temporal a lost attempt is a failed one, and the next waits for its delay",
)
def recovery_time(  # noqa: PLR0913  # one input for each timer
    *,
    backend: str,
    acks_late: bool,
    broker: str | None,
    visibility_timeout: timedelta | None,
    broker_heartbeat: timedelta | None,
    heartbeat_timeout: timedelta | None,
    time_limit: timedelta,
    max_attempts: int,
    longest_retry_delay: timedelta,
) -> timedelta | None:
    """Longest time until a task of a worker that vanished with its node runs again; None: it is lost.

    On Redis a worker that dies within a sweep, a matter of milliseconds, holds the next one up for 10 s more.
    """
    if backend == "temporal":
        if max_attempts == 1:
            return None
        return (heartbeat_timeout or time_limit) + longest_retry_delay + redelivery.TEMPORAL_NOTICE
    if backend == "hatchet":
        return redelivery.HATCHET_SILENCE + redelivery.HATCHET_POLLING
    if not acks_late:
        return None
    if broker == "rabbitmq":
        return redelivery.RABBITMQ_PATIENCE * (broker_heartbeat or timedelta()) + redelivery.RABBITMQ_CLOSED
    return (visibility_timeout or timedelta()) + redelivery.SWEEP


@derivation(
    formula="recovery_time without half of what is chance: celery: visibility_timeout + 5s on redis and sqs, 2.5 x"
    " broker_heartbeat on rabbitmq; temporal: recovery_time - 1s; hatchet: 30s",
    source="docs/plan.md, predicted and measured: the sweep of redis and the looks of rabbitmq come at any time of"
    " their period; hatchet looks every second while its tenant has work: 26 to 30 s after kill -9, up to 4 s after"
    " the last heartbeat",
)
def expected_recovery(
    *, backend: str, broker: str | None, broker_heartbeat: timedelta | None, recovery_time: timedelta | None
) -> timedelta | None:
    """Time until a task of a worker that vanished with its node runs again, in the middle; None: it is lost."""
    if recovery_time is None:
        return None
    if backend == "temporal":
        return recovery_time - redelivery.TEMPORAL_NOTICE
    if backend == "hatchet":
        return redelivery.HATCHET_SILENCE
    if broker == "rabbitmq":
        return (redelivery.RABBITMQ_PATIENCE - 0.5) * (broker_heartbeat or timedelta())
    return recovery_time - redelivery.SWEEP / 2
