"""Rules of family U: what the profile says and nothing would do, or what contradicts itself."""

from collections.abc import Iterator
from typing import Any, Final

from taskgen.plan.environment import own_env
from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule

NOT_RENDERED: Final = {
    "patches": "patches are not applied yet",
    "regions": "cells of several regions are not rendered yet",
    "bootstrap": "bootstrap steps are not rendered yet: run them in your pipeline",
    "monitoring.alerts.receivers": "Alertmanager routes are not rendered yet",
    "monitoring.tracing.otlp": "the worker does not send traces yet",
    "monitoring.dashboards": "dashboards are not rendered yet",
    "dead_letter.retention": "dead letters are kept until somebody replays or purges them",
    "monitoring.aliases": "metric names of older documents are not exported yet",
    "backends.celery.encryption": "payload encryption is not implemented yet",
    "backends.temporal.encryption": "payload encryption is not implemented yet",
    "backends.hatchet.encryption": "payload encryption is not implemented yet",
    "backends.temporal.versioning": "worker versioning is not rendered yet",
    "backends.hatchet.rate_limits": "static rate limits are not created yet",
    "tiers.*.spot.weight": "interruptible capacity is not rendered yet: use node_selector and tolerations",
    "tiers.*.autoscale": "resizing of one worker's pool is not rendered: replicas scale instead",
    "tiers.*.image": "another image per tier is not rendered yet",
}
"""Fields that no target renders yet, with what to know; a path with `*` stands for every tier."""


def stated(plan: Plan, pattern: str) -> Iterator[str]:
    """Yield the paths that match a pattern and hold something else than the model's default."""

    def walk(value: Any, parts: list[str], at: str) -> Iterator[str]:  # noqa: ANN401  # any field of a model
        if value is None:
            return
        name, *rest = parts
        if name == "*":
            for key, entry in value.items():
                yield from walk(entry, rest, f"{at}.{key}")
        elif rest:
            yield from walk(getattr(value, name), rest, f"{at}.{name}" if at else name)
        elif getattr(value, name) != type(value).model_fields[name].default:
            yield f"{at}.{name}" if at else name

    yield from walk(plan.profile, pattern.split("."), "")


@rule(
    "U01",
    "W/W/W",
    why="a field that nothing renders looks as if it worked",
    reference="design/profile.md: never silently ignored",
    remedy="remove it, or do it by hand and waive U01 with the reason",
)
def everything_stated_is_rendered(plan: Plan) -> Iterator[Breach]:
    """Every field of the profile reaches an artifact."""
    for pattern, what in NOT_RENDERED.items():
        for path in stated(plan, pattern):
            yield Breach(path, what)


@rule(
    "U02",
    "E/E/E",
    why="the rendered command would not run this application",
    reference="design/profile.md: existing applications",
    remedy="write the tasks with task_abstraction for now",
)
def kind_can_be_rendered(plan: Plan) -> Iterator[Breach]:
    """The kind of the application is one that targets render."""
    if plan.profile.app.kind != "task_abstraction":
        yield Breach("app.kind", f"kind {plan.profile.app.kind} is not rendered yet")


@rule(
    "U03",
    "E/E/E",
    why="two tiers would scale on one backlog: each grows for the work of both",
    reference="design/profile.md; autoscaling.md 1",
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
    "U04",
    "E/E/E",
    why="the derived value wins, and the typed one looks as if it worked",
    reference="design/profile.md: one value is rendered in one place",
    remedy="remove it from env: the field of the profile that it belongs to decides",
)
def derived_variables_are_not_typed(plan: Plan) -> Iterator[Breach]:
    """No variable of env is one that taskgen sets itself."""
    for tier in plan.tiers:
        derived = {variable.name: variable for variable in tier.env}
        for variable in own_env(plan.profile, tier.profile):
            if derived.get(variable.name) != variable:
                owner = (
                    f"tiers.{tier.name}"
                    if {**tier.profile.env, **tier.profile.secret_env}.get(variable.name)
                    else "app"
                )
                kind = "secret_env" if variable.secret else "env"
                yield Breach(f"{owner}.{kind}.{variable.name}", "taskgen sets this variable itself")


@rule(
    "U05",
    "N/N/N",
    why="the limit is not enforced: the SDK has no such thing",
    reference="runtime-api.md 8: soft_time_limit is native on prefork, refused elsewhere",
    remedy="nothing if the profile is shared between backends; else remove it",
)
def soft_limits_have_an_effect(plan: Plan) -> Iterator[Breach]:
    """A soft time limit is stated only where the backend can raise it."""
    for backend in plan.backends:
        stated = [tier.name for tier in plan.tiers_of(backend) if tier.soft_time_limit is not None]
        if backend != "celery" and stated:
            what = f"{backend} has no soft time limit (tiers {', '.join(stated)})"
            yield Breach(f"tiers.{stated[0]}.task.soft_time_limit", what)
