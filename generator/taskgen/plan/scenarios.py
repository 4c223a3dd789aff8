"""Unit tests of the alert rules: series in which each alert must fire, and series in which all must be silent."""

from collections.abc import Iterator, Mapping
from typing import Final

from taskgen.plan.model import TierPlan
from taskgen.plan.monitoring import Alert, Expected, Scenario, Series

NAMESPACE: Final = "test"


_SITUATIONS: Final[Mapping[str, tuple[int, Mapping[str, str]]]] = {
    # name: minutes, values by series; a trend is `start+step`, a constant is one number.
    "healthy": (75, {"started": "0+600", "succeeded": "0+600", "in_time": "0+600", "waited": "0+600"}),
    "burning": (
        75,
        {
            **dict.fromkeys(("started", "failed", "lost", "redelivered", "waited"), "0+600"),
            "oldest": "many",
            "dead": "5",
        },
    ),
    "stuck": (60, {"depth": "10", "busy": "0"}),
    "abandoned": (30, {"depth": "10", "consumers": "0", "busy": "0"}),
}
"""What differs from the quiet values below."""

_QUIET: Final[Mapping[str, str]] = {
    "started": "5", "succeeded": "5", "failed": "0", "lost": "0", "redelivered": "0", "in_time": "0", "waited": "0",
    "depth": "1", "oldest": "0", "consumers": "1", "busy": "1", "dead": "0",
}  # fmt: skip
"""Nothing moves and nothing is wrong."""


def scenarios(tiers: tuple[TierPlan, ...], alerts: tuple[Alert, ...]) -> Iterator[Scenario]:
    """Yield one scenario for each situation, with every tier in it."""
    for name, (minutes, changed) in _SITUATIONS.items():
        values = {**_QUIET, **changed}
        yield Scenario(
            name=name,
            minutes=minutes,
            series=tuple(series for tier in tiers for series in _series(tier, values, minutes)),
            expected=tuple(_expected(name, alerts)),
        )


def _series(tier: TierPlan, values: Mapping[str, str], minutes: int) -> Iterator[Series]:
    queue = f'namespace="{NAMESPACE}",tier="{tier.name}",queue="{tier.queues[0]}"'
    task = f'{queue},task="work"'
    goal = float(tier.wait_goal.total_seconds())
    rows = {
        "started": f"task_started_total{{{task}}}",
        "succeeded": f"task_succeeded_total{{{task}}}",
        "failed": f'task_failed_total{{{task},reason="error"}}',
        "lost": f'task_failed_total{{{task},reason="worker_lost"}}',
        "redelivered": f"task_redelivered_total{{{task}}}",
        "in_time": f'task_queue_wait_seconds_bucket{{{task},le="{goal!r}"}}',
        "waited": f"task_queue_wait_seconds_count{{{task}}}",
        "depth": f"task_queue_depth{{{queue}}}",
        "oldest": f"task_queue_oldest_age_seconds{{{queue}}}",
        "consumers": f"task_queue_consumers{{{queue}}}",
        "busy": f'task_worker_slots_busy{{namespace="{NAMESPACE}",tier="{tier.name}"}}',
    }
    if tier.backend == "celery":
        rows["dead"] = f"task_queue_dead_letter_depth{{{queue}}}"
    for key, series in rows.items():
        value = values[key] if values[key] != "many" else f"{3 * goal:g}"
        yield Series(series, f"{value}x{minutes}")


def _expected(scenario: str, alerts: tuple[Alert, ...]) -> Iterator[Expected]:
    for name in dict.fromkeys(alert.alert for alert in alerts):
        firing = [alert for alert in alerts if alert.alert == name and alert.scenario == scenario]
        labels = [
            {
                "severity": alert.severity,
                "priority": alert.priority,
                "namespace": NAMESPACE,
                "tier": alert.tier,
                **alert.kept,
            }
            for alert in firing
        ]
        summaries = []
        for alert in firing:
            text = alert.summary
            for key, value in alert.kept.items():
                text = text.replace(f"{{{{ $labels.{key} }}}}", value)
            summaries.append(text)
        yield Expected(name, tuple(labels), tuple(summaries), tuple(alert.runbook for alert in firing))
