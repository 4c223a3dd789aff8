"""Rules of family H: Hatchet."""

import re
from collections.abc import Iterator
from datetime import timedelta

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

MARGIN = timedelta(seconds=30)
TIMER_DELAY = timedelta(seconds=60)
"""Retry timers are polled every 1 to 30 s: asked 2 s, came after 23 to 44 s (engine-measured)."""
_NAME = re.compile(r"[a-z][a-z0-9_*?\[\]-]*")


@rule(
    "H02",
    "W/E/E",
    why="the worker drains without a limit of its own and is killed in the middle of a task",
    reference="hatchet.md 6: exit about 4 s after the last task, measured",
    remedy="raise shutdown.grace, or leave it out: it is derived",
)
def grace_covers_the_longest_task(plan: Plan) -> Iterator[Breach]:
    """The grace period is at least the execution timeout plus 30 s."""
    for tier in plan.tiers_of("hatchet"):
        if tier.shutdown_mode == "drain" and tier.grace < tier.time_limit + MARGIN:
            what = f"{text(tier.grace)} is shorter than time_limit + 30s = {text(tier.time_limit + MARGIN)}"
            yield Breach(f"tiers.{tier.name}.shutdown.grace", what)


@rule(
    "H12",
    "E/E/E",
    why="the engine lower-cases names, and scaling reads them as JSON paths: such tasks are lost or not counted",
    reference="hatchet.md 0 and 3, engine-measured",
    remedy="name tasks with lower-case letters, digits, _ and -",
)
def names_survive_the_engine(plan: Plan) -> Iterator[Breach]:
    """Names of tasks on Hatchet have no dots and no capitals."""
    for queue in plan.queues:
        if queue.backend == "hatchet":
            for glob in queue.tasks:
                if not _NAME.fullmatch(glob) and glob != "*":
                    yield Breach(
                        f"queues.{queue.name}.tasks", f"task name {glob} has a dot, a capital or begins with no letter"
                    )
    for schedule in plan.schedules:
        if schedule.backend == "hatchet" and not _NAME.fullmatch(schedule.task):
            yield Breach(
                f"schedules.{schedule.name}.task",
                f"task name {schedule.task} has a dot, a capital or begins with no letter",
            )


@rule(
    "H22",
    "W/W/W",
    why="a declared retry delay is a minimum: it comes up to 30 s late per attempt in an idle tenant",
    reference="hatchet.md 0: asked 2 s, came after 23 to 44 s, engine-measured",
    remedy="allow a wait goal of 60s and more, or one attempt",
)
def retried_tasks_have_loose_goals(plan: Plan) -> Iterator[Breach]:
    """A tier whose tasks are retried has a wait goal of at least 60 s."""
    for tier in plan.tiers_of("hatchet"):
        if tier.max_attempts > 1 and tier.wait_goal < TIMER_DELAY:
            yield Breach(
                f"tiers.{tier.name}.slo.wait",
                f"{text(tier.wait_goal)} cannot be kept by a task that is retried",
            )


@rule(
    "H23",
    "W/E/E",
    why="after the timeout the old thread runs on beside the next attempt",
    reference="hatchet.md 0: 12 s beside the second attempt, engine-measured",
    remedy="declare idempotent: true, or cancellable: true for tasks that are coroutines or poll cancellation",
)
def overlapping_attempts_are_harmless(plan: Plan) -> Iterator[Breach]:
    """Tasks that are retried are idempotent, or notice that they were cancelled."""
    for tier in plan.tiers_of("hatchet"):
        if tier.max_attempts > 1 and not tier.all_idempotent and not tier.cancellable:
            yield Breach(f"tiers.{tier.name}.task.idempotent", "attempts of one task may overlap")


@rule(
    "H24",
    "W/E/E",
    why="a sync task keeps the process to its end all the same, its result is thrown away, and it runs again",
    reference="hatchet.md 0: 12 s, then again 27 s later, engine-measured",
    remedy="use shutdown: drain, or declare cancellable: true for coroutines",
)
def only_coroutines_are_cut(plan: Plan) -> Iterator[Breach]:
    """Only tasks that can be cancelled are cut."""
    for tier in plan.tiers_of("hatchet"):
        if tier.shutdown_mode == "cut" and not tier.cancellable:
            yield Breach(f"tiers.{tier.name}.shutdown.mode", "its tasks cannot be cancelled")
