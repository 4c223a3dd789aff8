"""What the whole fleet takes at its largest: of a namespace, and of the application's database."""

from collections.abc import Callable, Mapping
from typing import Any

from taskgen.plan.derivation import derivation
from taskgen.profile.scalars import parse_cpu, parse_size


def _beside(tier: Any, resource: str, parse: Callable[[object], int]) -> int:  # noqa: ANN401  # a TierPlan
    """Return what the sidecars of one pod request; no quantity is a fault of theirs that the verifier tells (K27)."""
    total = 0
    for container in tier.pod.init_containers:
        if container.get("restartPolicy") == "Always":
            try:
                total += parse(_below(_below(container, "resources"), "requests").get(resource, 0))
            except ValueError:
                continue
    return total


def _below(node: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = node.get(key)
    return found if isinstance(found, Mapping) else {}


@derivation(
    formula="sum over the tiers of rolling_replicas x (cpu_request + sidecars), + processes",
    source="rule K13: a rollout needs its surge, too",
)
def fleet_cpu(*, fleet_tiers: tuple[Any, ...], processes: tuple[Any, ...]) -> int:
    """CPU that the fleet requests at its largest, in thousandths of a core."""
    workers: int = sum(
        tier.rolling_replicas * (tier.cpu_request + _beside(tier, "cpu", parse_cpu)) for tier in fleet_tiers
    )
    beside: int = sum(process.cpu for process in processes)
    return workers + beside


@derivation(
    formula="sum over the tiers of rolling_replicas x (memory_limit + sidecars), + processes",
    source="rule K13: a rollout needs its surge, too",
)
def fleet_memory(*, fleet_tiers: tuple[Any, ...], processes: tuple[Any, ...]) -> int:
    """Memory that the fleet requests at its largest, in bytes."""
    workers: int = sum(
        tier.rolling_replicas * (tier.memory_limit + _beside(tier, "memory", parse_size)) for tier in fleet_tiers
    )
    beside: int = sum(process.memory for process in processes)
    return workers + beside


@derivation(
    formula="sum over the tiers of rolling_replicas, + processes", source="rule K13: a rollout needs its surge, too"
)
def fleet_pods(*, fleet_tiers: tuple[Any, ...], processes: tuple[Any, ...]) -> int:
    """Pods of the fleet at its largest."""
    workers: int = sum(tier.rolling_replicas for tier in fleet_tiers)
    return workers + len(processes)


@derivation(
    formula="sum over the tiers of rolling_replicas x database_pool x (concurrency, or autoscale.max, where pool is"
    " prefork; else 1)",
    source="rule K13: each process of a pool has a connection pool of its own, which threads share",
)
def database_connections_used(*, fleet_tiers: tuple[Any, ...], database_pool: int | None) -> int | None:
    """Connections to the application's database at its largest; None where the profile tells of none."""
    if database_pool is None:
        return None
    processes: int = sum(tier.rolling_replicas * _processes(tier) for tier in fleet_tiers)
    return processes * database_pool


def _processes(tier: Any) -> int:  # noqa: ANN401  # a TierPlan
    """Return how many processes of one worker run tasks."""
    if tier.pool != "prefork":
        return 1
    resized = tier.profile.autoscale
    most: int = max(tier.concurrency, resized.max if resized else 0)
    return most
