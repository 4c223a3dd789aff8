"""Rules of family T: Temporal."""

from collections.abc import Iterator
from datetime import timedelta

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

MARGIN = timedelta(seconds=30)
"""What a worker needs after its last activity (temporal.md 10)."""


@rule(
    "T01",
    "W/E/E",
    why="running activities are killed before graceful_shutdown_timeout has passed",
    reference="temporal.md 10: with 10 and 20 s activities finished in one attempt, measured",
    remedy="raise shutdown.grace, or leave it out: it is derived",
)
def grace_covers_graceful_shutdown(plan: Plan) -> Iterator[Breach]:
    """The grace period is at least graceful_shutdown_timeout plus 30 s."""
    for tier in plan.tiers_of("temporal"):
        need = tier.graceful_shutdown + MARGIN
        if tier.grace < need:
            what = f"{text(tier.grace)} is shorter than graceful_shutdown_timeout + 30s = {text(need)}"
            yield Breach(f"tiers.{tier.name}.shutdown.grace", what)


@rule(
    "T03",
    "W/E/E",
    why="an activity that is cut and has no further attempt fails at every deployment",
    reference="temporal.md 10: cancelled at once, second attempt after 2 s, measured",
    remedy="use shutdown: drain, or retry.max_attempts of 2 and more with idempotent tasks",
)
def cut_activities_are_repeated(plan: Plan) -> Iterator[Breach]:
    """A tier that is cut repeats its activities, and may do so."""
    for tier in plan.tiers_of("temporal"):
        if tier.shutdown_mode == "cut" and (tier.max_attempts < 2 or not tier.all_idempotent):  # noqa: PLR2004  # one repetition
            yield Breach(
                f"tiers.{tier.name}.shutdown.mode",
                "tasks that are cut have no further attempt, or must not be repeated",
            )


@rule(
    "T06",
    "N/W/W",
    why="the tasks of a killed worker wait until start_to_close has passed",
    reference="temporal.md 10: 60.0 s without heartbeat, 4.0 s with 3 s, measured",
    remedy="raise recovery_goal, or shorten time_limit",
)
def recovery_is_soon_enough(plan: Plan) -> Iterator[Breach]:
    """The tasks of a killed worker run again within the recovery goal."""
    for tier in plan.tiers_of("temporal"):
        if tier.recovery_time > tier.recovery_goal:
            yield Breach(f"tiers.{tier.name}.recovery_goal", f"tasks run again only after {text(tier.recovery_time)}")


@rule(
    "T23",
    "W/E/E",
    why="the result is gone before it is read",
    reference="temporal.md 3",
    remedy="raise backends.temporal.retention (and that of the namespace), or lower task.result_lookup",
)
def results_outlive_their_readers(plan: Plan) -> Iterator[Breach]:
    """The namespace keeps closed executions as long as results are looked up."""
    settings = plan.profile.backends.temporal
    for tier in plan.tiers_of("temporal"):
        if settings and settings.retention < tier.result_lookup:
            what = f"{text(settings.retention)} is shorter than result_lookup of tier {tier.name}"
            yield Breach("backends.temporal.retention", what)
