"""Alert rules on our own metrics, with thresholds from the objectives, and the series that prove them.

Sources: [Monitoring 3] to [Monitoring 6] (own metrics, patterns that look right and are silent), and chapter 5 of the
SRE workbook for burn rates.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from taskgen.plan.counted import ages_are_known, waits_are_known, worker_counts
from taskgen.plan.model import TierPlan
from taskgen.plan.monitoring import Alert, Recording, RulesPlan, TierRules
from taskgen.plan.scenarios import OF_AGES, OF_THE_WORKER, OF_WAITS, scenarios
from taskgen.profile.model import Profile

MINUTE: Final = timedelta(minutes=1)
NO_TIME: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Burn:
    """One row of the workbook's table: windows, the share of the budget as a factor, and how urgent it is."""

    name: str
    long: str
    short: str
    factor: float
    hold: timedelta
    severity: str
    hours: int


BURNS: Final = (
    Burn("Fast", "1h", "5m", 14.4, 2 * MINUTE, "page", 1),
    Burn("Medium", "6h", "30m", 6.0, 15 * MINUTE, "page", 6),
    Burn("Slow", "3d", "6h", 1.0, 60 * MINUTE, "ticket", 72),
)
WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")
LONG_WINDOWS: Final = ("6h", "3d")
"""Windows whose recording rules are evaluated every five minutes: the range is costly ([Monitoring 6])."""


def number(value: float) -> str:
    """Return a threshold as PromQL writes it, without binary noise."""
    return f"{round(value, 10):.10g}"


def wait_bound(tier: TierPlan) -> str:
    """Return the `le` of the wait goal as our exposition writes it: always a float ([Monitoring 2.3])."""
    return repr(float(tier.wait_goal.total_seconds()))


def deepest_backlog(tier: TierPlan) -> float:
    """Return how many tasks the tier at its largest works off within the goal of its wait.

    max_replicas x concurrency / mean_duration x wait_goal: where nobody knows how long a task has waited, a backlog
    beyond it means that the goal cannot be kept.
    """
    slots = max(tier.max_replicas, 1) * tier.concurrency
    return float(max(1, math.floor(slots * (tier.wait_goal / tier.mean_duration))))


def recordings(tier: TierPlan, *, waits: bool = True) -> Iterator[Recording]:
    """Yield the recording rules of one tier: share of failed tasks, share of slow starts, finished tasks."""
    this = f'tier="{tier.name}"'
    by = "sum by (namespace, tier)"
    for window in WINDOWS:
        failed = f"{by} (rate(task_failed_total{{{this}}}[{window}]))"
        succeeded = f"{by} (rate(task_succeeded_total{{{this}}}[{window}]))"
        waited = f"{by} (rate(task_queue_wait_seconds_count{{{this}}}[{window}]))"
        in_time = f'{by} (rate(task_queue_wait_seconds_bucket{{{this}, le="{wait_bound(tier)}"}}[{window}]))'
        long = window in LONG_WINDOWS
        yield Recording(
            record=f"tier:task_failures:ratio_rate{window}", expr=f"{failed} / ({failed} + {succeeded} > 0)", long=long
        )
        if waits:
            yield Recording(
                record=f"tier:task_wait_slow:ratio_rate{window}", expr=f"1 - {in_time} / ({waited} > 0)", long=long
            )
    for burn in BURNS:
        parts = [
            f"{by} (increase({name}{{{this}}}[{burn.long}]))" for name in ("task_failed_total", "task_succeeded_total")
        ]
        yield Recording(
            record=f"tier:task_finished:increase{burn.long}", expr=" + ".join(parts), long=burn.long in LONG_WINDOWS
        )


def alerts(tier: TierPlan, runbooks: str, profile: Profile) -> Iterator[Alert]:
    """Yield the alerts of one tier, as far as somebody counts what they ask for.

    Args:
        tier: its plan.
        runbooks: address of the runbook, without the section.
        profile: whose application it is.
    """
    alert = _Maker(tier, runbooks)
    yield from _of_the_exporter(tier, alert, ages=ages_are_known(profile, tier.backend))
    if worker_counts(profile):
        yield from _of_the_worker(tier, alert)
        if waits_are_known(profile):
            yield from _wait_burns(tier, alert)
        yield from _failure_burns(tier, alert)


