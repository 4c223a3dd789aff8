"""Histogram buckets that hold every threshold exactly."""

import math
from datetime import timedelta
from typing import Final

from taskgen.plan.derivation import derivation

MOST: Final = 12
"""Buckets per histogram ([Monitoring 2.3])."""


def _buckets(seconds: list[float], keep: list[float]) -> tuple[float, ...]:
    def rounded(value: float) -> float:
        return round(value, 1 - math.floor(math.log10(value))) if value > 0 else 0.0

    chosen = {value for value in keep if value > 0} | {rounded(value) for value in seconds if value > 0}
    ordered = sorted(chosen)
    while len(ordered) > MOST:
        # The narrowest pair loses the member that is no threshold.
        index = min(
            (i for i in range(len(ordered)) if ordered[i] not in keep),
            key=lambda i: ordered[i] / ordered[i - 1] if i else math.inf,
        )
        del ordered[index]
    return tuple(ordered)


@derivation(
    formula="{p50/4, p50/2, p50, 2 p50, p99/2, p99, 2 p99, soft_time_limit, time_limit}",
    source="[Monitoring 2.3]",
)
def duration_buckets(
    *, duration_p50: timedelta, duration_p99: timedelta, soft_time_limit: timedelta | None, time_limit: timedelta
) -> tuple[float, ...]:
    """Bucket bounds of `task_duration_seconds`, in seconds."""
    p50, p99 = duration_p50.total_seconds(), duration_p99.total_seconds()
    limits = [limit.total_seconds() for limit in (soft_time_limit, time_limit) if limit is not None]
    return _buckets([p50 / 4, p50 / 2, p50, 2 * p50, p99 / 2, p99, 2 * p99], limits)


@derivation(formula="{W/10, W/4, W/2, W, 2W, 4W, 10W}, W = wait_goal", source="[Monitoring 2.3]")
def wait_buckets(*, wait_goal: timedelta) -> tuple[float, ...]:
    """Bucket bounds of `task_queue_wait_seconds`, in seconds; the goal is kept exactly."""
    goal = wait_goal.total_seconds()
    return _buckets([goal / 10, goal / 4, goal / 2, 2 * goal, 4 * goal, 10 * goal], [goal])
