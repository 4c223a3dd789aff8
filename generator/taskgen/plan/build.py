"""From a profile to its plan; the one function of this layer that others call."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from taskgen.plan import (
    buckets,
    cost,
    fleet,
    probes,
    recovery,
    redelivery,
    replicas,
    routing,
    scaling,
    shutdown,
    sizing,
    steps,
    temporal,
)
from taskgen.plan.alerts import rules_plan
from taskgen.plan.celery import celery_settings
from taskgen.plan.collapse import collapsed
from taskgen.plan.commands import worker_command
from taskgen.plan.derivation import Derivation, Fact, Trail, collect, derive
from taskgen.plan.egress import egress
from taskgen.plan.environment import SETTINGS_FOLDER, worker_env
from taskgen.plan.facts import profile_facts, tier_facts
from taskgen.plan.model import Plan, QueuePlan, TaskPlan, TierPlan
from taskgen.plan.pod import pod_plan
from taskgen.plan.ports import HEALTH_PORT, SDK_METRICS_PORT
from taskgen.plan.processes import beat, exporter, exporters
from taskgen.plan.schedules import schedules
from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier
from taskgen.profile.workload import TaskPolicy

_MODULES: Final = (sizing, replicas, shutdown, redelivery, scaling, steps, buckets, probes, temporal, cost, fleet)
_ALL: Final = collect(*_MODULES)
PROFILE_DERIVATIONS: Final[Mapping[str, Derivation]] = {
    name: entry for name, entry in _ALL.items() if {"celery_tiers", "fleet_tiers"} & set(entry.needs)
}
"""Derivations over all tiers of the profile, or all of Celery."""
TIER_DERIVATIONS: Final[Mapping[str, Derivation]] = {
    name: entry for name, entry in _ALL.items() if name not in PROFILE_DERIVATIONS
}
"""Derivations of one tier."""
LATE_DERIVATIONS: Final[Mapping[str, Derivation]] = collect(recovery)
"""Derivations of one tier that need values of the whole profile."""
_PRIORITY_ORDER: Final = {"high": 0, "medium": 1, "low": 2}


def make_plan(
    profile: Profile,
    *,
    grace_limits: Mapping[str, timedelta] | None = None,
    forced: Mapping[str, Any] | None = None,
) -> Plan:
    """Derive everything that artifacts need from a profile. Pure.

    Args:
        profile: what the user states.
        grace_limits: longest grace of each target that has one, from its target.yaml.
        forced: derived values by path that are replaced, to see what depends on them.
    """
    profile = collapsed(profile)
    trails: dict[str, Trail] = {}
    early = [_tier_plan(profile, name, tier, trails, forced) for name, tier in profile.tiers.items()]
    early.sort(key=lambda tier: (_PRIORITY_ORDER[tier.profile.priority], tier.name))
    scheduled = schedules(profile, tuple(early))
    readers, sender = exporters(profile, early), beat(profile, scheduled)
    facts = profile_facts(profile, tuple(early), (*readers, *filter(None, [sender])))
    shared = derive(PROFILE_DERIVATIONS, facts, prefix="", forced=forced)
    trails |= shared
    values = {name: trail.value for name, trail in shared.items()}
    tiers = tuple(_with_late_values(tier, shared, trails, forced) for tier in early)
    return Plan(
        profile=profile,
        tiers=tiers,
        queues=_queues(profile, tiers),
        routes=routing.routes(profile),
        tasks=tuple(_task(glob, policy) for glob, policy in _policies(profile)),
        schedules=scheduled,
        egress=egress(profile),
        exporter=exporter(profile, tiers),
        exporters=readers,
        beat=sender,
        pod=pod_plan(profile, None, tiers[0].backend),
        settings_folder=SETTINGS_FOLDER,
        celery=celery_settings(profile, values, tiers),
        rules=rules_plan(profile, tiers),
        grace_limits={
            name: limit
            for name, limit in (grace_limits or {}).items()
            if getattr(profile.targets, name, None) is not None
        },
        values=values,
        trails=dict(sorted(trails.items())),
    )


def _tier_plan(
    profile: Profile, name: str, tier: Tier, trails: dict[str, Trail], forced: Mapping[str, Any] | None
) -> TierPlan:
    backend = tier.backend or profile.backends.names()[0]
    facts = tier_facts(profile, name, tier, backend)
    derived = derive(TIER_DERIVATIONS, facts, prefix=f"tiers.{name}.", forced=forced)
    trails |= {f"tiers.{name}.{key}": trail for key, trail in derived.items()}
    values = {key: trail.value for key, trail in derived.items()}
    queues = routing.queues_of(profile, tier)
    env, mounts = worker_env(profile, name, tier, backend, grace=values["grace"], remap_sigterm=values["remap_sigterm"])
    return TierPlan(
        name=name,
        backend=backend,
        profile=tier,
        queues=queues,
        command=worker_command(profile, name, tier, queues, values),
        env=env,
        mounts=mounts,
        health_port=HEALTH_PORT,
        sdk_metrics_port=SDK_METRICS_PORT.get(backend) if profile.app.kind == "task_abstraction" else None,
        pod=pod_plan(profile, tier, backend),
        facts={key: fact.value for key, fact in facts.items()},
        values=values,
    )


def _with_late_values(
    tier: TierPlan, shared: Mapping[str, Trail], trails: dict[str, Trail], forced: Mapping[str, Any] | None
) -> TierPlan:
    at = f"tiers.{tier.name}."
    facts = {name: Fact(value, at + name) for name, value in {**tier.facts, **tier.values}.items()}
    facts |= {name: Fact(trail.value, name) for name, trail in shared.items()}
    late = derive(LATE_DERIVATIONS, facts, prefix=at, forced=forced)
    trails |= {at + name: trail for name, trail in late.items()}
    values = {**tier.values, **{name: trail.value for name, trail in late.items()}}
    return TierPlan(**{**{key: getattr(tier, key) for key in TierPlan.__dataclass_fields__}, "values": values})


def _queues(profile: Profile, tiers: tuple[TierPlan, ...]) -> tuple[QueuePlan, ...]:
    served = {queue for tier in tiers for queue in tier.queues}
    plans = []
    for name in sorted(served | set(profile.queues)):
        queue = profile.queues.get(name)
        serving = [tier for tier in tiers if name in tier.queues]
        dead_letter = profile.dead_letter.enabled if queue is None or queue.dead_letter is None else queue.dead_letter
        plans.append(
            QueuePlan(
                name=name,
                backend=serving[0].backend if serving else profile.backends.names()[0],
                tiers=tuple(tier.name for tier in serving),
                tasks=queue.tasks if queue else (),
                dead_letter=dead_letter,
            )
        )
    return tuple(plans)


def _policies(profile: Profile) -> list[tuple[str, TaskPolicy]]:
    found = [(glob, policy) for glob, policy in profile.tasks.items() if policy]
    return sorted(found, key=lambda pair: routing.specificity(pair[0]))


def policy_values(policy: Any) -> dict[str, Any]:  # noqa: ANN401  # TaskFacts and TaskPolicy share these fields
    """Return a policy by the keys of plan.json; what is not stated is absent."""
    values: dict[str, Any] = {}
    for key in ("time_limit", "soft_time_limit"):
        if getattr(policy, key, None) is not None:
            values[f"{key}_s"] = getattr(policy, key).total_seconds()
    for key in ("idempotent", "priority", "ignore_result", "rate_limit"):
        if getattr(policy, key, None) is not None:
            values[key] = getattr(policy, key)
    if getattr(policy, "acknowledge", None) is not None:
        values["acks_late"] = policy.acknowledge == "late"
    elif getattr(policy, "idempotent", None) is False:
        values["acks_late"] = False
    if getattr(policy, "retry", None) is not None:
        values |= retry_values(policy.retry)
    return values


def retry_values(retry: Any) -> dict[str, Any]:  # noqa: ANN401  # the Retry of a tier or of a task
    """Return a retry policy by the keys of plan.json."""
    return {
        "max_attempts": retry.max_attempts,
        "initial_delay_s": retry.initial_delay.total_seconds(),
        "backoff": retry.backoff,
        "max_delay_s": retry.max_delay.total_seconds(),
        "jitter": retry.jitter,
        "non_retryable": list(retry.non_retryable),
    }


def _task(glob: str, policy: TaskPolicy) -> TaskPlan:
    return TaskPlan(glob=glob, policy=policy_values(policy))
