"""Alert rules on our own metrics, with thresholds from the objectives, and the series that prove them.

Sources: [Monitoring 3] to [Monitoring 6] (own metrics, patterns that look right and are silent).
"""

import math
from collections.abc import Iterator

from taskgen.plan.alert_maker import MINUTE, AlertMaker, number
from taskgen.plan.burns import failure_burns, recordings, wait_burns
from taskgen.plan.counted import ages_are_known, waits_are_known, worker_counts
from taskgen.plan.expiry import expiries
from taskgen.plan.model import TierPlan
from taskgen.plan.monitoring import Alert, RulesPlan, TierRules
from taskgen.plan.scenarios import OF_AGES, OF_THE_WORKER, OF_WAITS, scenarios
from taskgen.profile.model import Profile


def deepest_backlog(tier: TierPlan) -> float:
    """Return how many tasks the tier at its largest works off within the goal of its wait.

    max_replicas x concurrency / mean_duration x wait_goal: where nobody knows how long a task has waited, a backlog
    beyond it means that the goal cannot be kept.
    """
    slots = max(tier.max_replicas, 1) * tier.concurrency
    return float(max(1, math.floor(slots * (tier.wait_goal / tier.mean_duration))))


def alerts(tier: TierPlan, runbooks: str, profile: Profile) -> Iterator[Alert]:
    """Yield the alerts of one tier, as far as somebody counts what they ask for.

    Args:
        tier: its plan.
        runbooks: address of the runbook, without the section.
        profile: whose application it is.
    """
    alert = AlertMaker(tier, runbooks)
    yield from _of_the_exporter(tier, alert, ages=ages_are_known(profile, tier.backend))
    if worker_counts(profile):
        yield from _of_the_worker(tier, alert)
        if waits_are_known(profile):
            yield from wait_burns(tier, alert)
        yield from failure_burns(tier, alert)


def _of_the_exporter(tier: TierPlan, alert: AlertMaker, *, ages: bool) -> Iterator[Alert]:
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


def _of_the_worker(tier: TierPlan, alert: AlertMaker) -> Iterator[Alert]:
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
        expiries=tuple(expiries(profile, tiers, runbooks)),
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
