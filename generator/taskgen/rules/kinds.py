"""Rules of family U on applications that were not written with the library: what fits their kind, and what acts."""

from collections.abc import Iterator
from typing import Final

from taskgen.plan.celery import CONNECTION
from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule

OF_KIND: Final = {
    "module": ("task_abstraction", "the application imports its tasks itself"),
    "celery": ("celery", "nothing starts it"),
    "beat": ("celery", "schedules are those of the profile"),
    "command": ("command", "nothing runs it"),
    "health": ("command", "the worker serves its own health"),
}
"""Fields of `app` that mean something for one kind alone, and what to know elsewhere."""


@rule(
    "U02",
    "E/E/E",
    why="the rendered command is that of the kind: what belongs to another is never run",
    reference="docs/profile.md",
    remedy="remove it, or set app.kind to the kind that it belongs to",
)
def application_fits_its_kind(plan: Plan) -> Iterator[Breach]:
    """What is said of the application, its tiers and its schedules belongs to its kind."""
    app = plan.profile.app
    for field, (kind, what) in OF_KIND.items():
        if app.kind != kind and getattr(app, field):
            yield Breach(f"app.{field}", f"kind {app.kind}: {what}")
    for tier in plan.tiers:
        if app.kind == "celery" and tier.backend != "celery":
            what = f"a Celery application does not run on {tier.backend}"
            yield Breach(f"tiers.{tier.name}.backend", what, "give it a profile of its own")
    yield from _not_counted(plan)
    yield from _schedules(plan)


def _not_counted(plan: Plan) -> Iterator[Breach]:
    """Yield what the exporter would have to know of a command's workers, and cannot."""
    for tier in plan.tiers if plan.profile.app.kind == "command" else ():
        at = f"tiers.{tier.name}"
        if tier.backend == "hatchet":
            what = "queues on Hatchet are labels that only our own workers set: nobody could count what waits"
            yield Breach(f"{at}.backend", what, "write the tasks with the library")
        elif tier.backend == "temporal" and tier.autoscaled and "in_flight" in tier.signals:
            what = "nobody counts what a worker of your own runs on Temporal"
            yield Breach(f"{at}.scale.signals", what, "state scale.signals: [backlog]")


def _schedules(plan: Plan) -> Iterator[Breach]:
    """Yield the schedules that no process of this kind sends."""
    kind, celery = plan.profile.app.kind, plan.profile.backends.celery
    for schedule in plan.schedules:
        if not schedule.enabled:
            continue
        at = f"schedules.{schedule.name}"
        if kind == "command":
            yield Breach(at, "kind command: nothing sends it", "send it from the application itself")
        elif kind == "celery" and celery and celery.scheduler != "beat":
            what = f"scheduler {celery.scheduler} sends what is in its own store"
            yield Breach(at, what, "put it there, or use scheduler: beat")


@rule(
    "U17",
    "E/E/E",
    why="the application has settings of its own, made before ours are read: this one changes nothing",
    reference="[Celery 5], measured: tasks that exist keep theirs, the prefetch count comes from the command line",
    remedy="set it in the application; what differs from the plan is said when a worker starts",
)
def settings_reach_the_application(plan: Plan) -> Iterator[Breach]:
    """Settings for an existing application are those of its connection: they alone take effect."""
    celery = plan.profile.backends.celery
    if plan.profile.app.kind == "task_abstraction" or celery is None:
        return
    for name in celery.settings:
        if name not in CONNECTION or plan.profile.app.kind == "command":
            what = f"{name} is the application's own"
            yield Breach(f"backends.celery.settings.{name}", what)


@rule(
    "U18",
    "W/E/E",
    why="every tier runs the same: nothing tells a worker which queues are its own",
    reference="docs/profile.md",
    remedy="write {queues} or {tier} into app.command, or give each tier env of its own",
)
def commands_know_their_tier(plan: Plan) -> Iterator[Breach]:
    """The command of one tier differs from that of another."""
    if plan.profile.app.kind != "command":
        return
    seen: dict[object, str] = {}
    for tier in plan.tiers:
        told = (tier.command, tuple(sorted(tier.profile.env.items())), tier.profile.image)
        if told in seen:
            yield Breach("app.command", f"tiers {seen[told]} and {tier.name} would run the same")
        seen[told] = tier.name


@rule(
    "U19",
    "N/W/W",
    why="nobody notices a worker that hangs, and a rollout goes on over broken ones",
    reference="rule K10: liveness and readiness",
    remedy="declare app.health: {port, path} as the command serves it",
)
def commands_declare_their_health(plan: Plan) -> Iterator[Breach]:
    """A command of the user's own says where it answers for its health."""
    if plan.profile.app.kind == "command" and plan.profile.app.health is None:
        yield Breach("app.command", "no probe is rendered: app.health is not declared")
