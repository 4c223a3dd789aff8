"""How many workers: Erlang C at the base rate, and the peak rate."""

import math
from datetime import timedelta
from typing import Final

from taskgen.plan.derivation import derivation
from taskgen.plan.queueing import lognormal, slots_needed

HEADROOM: Final = 1.25
"""Factor on the slots of the peak ([Scaling 1])."""
SLOT_DECIMALS: Final = 6
"""Rounding that keeps floating-point noise out of ceilings."""


@derivation(
    formula="duration_p50 x exp(sigma^2 / 2), sigma = ln(duration_p99 / duration_p50) / 2.3263, at most duration_p99",
    source="[Scaling 1]: lognormal fit",
)
def mean_duration(*, duration_p50: timedelta, duration_p99: timedelta) -> timedelta:
    """Mean duration of one attempt."""
    mean, _ = lognormal(duration_p50.total_seconds(), duration_p99.total_seconds())
    # Beyond a ratio of about 50 000 the fitted mean would exceed the 99th percentile: no such fit is meant.
    return timedelta(seconds=round(min(mean, duration_p99.total_seconds()), 3))


@derivation(formula="exp(sigma^2) - 1", source="[Scaling 1]: lognormal fit")
def duration_variation(*, duration_p50: timedelta, duration_p99: timedelta) -> float:
    """Squared coefficient of variation of the duration, without unit."""
    return round(lognormal(duration_p50.total_seconds(), duration_p99.total_seconds())[1], SLOT_DECIMALS)


@derivation(
    formula="fewest n with ErlangC(n, rate x mean_duration) exp(-(n / mean_duration - rate) W) <= 1 - wait_quantile,"
    " W = wait_goal / max(1, (1 + duration_variation) / 2)",
    source="[Scaling 1]; Allen-Cunneen for the variance",
)
def slots_for_goal(
    *, rate: float, mean_duration: timedelta, duration_variation: float, wait_goal: timedelta, wait_quantile: float
) -> int:
    """Slots of the whole tier that keep the wait goal at the base rate."""
    if rate == 0:
        return 0
    return slots_needed(
        rate,
        mean_duration.total_seconds(),
        duration_variation,
        wait_goal.total_seconds(),
        round(1 - wait_quantile, SLOT_DECIMALS),
    )


@derivation(
    formula="ceil(slots_for_goal / concurrency) + 1; 1 in dev; 1 for exactly_one",
    source="[Scaling 1]: one worker may be missing; dev keeps one",
    override="typed_min",
)
def min_replicas(*, slots_for_goal: int, concurrency: int, environment: str, replicas: str) -> int:
    """Fewest replicas."""
    if replicas == "exactly_one" or environment == "dev":
        return 1
    return math.ceil(slots_for_goal / concurrency) + 1


@derivation(
    formula="max(min_replicas, ceil(peak x mean_duration x 1.25 / concurrency)); 1 in dev; 1 for exactly_one",
    source="[Scaling 1]; dev keeps one",
    override="typed_max",
)
def max_replicas(
    *, peak: float, mean_duration: timedelta, concurrency: int, min_replicas: int, replicas: str, environment: str
) -> int:
    """Most replicas."""
    if replicas == "exactly_one" or environment == "dev":
        return max(min_replicas, 1)
    slots = round(peak * mean_duration.total_seconds() * HEADROOM, SLOT_DECIMALS)
    return max(min_replicas, math.ceil(slots / concurrency), 1)


@derivation(
    formula="max_replicas > min_replicas and not exactly_one",
    source="[Kubernetes 2]: no autoscaler where nothing can change",
)
def autoscaled(*, min_replicas: int, max_replicas: int, replicas: str) -> bool:
    """Whether an autoscaler owns the number of replicas."""
    return replicas != "exactly_one" and max_replicas > min_replicas


@derivation(formula="min_replicas >= 2", source="rule K03: a budget for one replica blocks node drains for ever")
def disruption_budget(*, min_replicas: int) -> bool:
    """Whether a disruption budget is rendered."""
    return min_replicas >= 2  # noqa: PLR2004  # the formula above


@derivation(
    formula="max_replicas x (1 + surge), surge rounded up", source="[Kubernetes 2]; 0 while rolling one at a time"
)
def rolling_replicas(*, max_replicas: int, surge: str, replicas: str) -> int:
    """Most replicas that exist at once, while a new version rolls out."""
    if replicas == "exactly_one":
        return 1
    extra = math.ceil(max_replicas * int(surge[:-1]) / 100) if surge.endswith("%") else int(surge)
    return max_replicas + extra