def _of_the_exporter(tier: TierPlan, alert: "_Maker", *, ages: bool) -> Iterator[Alert]:
    """Yield the alerts on what the exporter reads from the broker or the engine."""
    this = f'tier="{tier.name}"'
    by_queue, by_tier = "by (namespace, tier, queue)", "by (namespace, tier)"
    queue = {"queue": tier.queues[0]}
    yield alert(
        "TierNoConsumers",
        f"(sum {by_queue} (task_queue_depth{{{this}}}) > 0)"
        f" unless on (namespace, tier, queue) (sum {by_queue} (task_queue_consumers{{{this}}}) > 0)",
        summary="{{ $labels.queue }} has tasks and no consumer",
        hold=5 * MINUTE,
        section="no-consumers",
        scenario="abandoned",
        kept=queue,
    )
    if ages:
        yield alert(
            "TierOldestTaskTooOld",
            f"max {by_queue} (task_queue_oldest_age_seconds{{{this}}}) > {number(2 * tier.wait_goal.total_seconds())}",
            summary="{{ $labels.queue }}: the oldest task waits more than twice the goal",
            hold=2 * MINUTE,
            section="wait",
            kept=queue,
        )
    else:
        yield alert(
            "TierBacklogTooDeep",
            f"sum {by_tier} (task_queue_depth{{{this}}}) > {number(deepest_backlog(tier))}",
            summary=f"{tier.name}: more tasks wait than all replicas work off within the goal",
            hold=5 * MINUTE,
            section="wait",
            scenario="deep",
        )
    if tier.backend == "celery":  # the others have no queue of dead letters: the exporter serves no depth of one
        yield alert(
            "TierDeadLetter",
            f"sum {by_queue} (task_queue_dead_letter_depth{{{this}}}) > 0",
            summary="{{ $labels.queue }} has dead letters",
            hold=60 * MINUTE,
            severity="ticket",
            section="dead-letter",
            kept=queue,
        )


