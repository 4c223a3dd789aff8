"""The predicted time until a task of a killed worker runs again; needs the whole profile's timeouts."""

from datetime import timedelta

from taskgen.plan import redelivery
from taskgen.plan.derivation import derivation


@derivation(
    formula="celery: visibility_timeout + 10s on redis and sqs, 2s on rabbitmq, never with early acknowledgement;"
    " temporal: (heartbeat_timeout or time_limit) + longest_retry_delay + 1s, never with one attempt; hatchet: 60s",
    source="celery.md 4, temporal.md 10, hatchet.md 0, measured; on temporal a lost attempt is a failed one, and the"
    " next waits for its delay: 12.8 s with a limit of 8 s and a delay of 6 s, killed after 1 s, measured",
)
def recovery_time(
    *,
    backend: str,
    acks_late: bool,
    broker: str | None,
    visibility_timeout: timedelta | None,
    heartbeat_timeout: timedelta | None,
    time_limit: timedelta,
    max_attempts: int,
    longest_retry_delay: timedelta,
) -> timedelta | None:
    """Longest time until a task of a killed worker runs again; None: it is lost."""
    if backend == "temporal":
        if max_attempts == 1:
            return None
        return (heartbeat_timeout or time_limit) + longest_retry_delay + redelivery.TEMPORAL_NOTICE
    if backend == "hatchet":
        return redelivery.HATCHET_RECOVERY
    if not acks_late:
        return None
    return (
        redelivery.RABBITMQ_RECOVERY if broker == "rabbitmq" else (visibility_timeout or timedelta()) + redelivery.SWEEP
    )
