"""Delays on brokers that give a message again to another worker, however long its delay is."""

from datetime import UTC, datetime
from typing import Any

from task_abstraction.errors import UnsupportedFeature
from task_abstraction.models import Feature, RetryPolicy, SubmitOptions

# Default of kombu's redis transport, in seconds.
VISIBILITY_TIMEOUT_S = 3600
BROKERS = frozenset({"redis", "sqs"})
"""A worker holds a delayed message unacknowledged until it is due: after this time another one gets it as well."""


def delay_of(options: SubmitOptions) -> tuple[Feature, float] | None:
    """The delay of a submit in seconds, and what asks for it."""
    if options.delay is not None:
        return Feature.DELAY, options.delay.total_seconds()
    if options.eta is None:
        return None
    return Feature.ETA, (options.eta - datetime.now(options.eta.tzinfo or UTC)).total_seconds()


def delay_of_retries(retry: RetryPolicy | None) -> tuple[Feature, float] | None:
    """The longest delay of a policy in seconds; delays grow, or stay."""
    if retry is None or retry.max_attempts == 1:
        return None
    longest = max(retry.delay_after(attempt, uniform=lambda _, most: most) for attempt in {1, retry.max_attempts - 1})
    return Feature.RETRY, longest


def refuse(asked: tuple[Feature, float], *, kind: str, conf: Any, name: str) -> None:  # noqa: ANN401
    """Refuse a delay that the broker would deliver again and again.

    Args:
        asked: what asks for a delay, and the delay in seconds.
        kind: the capability table's word for the broker.
        conf: Celery's settings.
        name: the task.

    Raises:
        UnsupportedFeature: the delay is not shorter than the visibility timeout.
    """
    if kind not in BROKERS:
        return
    feature, delay_s = asked
    limit = (conf.broker_transport_options or {}).get("visibility_timeout", VISIBILITY_TIMEOUT_S)
    if delay_s >= limit:
        reason = f"{delay_s:.0f} s is beyond the visibility timeout of {limit} s"
        hint = "Use a schedule, a shorter delay, or RabbitMQ"
        raise UnsupportedFeature("celery", feature, name, reason=reason, hint=hint)
