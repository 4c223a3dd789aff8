"""The facts of a profile by the short names that derivations use, each with its path in the profile."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from taskgen.plan.derivation import Fact
from taskgen.plan.redelivery import longest_retry_delay
from taskgen.plan.routing import policies_of, queues_of
from taskgen.profile.model import Profile
from taskgen.profile.paths import join
from taskgen.profile.tier import Tier
from taskgen.profile.workload import TaskPolicy

_Amount = TypeVar("_Amount", int, timedelta)

TIER_PATHS: Mapping[str, str] = {
    "workload": "workload",
    "typed_pool": "pool",
    "duration_p50": "task.duration.p50",
    "duration_p99": "task.duration.p99",
    "task_memory": "task.memory",
    "idempotent": "task.idempotent",
    "cancellable": "task.cancellable",
    "longest_delay": "task.longest_delay",
    "result_lookup": "task.result_lookup",
    "ignore_result": "task.ignore_result",
    "soft_time_limit": "task.soft_time_limit",
    "rate": "load.rate",
    "peak": "load.peak",
    "success": "slo.success",
    "max_attempts": "retry.max_attempts",
    "initial_delay": "retry.initial_delay",
    "backoff": "retry.backoff",
    "max_delay": "retry.max_delay",
    "shutdown_mode": "shutdown.mode",
    "typed_grace": "shutdown.grace",
    "typed_soft": "shutdown.soft",
    "replicas": "replicas",
    "surge": "rollout.surge",
    "recovery_goal": "recovery_goal",
    "signals": "scale.signals",
    "typed_fallback": "scale.fallback",
    "up_window": "scale.behavior.up.window",
    "down_window": "scale.behavior.down.window",
    "up_step": "scale.behavior.up",
    "down_step": "scale.behavior.down",
}
"""Facts that stand in one field of the tier: short name to path below `tiers.<name>`."""


POD_RESOURCES = {
    "typed_cpu": "cpu",
    "cpu_limit": "cpu_limit",
    "typed_memory": "memory",
    "typed_ephemeral_storage": "ephemeral_storage",
}
"""Facts that a tier may state below `pod.resources`, and the profile for every tier."""


def _walk(value: Any, path: str) -> Any:  # noqa: ANN401  # any field of a model
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _not_auto(value: object) -> object:
    return None if value == "auto" else value


def _largest(
    base: _Amount,
    base_path: str,
    policies: Iterable[tuple[str, TaskPolicy]],
    read: Callable[[TaskPolicy], _Amount | None],
    leaf: str,
) -> Fact:
    """Return the largest value among the tier's own and the policies of its tasks, with the path of the winner."""
    winner = Fact(base, base_path)
    for glob, policy in policies:
        value = read(policy)
        if value is not None and value > winner.value:
            winner = Fact(value, join(("tasks", glob, leaf)))
    return winner


def _retry_delay(policy: TaskPolicy) -> timedelta | None:
    """Return the longest wait between two attempts of a task that has a retry policy of its own."""
    retry = policy.retry
    if retry is None:
        return None
    delay: timedelta = longest_retry_delay(
        max_attempts=retry.max_attempts,
        initial_delay=retry.initial_delay,
        backoff=retry.backoff,
        max_delay=retry.max_delay,
    )
    return delay


def tier_facts(profile: Profile, name: str, tier: Tier, backend: str) -> dict[str, Fact]:
    """Return what the derivations of one tier may use."""
    at = f"tiers.{name}"
    facts = {short: Fact(_walk(tier, path), f"{at}.{path}") for short, path in TIER_PATHS.items()}
    for short, field in POD_RESOURCES.items():
        own = getattr(tier.pod.resources, field)
        value, owner = (getattr(profile.pod.resources, field), "") if own is None else (own, f"{at}.")
        facts[short] = Fact(value, f"{owner}pod.resources.{field}")
    policies = policies_of(profile, queues_of(profile, tier))
    facts["time_limit"] = _largest(
        tier.task.time_limit, f"{at}.task.time_limit", policies, lambda policy: policy.time_limit, "time_limit"
    )
    facts["task_memory"] = _largest(
        tier.task.memory, f"{at}.task.memory", policies, lambda policy: policy.memory, "memory"
    )
    facts["tasks_retry_delay"] = _largest(timedelta(), f"{at}.retry", policies, _retry_delay, "retry")
    facts["all_idempotent"] = Fact(
        tier.task.idempotent and all(policy.idempotent is not False for _, policy in policies), f"{at}.task.idempotent"
    )
    ((quantile, goal),) = tier.slo.wait.items()
    facts |= {
        "tier": Fact(name, at),
        "backend": Fact(backend, f"backends.{backend}"),
        "environment": Fact(profile.environment, "environment"),
        "wait_goal": Fact(goal, f"{at}.slo.wait.{quantile}"),
        "wait_quantile": Fact(float(quantile[1:]) / 100, f"{at}.slo.wait.{quantile}"),
        "typed_concurrency": Fact(_not_auto(tier.concurrency), f"{at}.concurrency"),
        "typed_min": Fact(_not_auto(tier.scale.min), f"{at}.scale.min"),
        "typed_max": Fact(_not_auto(tier.scale.max), f"{at}.scale.max"),
        "app_memory": Fact(profile.app.memory, "app.memory"),
        "app_start": Fact(profile.app.start, "app.start"),
        "vcpu_hour": Fact(profile.prices.vcpu_hour, "prices.vcpu_hour"),
        "gib_hour": Fact(profile.prices.gib_hour, "prices.gib_hour"),
        "queues": Fact(queues_of(profile, tier), f"{at}.queues"),
    }
    celery = profile.backends.celery
    facts["broker"] = Fact(
        celery.broker.kind if celery and backend == "celery" else None, "backends.celery.broker.kind"
    )
    return facts


def profile_facts(profile: Profile, tiers: tuple[Any, ...], processes: tuple[Any, ...] = ()) -> dict[str, Fact]:
    """Return what the derivations of the whole profile may use; `tiers` are the finished tier plans.

    `processes` are the plans of exporters and beat.
    """
    celery = profile.backends.celery
    broker = celery.broker if celery else None
    database = profile.app.database
    at = "backends.celery"
    return {
        "celery_tiers": Fact(tuple(tier for tier in tiers if tier.backend == "celery"), "tiers"),
        "fleet_tiers": Fact(tiers, "tiers"),
        "processes": Fact(processes, "backends"),
        "database_pool": Fact(database.pool_per_process if database else None, "app.database.pool_per_process"),
        "broker_kind": Fact(broker.kind if broker else None, f"{at}.broker.kind"),
        "broker_connections": Fact(broker.max_connections if broker else None, f"{at}.broker.max_connections"),
        "typed_visibility_timeout": Fact(
            broker.visibility_timeout if broker else None, f"{at}.broker.visibility_timeout"
        ),
        "typed_consumer_timeout": Fact(broker.consumer_timeout if broker else None, f"{at}.broker.consumer_timeout"),
        "typed_heartbeat": Fact(broker.heartbeat if broker else None, f"{at}.broker.heartbeat"),
        "typed_result_expires": Fact(celery.results.expires if celery else None, f"{at}.results.expires"),
    }