def _of_the_worker(tier: TierPlan, alert: "_Maker") -> Iterator[Alert]:
    """Yield the alerts on what the workers count."""
    this = f'tier="{tier.name}"'
    by_tier = "by (namespace, tier)"
    yield alert(
        "TierStalled",
        f"(sum {by_tier} (task_queue_depth{{{this}}}) > 0)"
        f" and on (namespace, tier) (sum {by_tier} (task_queue_consumers{{{this}}}) > 0)"
        f" unless on (namespace, tier) (sum {by_tier} (rate(task_started_total{{{this}}}[15m])) > 0)"
        f" unless on (namespace, tier) (sum {by_tier} (rate(task_succeeded_total{{{this}}}[15m])) > 0)"
        f" unless on (namespace, tier) (sum {by_tier} (task_worker_slots_busy{{{this}}}) > 0)",
        summary=f"{tier.name}: consumers are connected, nothing starts or ends",
        hold=15 * MINUTE,
        section="stalled",
        scenario="stuck",
    )
    yield alert(
        "TierWorkerLost",
        f'sum by (namespace, tier, task) (increase(task_failed_total{{{this}, reason="worker_lost"}}[15m])) > 0',
        summary="{{ $labels.task }}: the worker process was lost",
        severity="ticket",
        section="worker-lost",
        kept={"task": "work"},
    )
    yield alert(
        "TierRedelivery",
        f"sum {by_tier} (rate(task_redelivered_total{{{this}}}[30m]))"
        f" > 0.05 * sum {by_tier} (rate(task_started_total{{{this}}}[30m]))",
        summary=f"{tier.name}: more than 5% of the starts are redeliveries",
        hold=30 * MINUTE,
        section="redelivery",
    )
    yield alert(
        "TierPlanDifference",
        f'max {by_tier} (task_worker_plan_differences{{{this}, severity="unsafe"}}) > 0',
        summary=f"{tier.name}: a worker runs otherwise than planned, and could lose or repeat work",
        hold=10 * MINUTE,
        severity="ticket",
        section="plan-difference",
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the alerts of one tier; most of them fire in the scenario `burning`."""

    tier: TierPlan
    runbooks: str

    def __call__(  # the parts of an alert
        self,
        name: str,
        expr: str,
        *,
        summary: str,
        section: str,
        hold: timedelta = NO_TIME,
        severity: str = "page",
        scenario: str = "burning",
        kept: Mapping[str, str] | None = None,
    ) -> Alert:
        return Alert(
            alert=name,
            expr=expr,
            hold=hold,
            severity=severity,
            summary=summary,
            runbook=f"{self.runbooks}#{section}",
            scenario=scenario,
            tier=self.tier.name,
            priority=self.tier.profile.priority,
            kept=kept or {},
        )


def _both(record: str, tier: TierPlan, burn: Burn, budget: float) -> str:
    """Return the condition over both windows: the short one makes the alert end soon."""
    over = f'{{tier="{tier.name}"}} > {number(burn.factor * budget)}'
    return f"{record}{burn.long}{over} and {record}{burn.short}{over}"


def _wait_burns(tier: TierPlan, alert: _Maker) -> Iterator[Alert]:
    budget = round(1 - tier.wait_quantile, 10)
    for burn in BURNS:
        if burn.factor * budget < 1:
            yield alert(
                f"TierWait{burn.name}Burn",
                _both("tier:task_wait_slow:ratio_rate", tier, burn, budget),
                summary=f"{tier.name}: too many tasks wait longer than {number(tier.wait_goal.total_seconds())} s",
                hold=burn.hold,
                severity=burn.severity,
                section="wait",
            )


def _failure_burns(tier: TierPlan, alert: _Maker) -> Iterator[Alert]:
    """Yield the burn-rate alerts on failures; where tasks are too rare for a window, any failure is a ticket."""
    budget = round(1 - tier.success, 10)
    rare = budget == 0
    for burn in BURNS:
        if not 0 < burn.factor * budget < 1:
            continue
        # At least three bad tasks are needed before anybody is woken ([Monitoring 6]).
        needed = math.ceil(3 / (burn.factor * budget))
        if tier.rate * burn.hours * 3600 < needed:
            rare = True
            continue
        yield alert(
            f"TierFailure{burn.name}Burn",
            _both("tier:task_failures:ratio_rate", tier, burn, budget)
            + f' and tier:task_finished:increase{burn.long}{{tier="{tier.name}"}} >= {needed}',
            summary=f"{tier.name}: the failure budget burns {number(burn.factor)} times too fast",
            hold=burn.hold,
            severity=burn.severity,
            section="failures",
        )
    if rare:
        yield alert(
            "TierFailed",
            f'sum by (namespace, tier) (increase(task_failed_total{{tier="{tier.name}"}}[1h])) > 0',
            summary=f"{tier.name}: tasks failed",
            severity="ticket",
            section="failures",
        )


def _absent(profile: Profile, tier: TierPlan) -> frozenset[str]:
    found = frozenset() if worker_counts(profile) else OF_THE_WORKER
    found |= frozenset() if waits_are_known(profile) else OF_WAITS
    return found | (frozenset() if ages_are_known(profile, tier.backend) else OF_AGES)


def rules_plan(profile: Profile, tiers: tuple[TierPlan, ...]) -> RulesPlan:
    """Return the rules of a profile."""
    runbooks = profile.monitoring.alerts.runbooks or "docs/runbooks/tier.md"
    found = tuple(
        TierRules(
            tier=tier.name,
            recordings=tuple(recordings(tier, waits=waits_are_known(profile))) if worker_counts(profile) else (),
            alerts=tuple(alerts(tier, runbooks, profile)),
        )
        for tier in tiers
    )
    # absent() covers the exporter that is away; its series then are too ([Monitoring 5], pattern 3).
    up = {tier.backend: f'task_backend_up{{backend="{tier.backend}"}}' for tier in tiers}
    return RulesPlan(
        blind={backend: f"{series} == 0 or absent({series})" for backend, series in up.items()},
        tiers=found,
        scenarios=tuple(
            scenarios(
                tiers,
                tuple(alert for rules in found for alert in rules.alerts),
                deepest={tier.name: deepest_backlog(tier) for tier in tiers},
                absent={tier.name: _absent(profile, tier) for tier in tiers},
            )
        ),
        runbook=f"{runbooks}#exporter",
    )
