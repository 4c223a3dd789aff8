"""The predicted time until a task of a killed worker runs again; needs the whole profile's timeouts."""

from datetime import timedelta

from taskgen.plan import redelivery
from taskgen.plan.derivation import derivation


@derivation(
    formula="celery: visibility_timeout + 10s on redis and sqs, 2s on rabbitmq, never with early acknowledgement;"
    " temporal: (heartbeat_timeout or time_limit) + 1s; hatchet: 60s",
    source="celery.md 4, temporal.md 10, hatchet.md 0, measured",
)
def recovery_time(
    *,
    backend: str,
    acks_late: bool,
    broker: str | None,
    visibility_timeout: timedelta | None,
    heartbeat_timeout: timedelta | None,
    time_limit: timedelta,
) -> timedelta | None:
    """Longest time until a task of a killed worker runs again; None: it is lost."""
    if backend == "temporal":
        return (heartbeat_timeout or time_limit) + redelivery.TEMPORAL_NOTICE
    if backend == "hatchet":
        return redelivery.HATCHET_RECOVERY
    if not acks_late:
        return None
    return (
        redelivery.RABBITMQ_RECOVERY if broker == "rabbitmq" else (visibility_timeout or timedelta()) + redelivery.SWEEP
    )
