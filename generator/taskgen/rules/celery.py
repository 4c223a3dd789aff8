"""Rules of family C: Celery with any broker; what happens to a task that runs."""

from collections.abc import Iterator
from datetime import timedelta

from taskgen.plan.model import Plan, TierPlan
from taskgen.plan.routing import policies_of
from taskgen.profile.paths import join
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import setting

MARGIN = timedelta(seconds=15)
"""What Celery needs after its last task ([Celery 3])."""


def own(plan: Plan) -> tuple[TierPlan, ...]:
    """Return the tiers that run Celery's worker: of a command of the user's own nobody knows what it runs."""
    return () if plan.profile.app.kind == "command" else plan.tiers_of("celery")


@rule(
    "C01",
    "N/E/E",
    why="a hung task holds a slot for ever, or is killed without a chance to clean up",
    reference="[Celery 2]: both limits default to none, measured",
    remedy="set task.soft_time_limit below task.time_limit",
)
def soft_limit_before_hard(plan: Plan) -> Iterator[Breach]:
    """A prefork tier has a soft time limit below its hard one, and so has each of its tasks."""
    for tier in own(plan):
        if tier.pool != "prefork":
            continue
        if tier.soft_time_limit is None:
            yield Breach(f"tiers.{tier.name}.task.time_limit", "there is no soft_time_limit")
        for glob, policy in policies_of(plan.profile, tier.queues):
            soft = tier.soft_time_limit if policy.soft_time_limit is None else policy.soft_time_limit
            hard = tier.profile.task.time_limit if policy.time_limit is None else policy.time_limit
            if soft is not None and soft >= hard:
                what = f"soft limit {text(soft)} is not below the hard limit of {text(hard)} in tier {tier.name}"
                leaf = "time_limit" if policy.soft_time_limit is None else "soft_time_limit"
                yield Breach(join(("tasks", glob, leaf)), what, "state both limits for these tasks")


@rule(
    "C02",
    "W/E/E",
    why="with late acknowledgement a task runs twice after a crash, and a poison task runs without end",
    reference="[Celery 5]: 7 to 10 starts in 20 s, measured; vintasoftware#576",
    remedy="declare idempotent: true, or acknowledge early",
)
def late_acknowledgement_needs_idempotence(plan: Plan) -> Iterator[Breach]:
    """Late acknowledgement is only asked for idempotent tasks, and lost tasks are repeated with a cap."""
    for tier in own(plan):
        for glob, policy in policies_of(plan.profile, tier.queues):
            idempotent = tier.profile.task.idempotent if policy.idempotent is None else policy.idempotent
            if policy.acknowledge == "late" and not idempotent:
                yield Breach(
                    join(("tasks", glob, "acknowledge")),
                    f"tasks of tier {tier.name} are acknowledged late but are not idempotent",
                )
    rejected = setting(plan, "task_reject_on_worker_lost")
    if rejected and rejected[1]:
        yield Breach(
            rejected[0],
            "a task that kills its process is delivered again without end",
            "remove it: lost tasks are repeated by task_retry_on_worker_lost, which has a cap",
        )


@rule(
    "C04",
    "E/E/E",
    why="running tasks are killed at every deployment, or a cut loses them",
    reference="[Celery 3]: SIGTERM waits for the task (31 s); REMAP_SIGTERM with 5 s exits after 6.5 s, measured",
    remedy="raise shutdown.grace, or leave it out: it is derived",
)
def shutdown_is_consistent(plan: Plan) -> Iterator[Breach]:
    """The grace period covers the longest task to drain, or the soft shutdown to cut; only idempotent tasks are cut."""
    for tier in own(plan):
        at = f"tiers.{tier.name}.shutdown"
        if tier.shutdown_mode == "drain":
            if tier.grace < tier.time_limit + MARGIN:
                need = text(tier.time_limit + MARGIN)
                yield Breach(f"{at}.grace", f"{text(tier.grace)} is shorter than time_limit + 15s = {need}")
            if tier.soft_shutdown:
                what = "a worker that drains has no soft shutdown: Celery acts on it only when REMAP_SIGTERM is set"
                yield Breach(f"{at}.soft", what, "remove it, or use mode: cut")
            continue
        if tier.grace < (tier.soft_shutdown or timedelta()) + MARGIN:
            yield Breach(f"{at}.grace", f"{text(tier.grace)} is shorter than shutdown.soft + 15s")
        if not tier.soft_shutdown:
            yield Breach(
                f"{at}.soft", "a cut without soft time kills every running task at once", "set shutdown.soft above 0s"
            )
        if not tier.acks_late:
            yield Breach(
                f"{at}.mode",
                "tasks that are not idempotent would be lost or repeated",
                "use drain, or declare idempotent: true",
            )


@rule(
    "C05",
    "W/E/E",
    why="a thread cannot be cut: the worker ran to the end of the task and exited with code 1",
    reference="[Celery 3], measured with threads",
    remedy="use pool: prefork, or shutdown: drain",
)
def threads_cannot_be_cut(plan: Plan) -> Iterator[Breach]:
    """Only prefork tiers are cut."""
    for tier in own(plan):
        if tier.pool != "prefork" and tier.shutdown_mode == "cut":
            yield Breach(f"tiers.{tier.name}.shutdown.mode", f"pool {tier.pool} cannot be cut")


@rule(
    "C06",
    "E/E/E",
    why="the setting has no effect: a task with a limit of 2 s ran 4 s to success",
    reference="[Celery 8], measured with threads",
    remedy="use pool: prefork, or remove it and limit the time inside the task",
)
def pool_can_do_what_is_asked(plan: Plan) -> Iterator[Breach]:
    """Soft limits and recycling are only asked of prefork tiers, and of solo no second task at once."""
    for tier in own(plan):
        if tier.pool == "prefork":
            continue
        at = f"tiers.{tier.name}"
        if tier.pool == "solo" and tier.concurrency > 1:
            what = f"pool solo of tier {tier.name} runs one task at a time, and the plan counts {tier.concurrency}"
            yield Breach(f"{at}.concurrency", what, "remove it, or use pool: threads")
        asked = {
            f"{at}.task.soft_time_limit": tier.soft_time_limit,
            f"{at}.max_tasks_per_child": tier.profile.max_tasks_per_child,
            f"{at}.max_memory_per_child": tier.profile.max_memory_per_child,
        }
        for glob, policy in policies_of(plan.profile, tier.queues):
            asked[join(("tasks", glob, "soft_time_limit"))] = policy.soft_time_limit
        for path, value in asked.items():
            if value is not None:
                yield Breach(path, f"pool {tier.pool} of tier {tier.name} ignores it")
