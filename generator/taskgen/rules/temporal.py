"""Rules of family T: Temporal."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from taskgen.plan.model import Plan
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.engine import Breach, rule

MARGIN: Final = timedelta(seconds=30)
"""What a worker needs after its last activity ([Temporal 10])."""
PAYLOAD: Final = 2 * 2**20
"""Largest payload of one call: 1.99 MiB starts, 2.2 MiB is refused ([Temporal 9], measured)."""
CALLS: Final = {"auto": 3, "activity": 3, "workflow": 7}
"""Calls of one task: start, poll and completion of the activity; as a workflow also two workflow tasks."""
POLLERS: Final = 10
"""Polls that wait at a time for each queue of a worker: 5 for activities, 5 for workflows (the SDK's default)."""
LONG_POLL: Final = timedelta(minutes=1)
"""After it an empty poll returns and is sent again."""


@rule(
    "T01",
    "W/E/E",
    why="running activities are killed before graceful_shutdown_timeout has passed",
    reference="[Temporal 10]: with 10 and 20 s activities finished in one attempt, measured",
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
    reference="[Temporal 10]: cancelled at once, second attempt after 2 s, measured",
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
    why="the tasks of a killed worker wait until heartbeat or start_to_close timeout and a retry delay have passed",
    reference="[Temporal 10]: 60.0 s without heartbeat, 4.0 s with 3 s, measured",
    remedy="raise recovery_goal, or shorten time_limit or retry.max_delay",
)
def recovery_is_soon_enough(plan: Plan) -> Iterator[Breach]:
    """The tasks of a killed worker run again within the recovery goal."""
    for tier in plan.tiers_of("temporal"):
        if tier.recovery_time is not None and tier.recovery_time > tier.recovery_goal:
            yield Breach(f"tiers.{tier.name}.recovery_goal", f"tasks run again only after {text(tier.recovery_time)}")


@rule(
    "T23",
    "W/E/E",
    why="the result is gone before it is read",
    reference="[Temporal 3]",
    remedy="raise backends.temporal.retention (and that of the namespace), or lower task.result_lookup",
)
def results_outlive_their_readers(plan: Plan) -> Iterator[Breach]:
    """The namespace keeps closed executions as long as results are looked up."""
    settings = plan.profile.backends.temporal
    for tier in plan.tiers_of("temporal"):
        if settings and settings.retention < tier.result_lookup:
            what = f"{text(settings.retention)} is shorter than result_lookup of tier {tier.name}"
            yield Breach("backends.temporal.retention", what)


@rule(
    "T12",
    "W/W/W",
    why="the server answers RESOURCE_EXHAUSTED: submits and polls are delayed when the load is highest",
    reference="[Temporal 4]: 5 pollers of each kind by default; reasoning for the calls of one task",
    remedy="raise the namespace's limit and backends.temporal.calls_per_second, or use mode: activity",
)
def calls_fit(plan: Plan) -> Iterator[Breach]:
    """The namespace allows the calls of the fleet at its peak."""
    settings = plan.profile.backends.temporal
    if settings is None:
        return
    tiers = plan.tiers_of("temporal")
    tasks = sum(tier.peak for tier in tiers) * CALLS[settings.mode]
    polls = sum(tier.rolling_replicas * len(tier.queues) for tier in tiers) * POLLERS / LONG_POLL.total_seconds()
    if tasks + polls > settings.calls_per_second:
        what = f"{tasks + polls:.0f} calls per second are needed, {settings.calls_per_second} are allowed"
        yield Breach("backends.temporal.calls_per_second", what)


@rule(
    "T24",
    "N/N/N",
    why="the server refuses the call: blob data size exceeds limit",
    reference="[Temporal 9]: 1.99 MiB starts, 2.2 MiB is refused, measured",
    remedy="keep large data in an object store and pass a reference",
)
def payloads_fit(plan: Plan) -> Iterator[Breach]:
    """Arguments and results are at most 2 MiB."""
    for tier in plan.tiers_of("temporal"):
        for leaf in ("payload", "result"):
            size = getattr(tier.profile.task, leaf)
            if size > PAYLOAD:
                yield Breach(f"tiers.{tier.name}.task.{leaf}", f"{size / 2**20:.1f}Mi is more than 2Mi")


@rule(
    "T28",
    "W/W/E",
    why="an older server knows no standalone activities: every submit fails",
    reference="[Temporal 5]: public preview, server 1.32",
    remedy="use mode: auto, which asks the server; or waive T28 with the version of yours",
)
def preview_is_not_forced(plan: Plan) -> Iterator[Breach]:
    """Standalone activities are used where the server has them, not by force."""
    settings = plan.profile.backends.temporal
    if settings and plan.tiers_of("temporal") and settings.mode == "activity":
        yield Breach("backends.temporal.mode", "nobody can tell here whether the server has standalone activities")
