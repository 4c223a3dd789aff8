"""Targets and windows of the autoscaler."""

import math
from datetime import timedelta
from typing import Final

from taskgen.plan.derivation import derivation

POD_START: Final = timedelta(seconds=20)
"""Assumed time from pod creation until the worker takes tasks, where the profile states none ([Scaling 2])."""
EXPORTER_CACHE: Final = timedelta(seconds=10)
"""Age of the exporter's answer ([Monitoring 2.2])."""
HPA_SYNC: Final = timedelta(seconds=15)
"""Period of the HPA controller."""
IN_FLIGHT_SHARE: Final = 0.8
"""Share of its slots that a pod should use before another one is added ([Scaling 1], T2)."""
LONGEST_DOWN_WINDOW: Final = timedelta(hours=1)
"""Kubernetes allows stabilisation windows of at most 3600 s (autoscaling/v2 API)."""
SHORT_WINDOW: Final = timedelta(minutes=5)
SLOW_DOWN_FROM: Final = timedelta(minutes=10)
"""Tiers with a longer limit shrink by one pod a minute (rule K06)."""
NO_TIME: Final = timedelta()


@derivation(formula="app_start, 20s if unknown", source="[Scaling 1]: P", override="app_start")
def pod_start() -> timedelta:
    """Time from pod creation until the worker takes tasks."""
    return POD_START


@derivation(formula="10s exporter cache + 15s HPA sync + up_window + pod_start", source="[Scaling 1]: L")
def reaction_latency(*, up_window: timedelta | None, pod_start: timedelta) -> timedelta:
    """Time from a rise of the load until the first new worker takes tasks."""
    return EXPORTER_CACHE + HPA_SYNC + (up_window or NO_TIME) + pod_start


@derivation(
    formula="max(1, floor(concurrency x max(wait_goal - reaction_latency, mean_duration) / mean_duration))",
    source="[Scaling 1]: T1",
)
def backlog_target(
    *, concurrency: int, wait_goal: timedelta, reaction_latency: timedelta, mean_duration: timedelta
) -> int:
    """Waiting tasks per replica at which the tier keeps its size."""
    return max(1, math.floor(concurrency * max(wait_goal - reaction_latency, mean_duration) / mean_duration))


@derivation(formula="0.8 x concurrency", source="[Scaling 1]: T2; waiting alone removes busy workers (keda#356)")
def in_flight_target(*, concurrency: int) -> float:
    """Running tasks per replica at which the tier keeps its size."""
    return round(IN_FLIGHT_SHARE * concurrency, 1)


@derivation(
    formula="drain: max(5m, duration_p99) up to 1h; cut: 5m",
    source="[Scaling 1], K06",
    override="down_window",
)
def scale_down_window(*, shutdown_mode: str, duration_p99: timedelta) -> timedelta:
    """Stabilisation window before the tier shrinks."""
    if shutdown_mode == "cut":
        return SHORT_WINDOW
    return timedelta(seconds=math.ceil(min(LONGEST_DOWN_WINDOW, max(SHORT_WINDOW, duration_p99)).total_seconds()))


@derivation(formula="time_limit > 10m", source="rule K06")
def scale_down_slowly(*, time_limit: timedelta) -> bool:
    """Whether the tier shrinks by one pod a minute instead of half its size."""
    return time_limit > SLOW_DOWN_FROM


@derivation(
    formula="ceil((min_replicas + max_replicas) / 2)",
    source="[Scaling 4.1]: between the bounds while the signal cannot be read",
    override="typed_fallback",
)
def fallback_replicas(*, min_replicas: int, max_replicas: int) -> int:
    """Replicas while the signal cannot be read."""
    return math.ceil((min_replicas + max_replicas) / 2)


@derivation(
    formula="min_replicas == 0: max(5m, duration_p99 + 10s), else none",
    source="rule K11; with min >= 1 the webhook warns ([Scaling 4.1])",
)
def cooldown(*, min_replicas: int, duration_p99: timedelta) -> timedelta | None:
    """Idle time before the last replica is removed."""
    return max(SHORT_WINDOW, duration_p99 + EXPORTER_CACHE) if min_replicas == 0 else None


@derivation(formula="wait_goal < reaction_latency", source="[Scaling 1]: step check")
def step_misses_goal(*, wait_goal: timedelta, reaction_latency: timedelta) -> bool:
    """Whether no reactive autoscaler can keep the wait goal on a step of the load."""
    return wait_goal < reaction_latency
