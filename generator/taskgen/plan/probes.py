"""Budgets of probes and of a rollout, and the disk of one worker."""

import math
from datetime import timedelta
from typing import Final

from taskgen.plan.derivation import derivation

MIB: Final = 2**20
STARTUP_LEAST: Final = timedelta(minutes=2)
"""Slow imports on a busy node ([Kubernetes 5]: 5 s x 24)."""
STARTUP_FACTOR: Final = 3
"""A start may take so many times what was measured before the worker counts as broken; own advice."""
MINUTE: Final = timedelta(minutes=1)
STARTUP_PERIOD: Final = timedelta(seconds=5)
PROBE_PERIOD: Final = timedelta(seconds=10)
IMAGE_PULL: Final = timedelta(minutes=5)
"""Time for a node to be added and an image to be pulled; own advice."""
PROGRESS_LEAST: Final = timedelta(minutes=10)
"""Kubernetes' own default of progressDeadlineSeconds (600 s)."""
DISK: Final = 512 * MIB
"""Assumed disk use of one worker (temporary files and logs) where the profile states none."""
LOGS: Final = 64 * MIB
"""The kubelet keeps 5 log files of 10Mi for each container, which count against ephemeral storage; rounded up."""


@derivation(
    formula="max(2m, 3 x pod_start), rounded up to 5s",
    source="[Kubernetes 5]: startup probe 5 s x 24; a slow import is no failure",
)
def startup_budget(*, pod_start: timedelta) -> timedelta:
    """Time that a worker gets from the start of its container until it is ready for the first time."""
    return math.ceil(max(STARTUP_LEAST, STARTUP_FACTOR * pod_start) / STARTUP_PERIOD) * STARTUP_PERIOD


@derivation(
    formula="hatchet 5m, else 2m; with pool solo at least time_limit + 1m, rounded up to 10s",
    source="[Kubernetes 5], rule K10: longer than any block of the loop; Hatchet: than an upgrade; solo: than a task,"
    " which runs in the loop (measured)",
)
def liveness_budget(*, backend: str, pool: str, time_limit: timedelta) -> timedelta:
    """Time without a heartbeat after which a worker is restarted."""
    budget = 5 * MINUTE if backend == "hatchet" else 2 * MINUTE
    if pool == "solo":
        budget = max(budget, math.ceil((time_limit + MINUTE) / PROBE_PERIOD) * PROBE_PERIOD)
    return budget


@derivation(
    formula="max(10m, pod_start + startup_budget + 5m), rounded up to minutes",
    source="rule K07: above pod start and startup budget, else a slow image pull reads as a failed rollout",
)
def progress_deadline(*, pod_start: timedelta, startup_budget: timedelta) -> timedelta:
    """Time without progress after which a rollout counts as failed."""
    return max(PROGRESS_LEAST, math.ceil((pod_start + startup_budget + IMAGE_PULL) / MINUTE) * MINUTE)


@derivation(
    formula="512Mi",
    source="[Kubernetes 2]: without a limit a task that fills the disk evicts its neighbours",
    override="typed_ephemeral_storage",
)
def ephemeral_storage() -> int:
    """Request and limit of the disk of one worker, in bytes: temporary files and logs."""
    return DISK


@derivation(
    formula="ephemeral_storage - 64Mi for logs, at least half of it",
    source="[Kubernetes 2]: prefork needs a writable temporary folder (oncall#445)",
)
def temporary_storage(*, ephemeral_storage: int) -> int:
    """Size of the folder for temporary files, in bytes."""
    return max(ephemeral_storage - LOGS, ephemeral_storage // 2)


@derivation(formula="startup_budget / 5s", source="[Kubernetes 5]: the startup probe asks every 5 s")
def startup_failures(*, startup_budget: timedelta) -> int:
    """Failures of the startup probe after which the container is restarted."""
    return startup_budget // STARTUP_PERIOD


@derivation(formula="liveness_budget / 10s", source="Kubernetes' own default: probes ask every 10 s")
def liveness_failures(*, liveness_budget: timedelta) -> int:
    """Failures of the liveness probe after which the container is restarted."""
    return liveness_budget // PROBE_PERIOD


@derivation(formula="grace, rounded up to seconds", source="Kubernetes counts whole seconds")
def grace_seconds(*, grace: timedelta) -> int:
    """Time from SIGTERM to the kill in whole seconds."""
    return math.ceil(grace.total_seconds())
