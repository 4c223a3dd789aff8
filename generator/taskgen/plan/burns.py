"""Burn rates: the series that are recorded for each tier, and the alerts on budgets of waits and failures.

Sources: chapter 5 of the SRE workbook; [Monitoring 6] for what it leaves out (rare tasks, costly ranges).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from taskgen.plan.alert_maker import MINUTE, AlertMaker, number
from taskgen.plan.model import TierPlan
from taskgen.plan.monitoring import Alert, Recording


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


def wait_bound(tier: TierPlan) -> str:
    """Return the `le` of the wait goal as our exposition writes it: always a float ([Monitoring 2.3])."""
    return repr(float(tier.wait_goal.total_seconds()))


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


def _both(record: str, tier: TierPlan, burn: Burn, budget: float) -> str:
    """Return the condition over both windows: the short one makes the alert end soon."""
    over = f'{{tier="{tier.name}"}} > {number(burn.factor * budget)}'
    return f"{record}{burn.long}{over} and {record}{burn.short}{over}"


def wait_burns(tier: TierPlan, alert: AlertMaker) -> Iterator[Alert]:
    """Yield the burn-rate alerts on waits longer than the goal."""
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


def failure_burns(tier: TierPlan, alert: AlertMaker) -> Iterator[Alert]:
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
