"""Rules that read the library's table of capabilities: refused here is what the runtime would refuse or leave out."""

from collections.abc import Iterator
from typing import Any, Final

from task_abstraction.capabilities import Capability, capability
from task_abstraction.models import Feature, Support
from taskgen.plan.model import Plan, TierPlan
from taskgen.plan.routing import policies_of
from taskgen.profile.paths import join
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

BROKERS: Final = {"redis": "redis", "redis-sentinel": "redis", "rabbitmq": "amqp", "sqs": "sqs"}
"""The table's words for brokers."""
PRIORITIES: Final = {"temporal": (1, 5), "hatchet": (1, 3)}
"""Levels of a server with its own settings ([Temporal 4], [Hatchet 3]); a test compares them with the library."""


def record(plan: Plan, backend: str, feature: Feature, pool: str = "prefork") -> Capability | None:
    """Return how a backend gives a feature with the broker, queues, results and pool at hand."""
    facts: dict[str, object] = {"pool": pool}
    celery = plan.profile.backends.celery
    if backend == "celery" and celery:
        facts |= {
            "broker": BROKERS[celery.broker.kind],
            "quorum": celery.broker.queue_type == "quorum",
            "results": celery.results.kind != "none",
        }
    return capability(backend, feature, facts)


def _refusal(plan: Plan, backend: str, feature: Feature, path: str, pool: str = "prefork") -> Iterator[Breach]:
    found = record(plan, backend, feature, pool)
    if found is None or found.support is Support.REFUSED:
        reason, hint = (found.mechanism, found.hint) if found else ("it is not in the table", "use another backend")
        yield Breach(path, f"{backend} refuses {feature.value}: {reason}", hint[:1].lower() + hint[1:])


def _priority(plan: Plan, backend: str, path: str, value: int) -> Iterator[Breach]:
    refused = list(_refusal(plan, backend, Feature.PRIORITY, path))
    yield from refused
    celery = plan.profile.backends.celery
    if refused:
        return
    low, high = PRIORITIES.get(backend, (0, 255))
    if backend == "celery" and celery:
        if celery.broker.kind == "rabbitmq" and celery.broker.priorities is None:
            what = "the queues have no priorities: RabbitMQ ignores it"
            yield Breach(path, what, "set backends.celery.broker.priorities")
            return
        high = (celery.broker.priorities or 10) - 1
    if not low <= value <= high:
        yield Breach(path, f"{backend} has the priorities {low} to {high}, not {value}", f"use {low} to {high}")


def _of_tier(plan: Plan, tier: TierPlan) -> Iterator[Breach]:
    """Yield what the tasks of a tier ask for."""
    for glob, policy in policies_of(plan.profile, tier.queues):
        if policy.priority is not None:
            yield from _priority(plan, tier.backend, join(("tasks", glob, "priority")), policy.priority)
    delay = tier.longest_delay
    if delay:
        path = f"tiers.{tier.name}.task.longest_delay"
        yield from _refusal(plan, tier.backend, Feature.DELAY, path, tier.pool)
        limit = plan.visibility_timeout if tier.backend == "celery" else None
        if limit is not None and delay >= limit:
            what = f"a delay of {text(delay)} is not shorter than the visibility timeout of {text(limit)}"
            yield Breach(path, what, "use a schedule, a shorter delay, or RabbitMQ")


def _of_profile(plan: Plan) -> Iterator[Breach]:
    """Yield what queues and schedules ask for."""
    for schedule in plan.schedules:
        path = f"schedules.{schedule.name}"
        yield from _refusal(plan, schedule.backend, Feature.CRON, path)
        if schedule.priority is not None:
            yield from _priority(plan, schedule.backend, f"{path}.priority", schedule.priority)
    for queue in plan.queues:
        stated = plan.profile.queues.get(queue.name)
        if stated and stated.dead_letter:
            path = join(("queues", queue.name, "dead_letter"))
            yield from _refusal(plan, queue.backend, Feature.DEAD_LETTER, path)


@rule(
    "U12",
    "E/E/E",
    why="the library refuses it when the first task is submitted, or the broker ignores it",
    reference="the library's table of capabilities",
    remedy="remove it, or use another backend or broker",
)
def backends_can_do_it(plan: Plan) -> Iterator[Breach]:
    """Nothing is asked of a backend that the library would refuse there."""
    found: dict[Any, Breach] = {}
    if plan.profile.app.kind == "command":
        return  # what it submits and how it fails is not the library's
    for tier in plan.tiers:
        found |= {(breach.path, breach.what): breach for breach in _of_tier(plan, tier)}
    found |= {(breach.path, breach.what): breach for breach in _of_profile(plan)}
    yield from found.values()


@rule(
    "U05",
    "N/N/N",
    why="the limit is not enforced where the backend or the pool has no means to end a running task",
    reference="the library's table of capabilities; [Celery 8]: with a limit of 2 s a task ran 4 s on threads",
    remedy="nothing if the profile is shared between backends; else limit the time inside the task",
)
def limits_have_an_effect(plan: Plan) -> Iterator[Breach]:
    """Time limits are enforced by the backend and the pool that run the task."""
    if plan.profile.app.kind == "command":
        for tier in plan.tiers:
            what = "the plan goes by it, and only the command itself can end a task"
            yield Breach(f"tiers.{tier.name}.task.time_limit", what)
        return
    for backend in plan.backends:
        tiers = plan.tiers_of(backend)
        soft = [tier.name for tier in tiers if tier.soft_time_limit is not None]
        missing = record(plan, backend, Feature.SOFT_TIME_LIMIT)
        if soft and missing and missing.support is Support.REFUSED:
            what = f"{backend} has no soft time limit (tiers {', '.join(soft)}): {missing.mechanism}"
            yield Breach(f"tiers.{soft[0]}.task.soft_time_limit", what)
        for tier in tiers:
            hard = record(plan, backend, Feature.TIME_LIMIT, tier.pool)
            if hard and hard.support is Support.REFUSED:
                what = f"nothing ends a task at its limit: {hard.mechanism} ({tier.pool})"
                yield Breach(f"tiers.{tier.name}.task.time_limit", what)
