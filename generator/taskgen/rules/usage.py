"""Rules of family U: what the profile says and nothing would do, or what contradicts itself."""

from collections.abc import Iterator
from typing import Any, Final

from taskgen.plan.model import Plan
from taskgen.plan.routing import policies_of
from taskgen.profile.paths import join
from taskgen.profile.scalars import format_duration
from taskgen.rules.engine import Breach, rule

NOT_RENDERED: Final = {
    "patches": "patches are not applied yet",
    "regions": "cells of several regions are not rendered yet",
    "bootstrap": "bootstrap steps are not rendered yet: run them in your pipeline",
    "monitoring.alerts.receivers": "Alertmanager routes are not rendered yet",
    "monitoring.dashboards": "dashboards are not rendered yet",
    "dead_letter.retention": "dead letters are kept until somebody replays or purges them",
    "monitoring.aliases": "metric names of older documents are not exported yet",
    "backends.temporal.versioning": "worker versioning is not rendered yet",
    "backends.hatchet.rate_limits": "static rate limits are not created yet",
    "tiers.*.spot.weight": "interruptible capacity is not rendered yet: use node_selector and tolerations",
    "tiers.*.autoscale": "resizing of one worker's pool is not rendered: replicas scale instead",
    "tasks.*.duration": "sizes follow the durations of the tier: the duration of single tasks is not used yet",
}
"""Fields that no target renders yet, with what to know; a path with `*` stands for every tier."""
REDIS: Final = ("redis", "redis-sentinel")
OF_BROKER: Final = {
    "master_name": ("redis-sentinel",),
    "key_prefix": REDIS,
    "visibility_timeout": (*REDIS, "sqs"),
    "queue_type": ("rabbitmq",),
    "management_url": ("rabbitmq",),
    "consumer_timeout": ("rabbitmq",),
    "heartbeat": ("rabbitmq",),
}
"""Fields of `backends.celery.broker` that some kinds of brokers have, and the others have not."""


def stated(plan: Plan, pattern: str) -> Iterator[str]:
    """Yield the paths that match a pattern and hold something else than the model's default."""

    def walk(value: Any, parts: list[str], at: str) -> Iterator[str]:  # noqa: ANN401  # any field of a model
        if value is None:
            return
        name, *rest = parts
        if name == "*":
            for key, entry in value.items():
                yield from walk(entry, rest, f"{at}.{join((key,))}")
        elif rest:
            yield from walk(getattr(value, name), rest, f"{at}.{name}" if at else name)
        elif getattr(value, name) != type(value).model_fields[name].default:
            yield f"{at}.{name}" if at else name

    yield from walk(plan.profile, pattern.split("."), "")


@rule(
    "U01",
    "W/W/W",
    why="a field that nothing renders looks as if it worked",
    reference="docs/rules/own.md: nothing stated is silently ignored",
    remedy="remove it, or do it by hand and waive U01 with the reason",
)
def everything_stated_is_rendered(plan: Plan) -> Iterator[Breach]:
    """Every field of the profile reaches an artifact."""
    for pattern, what in NOT_RENDERED.items():
        for path in stated(plan, pattern):
            yield Breach(path, what)
    yield from _not_done_yet(plan)
    yield from _of_another_broker(plan)


def _of_another_broker(plan: Plan) -> Iterator[Breach]:
    """Yield what is said of a broker that only another kind has."""
    celery = plan.profile.backends.celery
    for name, kinds in OF_BROKER.items() if celery else ():
        path = f"backends.celery.broker.{name}"
        if celery and celery.broker.kind not in kinds and any(stated(plan, path)):
            yield Breach(path, f"kind {celery.broker.kind} has none: it is of {' and '.join(kinds)}", "remove it")


def _not_done_yet(plan: Plan) -> Iterator[Breach]:
    """Yield what the runtime library does not do yet."""
    for schedule in plan.schedules:
        if schedule.backend == "hatchet" and schedule.enabled:
            yield Breach(f"schedules.{schedule.name}", "nothing sends schedules on Hatchet yet: send it yourself")


@rule(
    "U03",
    "E/E/E",
    why="two tiers would scale on one backlog: each grows for the work of both",
    reference="docs/profile.md; [Scaling 1]",
    remedy="declare queues.<name>.shared: true, and let one of them scale, or give each tier queues of its own",
)
def shared_queues_are_declared(plan: Plan) -> Iterator[Breach]:
    """A queue that several tiers serve is declared shared, and one of them scales on it."""
    for queue in plan.queues:
        stated = plan.profile.queues.get(queue.name)
        if len(queue.tiers) < 2:  # noqa: PLR2004  # two tiers share
            continue
        backends = {plan.tier(name).backend for name in queue.tiers}
        if stated is None or not stated.shared:
            what = f"queue {queue.name} is served by tiers {', '.join(queue.tiers)} and not declared shared"
            yield Breach(f"tiers.{queue.tiers[-1]}.queues", what)
        elif len(backends) > 1:
            yield Breach(
                f"queues.{queue.name}",
                "a queue cannot be shared between backends",
                "give each backend queues of its own",
            )
        elif sum(plan.tier(name).autoscaled for name in queue.tiers) > 1:
            yield Breach(
                f"queues.{queue.name}.shared",
                f"tiers {', '.join(queue.tiers)} all scale on it",
                "give all but one scale.min equal to scale.max",
            )


