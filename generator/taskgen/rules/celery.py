"""Rules of family C: Celery with any broker."""

from collections.abc import Iterator
from datetime import timedelta

from taskgen.plan.model import Plan, TierPlan
from taskgen.plan.routing import policies_of
from taskgen.plan.schedules import shortest_interval
from taskgen.profile.paths import join
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule
from taskgen.rules.names import celery_settings, close_name

MARGIN = timedelta(seconds=15)
"""What Celery needs after its last task (celery.md 3)."""


def own(plan: Plan) -> tuple[TierPlan, ...]:
    """Return the Celery tiers that run our worker."""
    return plan.tiers_of("celery")


@rule(
    "C01",
    "N/E/E",
    why="a hung task holds a slot for ever, or is killed without a chance to clean up",
    reference="celery.md 2: both limits default to none, measured",
    remedy="set task.soft_time_limit below task.time_limit",
)
def soft_limit_before_hard(plan: Plan) -> Iterator[Breach]:
    """A prefork tier has a soft time limit below its hard one."""
    for tier in own(plan):
        if tier.pool == "prefork" and tier.soft_time_limit is None:
            yield Breach(f"tiers.{tier.name}.task.time_limit", "there is no soft_time_limit")


@rule(
    "C02",
    "W/E/E",
    why="with late acknowledgement a task runs twice after a crash, and a poison task runs until the cap",
    reference="celery.md 5: 7 to 10 starts in 20 s, measured; vintasoftware#576",
    remedy="declare idempotent: true, or acknowledge early",
)
def late_acknowledgement_needs_idempotence(plan: Plan) -> Iterator[Breach]:
    """Late acknowledgement is only asked for idempotent tasks."""
    for glob, policy in plan.profile.tasks.items():
        tiers = [
            tier
            for tier in own(plan)
            if policy and any(glob == name for name, _ in policies_of(plan.profile, tier.queues))
        ]
        for tier in tiers:
            idempotent = tier.profile.task.idempotent if policy.idempotent is None else policy.idempotent  # type: ignore[union-attr]
            if policy and policy.acknowledge == "late" and not idempotent:
                yield Breach(
                    join(("tasks", glob, "acknowledge")),
                    f"tasks of tier {tier.name} are acknowledged late but are not idempotent",
                )


@rule(
    "C04",
    "E/E/E",
    why="running tasks are killed at every deployment, or a cut loses them",
    reference="celery.md 3: SIGTERM waits for the task (31 s); REMAP_SIGTERM with 5 s exits after 6.5 s, measured",
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
    reference="celery.md 3, measured with threads",
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
    reference="celery.md 8, measured with threads",
    remedy="use pool: prefork, or remove it and limit the time inside the task",
)
def pool_can_do_what_is_asked(plan: Plan) -> Iterator[Breach]:
    """Time limits and recycling are only asked of prefork tiers."""
    for tier in own(plan):
        if tier.pool == "prefork":
            continue
        asked = {
            "task.soft_time_limit": tier.soft_time_limit,
            "max_tasks_per_child": tier.profile.max_tasks_per_child,
            "max_memory_per_child": tier.profile.max_memory_per_child,
        }
        for path, value in asked.items():
            if value is not None:
                yield Breach(f"tiers.{tier.name}.{path}", f"pool {tier.pool} ignores it")


@rule(
    "C08",
    "W/E/E",
    why="the worker is killed for memory in the middle of a task",
    reference="celery.md 9: 51 MiB and 44 MiB per child, measured; applies to the other backends with their own base",
    remedy="raise pod.resources.memory, lower concurrency, or leave it out: it is derived",
)
def memory_is_enough(plan: Plan) -> Iterator[Breach]:
    """A memory limit set by hand covers the base, the processes and the tasks."""
    for tier in plan.tiers:
        trail = plan.trails.get(f"tiers.{tier.name}.memory_limit")
        if trail and trail.typed and trail.value < trail.derived:
            yield Breach(
                trail.typed, f"{trail.value // 2**20}Mi is less than the {trail.derived // 2**20}Mi that the facts need"
            )


@rule(
    "C09",
    "W/E/E",
    why="children are replaced too late: the pod is killed first",
    reference="celery.md 9: checked only after a task ends (mitodl#5475)",
    remedy="lower max_memory_per_child or concurrency",
)
def recycling_comes_before_the_limit(plan: Plan) -> Iterator[Breach]:
    """The children's own limit leaves room below the limit of the pod."""
    for tier in own(plan):
        most = tier.profile.max_memory_per_child
        if most is not None and most * tier.concurrency + tier.memory_base > 0.9 * tier.memory_limit:
            yield Breach(
                f"tiers.{tier.name}.max_memory_per_child", "all children together exceed 90% of the pod's memory limit"
            )


@rule(
    "C14",
    "N/W/W",
    why="after an outage every missed run is executed, one after the other",
    reference="celery.md 12",
    remedy="lower expires to the interval, or leave it out: it is derived",
)
def schedules_expire(plan: Plan) -> Iterator[Breach]:
    """A scheduled task expires before the next run."""
    for schedule in plan.schedules:
        interval = schedule.every or shortest_interval(schedule.cron or "")
        if schedule.expires > interval:
            what = f"{text(schedule.expires)} is longer than the interval of {text(interval)}"
            yield Breach(f"schedules.{schedule.name}.expires", what)


@rule(
    "C15",
    "E/E/E",
    why="its tasks wait for ever: no worker reads the queue",
    reference="celery.md 6; seed 000 line 40, measured",
    remedy="add it to the queues of a tier, or route the tasks elsewhere",
)
def every_queue_is_served(plan: Plan) -> Iterator[Breach]:
    """Every queue that gets tasks is served by a tier."""
    for queue in plan.queues:
        if not queue.tiers:
            yield Breach(f"queues.{queue.name}", f"no tier serves queue {queue.name}")
    served = {queue.name for queue in plan.queues if queue.tiers}
    for schedule in plan.schedules:
        if schedule.queue not in served:
            yield Breach(
                f"schedules.{schedule.name}",
                f"its task {schedule.task} goes to queue {schedule.queue}, which no tier serves",
            )


@rule(
    "C23",
    "E/E/E",
    why="Celery stores unknown settings silently and ignores them",
    reference="celery.md 2, measured: task_retry_delay, task_max_retries, task_result_expires of seed 000",
    remedy="write the name that Celery has, or set it per task under tasks:",
)
def celery_settings_exist(plan: Plan) -> Iterator[Breach]:
    """Every name under backends.celery.settings is a setting of Celery."""
    backend = plan.profile.backends.celery
    for name in backend.settings if backend else ():
        if name not in celery_settings():
            hint = close_name(name, celery_settings())
            suffix = f", did you mean '{hint}'?" if hint else ""
            yield Breach(f"backends.celery.settings.{name}", f"Celery has no setting {name}{suffix}")


@rule(
    "C25",
    "W/E/E",
    why="a task that kills its process is started again without end",
    reference="celery.md 5: with a cap of 3 exactly 4 starts, measured",
    remedy="set retry.max_attempts to at least 2 and at most 100",
)
def lost_workers_are_capped(plan: Plan) -> Iterator[Breach]:
    """A tier with late acknowledgement retries a bounded number of times, and more than once."""
    for tier in own(plan):
        if tier.acks_late and tier.max_attempts < 2:  # noqa: PLR2004  # one repetition
            yield Breach(
                f"tiers.{tier.name}.retry.max_attempts",
                "a task whose process is lost is not repeated at all",
                "set it to 2 or more",
            )
