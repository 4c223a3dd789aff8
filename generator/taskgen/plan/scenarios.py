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
            "unsafe": "1",
        },
    ),
    "stuck": (60, {"depth": "10", "busy": "0"}),
    "abandoned": (30, {"depth": "10", "consumers": "0", "busy": "0"}),
    "deep": (30, {"depth": "deepest"}),
}
"""What differs from the quiet values below."""

OF_THE_WORKER: Final = frozenset(
    {"started", "succeeded", "failed", "lost", "redelivered", "in_time", "waited", "busy", "unsafe"}
)
"""Keys of what the workers serve; the exporter serves the others."""
OF_WAITS: Final = frozenset({"in_time", "waited"})
OF_AGES: Final = frozenset({"oldest"})
_QUIET: Final[Mapping[str, str]] = {
    "started": "5", "succeeded": "5", "failed": "0", "lost": "0", "redelivered": "0", "in_time": "0", "waited": "0",
    "depth": "1", "oldest": "0", "consumers": "1", "busy": "1", "dead": "0",
    "unsafe": "0",
}  # fmt: skip
"""Nothing moves and nothing is wrong."""


def scenarios(
    tiers: tuple[TierPlan, ...],
    alerts: tuple[Alert, ...],
    *,
    deepest: Mapping[str, float],
    absent: Mapping[str, frozenset[str]],
) -> Iterator[Scenario]:
    """Yield one scenario for each situation in which an alert fires, and the healthy one, with every tier in it.

    Args:
        tiers: of the profile.
        alerts: of all tiers.
        deepest: by tier, how many tasks may wait.
        absent: by tier, the keys of series that nobody serves.
    """
    used = {"healthy", *(alert.scenario for alert in alerts)}
    for name, (minutes, changed) in _SITUATIONS.items():
        if name not in used:
            continue
        values = {**_QUIET, **changed}
        yield Scenario(
            name=name,
            minutes=minutes,
            series=tuple(
                Series(series, f"{_value(values[key], tier, deepest[tier.name])}x{minutes}")
                for tier in tiers
                for key, series in _series(tier)
                if key not in absent[tier.name]
            ),
            expected=tuple(_expected(name, alerts)),
        )


def _value(value: str, tier: TierPlan, deepest: float) -> str:
    goal = float(tier.wait_goal.total_seconds())
    return {"many": f"{3 * goal:g}", "deepest": f"{3 * deepest:g}"}.get(value, value)


def _series(tier: TierPlan) -> Iterator[tuple[str, str]]:
    """Yield each series of a tier with its key."""
    worker = f'namespace="{NAMESPACE}",tier="{tier.name}"'
    queue = f'{worker},queue="{tier.queues[0]}"'
    task = f'{queue},task="work"'
    goal = float(tier.wait_goal.total_seconds())
    yield "started", f"task_started_total{{{task}}}"
    yield "succeeded", f"task_succeeded_total{{{task}}}"
    yield "failed", f'task_failed_total{{{task},reason="error"}}'
    yield "lost", f'task_failed_total{{{task},reason="worker_lost"}}'
    yield "redelivered", f"task_redelivered_total{{{task}}}"
    yield "in_time", f'task_queue_wait_seconds_bucket{{{task},le="{goal!r}"}}'
    yield "waited", f"task_queue_wait_seconds_count{{{task}}}"
    yield "depth", f"task_queue_depth{{{queue}}}"
    yield "oldest", f"task_queue_oldest_age_seconds{{{queue}}}"
    yield "consumers", f"task_queue_consumers{{{queue}}}"
    yield "busy", f"task_worker_slots_busy{{{worker}}}"
    yield "unsafe", f'task_worker_plan_differences{{{worker},severity="unsafe"}}'
    if tier.backend == "celery":
        yield "dead", f"task_queue_dead_letter_depth{{{queue}}}"


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