@rule(
    "U08",
    "E/E/E",
    why="the time looks as if running tasks had it, and they do not",
    reference="docs/profile.md; [Hatchet 6] (C04 says the same of Celery)",
    remedy="remove shutdown.soft, or use mode: cut on Celery or Temporal",
)
def soft_times_have_an_effect(plan: Plan) -> Iterator[Breach]:
    """A soft time of a stop is stated only for a cut, on a backend that has one."""
    for tier in plan.tiers:
        if tier.profile.shutdown.soft is None or tier.backend == "celery":
            continue
        if tier.backend == "hatchet" or tier.shutdown_mode == "drain":
            what = f"a {tier.shutdown_mode} on {tier.backend} has no soft time"
            yield Breach(f"tiers.{tier.name}.shutdown.soft", what)


@rule(
    "U13",
    "W/W/W",
    why="a field that only Celery knows looks as if it worked",
    reference="docs/rules/own.md: nothing stated is silently ignored",
    remedy="remove it, or move the queue to a tier of Celery",
)
def fields_of_celery_belong_to_celery(plan: Plan) -> Iterator[Breach]:
    """What only Celery can do is stated for tiers and tasks of Celery."""
    for tier in plan.tiers:
        if tier.backend == "celery":
            continue
        for leaf in ("pool", "max_tasks_per_child", "max_memory_per_child"):
            if getattr(tier.profile, leaf) is not None:
                yield Breach(f"tiers.{tier.name}.{leaf}", f"{tier.backend} has no such thing")
        for glob, policy in policies_of(plan.profile, tier.queues):
            for leaf in ("acknowledge", "rate_limit"):
                if getattr(policy, leaf) is not None:
                    what = f"nothing carries it out in tier {tier.name} on {tier.backend}"
                    yield Breach(join(("tasks", glob, leaf)), what)


@rule(
    "U14",
    "E/E/E",
    why="two of a tier that must be one run at the same time",
    reference="docs/profile.md",
    remedy="remove the bound, or use replicas: scaled",
)
def one_means_one(plan: Plan) -> Iterator[Breach]:
    """A tier that is exactly one has no bounds and no windows of the week."""
    for tier in plan.tiers:
        if tier.replicas != "exactly_one":
            continue
        for leaf in ("min", "max"):
            if getattr(tier.profile.scale, leaf) not in ("auto", 1):
                yield Breach(f"tiers.{tier.name}.scale.{leaf}", "the tier is exactly one")
        if any(tier.profile.scale.schedules.values()):
            yield Breach(f"tiers.{tier.name}.scale.schedules", "the tier is exactly one")


@rule(
    "U15",
    "W/E/E",
    why="the task is ended by the limit that it inherits, long before its own",
    reference="[Library 8]: what a policy does not state comes from the tier",
    remedy="state soft_time_limit beside time_limit",
)
def longer_limits_bring_their_soft_limit(plan: Plan) -> Iterator[Breach]:
    """A task with a longer limit than its tier states its soft limit, where the tier has one."""
    for glob, policy in plan.profile.tasks.items():
        if policy is None or policy.time_limit is None or policy.soft_time_limit is not None:
            continue
        for tier in plan.tiers_of("celery"):
            soft = tier.soft_time_limit
            concerned = any(glob == name for name, _ in policies_of(plan.profile, tier.queues))
            if (
                concerned
                and soft is not None
                and soft < policy.time_limit
                and tier.profile.task.time_limit < policy.time_limit
            ):
                what = f"tier {tier.name} still ends it softly after {format_duration(soft)}"
                yield Breach(join(("tasks", glob, "time_limit")), what)


@rule(
    "U16",
    "E/E/E",
    why="the window never happens: nothing scales the tier, or not so far",
    reference="docs/rules/own.md: nothing stated is silently ignored",
    remedy="raise scale.max, or remove the window",
)
def windows_can_happen(plan: Plan) -> Iterator[Breach]:
    """A window of the week stays within the bounds of a tier that is scaled."""
    for tier in plan.tiers:
        for name, window in tier.profile.scale.schedules.items():
            if window is None or tier.replicas == "exactly_one":
                continue
            at = f"tiers.{tier.name}.scale.schedules.{name}"
            if window.min > tier.max_replicas:
                yield Breach(f"{at}.min", f"{window.min} is above the most replicas, {tier.max_replicas}")
            elif not tier.autoscaled:
                yield Breach(at, "fewest and most replicas are the same: nothing scales the tier")
