"""Figures of one run, and their spread over the runs of several seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from taskgen.simulation.arrivals import Load
from taskgen.simulation.cost import HOUR_S, Prices
from taskgen.simulation.durations import SECOND
from taskgen.simulation.model import TierModel
from taskgen.simulation.outcome import Outcome

RISE = 1.5
"""A rate that grows by this factor at once is a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run in numbers; waits in seconds."""

    tasks: int
    wait_mean: float
    wait_p50: float
    wait_p95: float
    wait_p99: float
    wait_max: float
    wait_goal_quantile: float
    """the quantile that the goal speaks of"""
    share_above_goal: float
    replicas_mean: float
    replicas_max: int
    size_changes: int
    utilisation: float
    """share of the slots of ready workers that run a task"""
    time_at_max: float
    """share of the time at the largest size that is allowed"""
    reaction: float | None
    """from a step of the load to the first further worker; None: there was no step, or no worker"""
    hit: int
    """tasks that ran on a worker when it was told to stop"""
    interrupted: int
    redelivered: int
    lost: int
    failed: int
    waiting_at_end: int
    replica_hours: float
    cost: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the seeds."""

    mean: float
    least: float
    most: float


def figures(tier: TierModel, load: Load, outcome: Outcome, prices: Prices) -> Figures:
    """Return the figures of a run."""
    waits = sorted([wait for wait in outcome.waits[outcome.first_wait :] if wait >= 0] + outcome.left)
    tasks = outcome.measured + len(outcome.left)
    goal = tier.goal.wait_s * SECOND
    counts, looks = outcome.counts, outcome.looks
    slots = sum(look.ready for look in looks) * tier.worker.slots
    return Figures(
        tasks=counts.submitted,
        wait_mean=sum(waits) / tasks / SECOND if tasks else 0.0,
        wait_p50=quantile(waits, tasks, 0.5),
        wait_p95=quantile(waits, tasks, 0.95),
        wait_p99=quantile(waits, tasks, 0.99),
        wait_max=waits[-1] / SECOND if waits else 0.0,
        wait_goal_quantile=quantile(waits, tasks, tier.goal.quantile),
        share_above_goal=sum(wait > goal for wait in waits) / tasks if tasks else 0.0,
        replicas_mean=outcome.pod_seconds / outcome.seconds,
        replicas_max=max(look.wanted for look in looks),
        size_changes=counts.changes,
        utilisation=min(1.0, sum(look.running for look in looks) / slots) if slots else 0.0,
        time_at_max=sum(look.wanted >= tier.scaler.most for look in looks) / len(looks),
        reaction=_reaction(load, outcome),
        hit=counts.hit,
        interrupted=counts.interrupted,
        redelivered=counts.redelivered,
        lost=counts.lost,
        failed=counts.failed,
        waiting_at_end=counts.waiting,
        replica_hours=outcome.pod_seconds / HOUR_S,
        cost=prices.cost(pod_seconds=outcome.pod_seconds, vcpu=tier.vcpu, memory_gib=tier.memory_gib),
    )


def quantile(waits: Sequence[int], tasks: int, share: float) -> float:
    """Return a quantile in seconds by nearest rank: the smallest wait that this share of the tasks does not exceed.

    Args:
        waits: ascending microseconds, of the tasks that waited.
        tasks: all tasks; those that `waits` does not hold waited 0.
        share: which quantile.
    """
    rank = math.ceil(round(share * tasks, 6)) - 1 - (tasks - len(waits))
    return waits[rank] / SECOND if rank >= 0 and waits else 0.0


def _reaction(load: Load, outcome: Outcome) -> float | None:
    for before, after in zip(load.pieces, load.pieces[1:], strict=False):
        if after.rate > RISE * before.rate:
            return next((at - before.end for at in outcome.ready_at if at > before.end), None)
    return None


def spread(runs: Sequence[Figures]) -> Mapping[str, Spread | None]:
    """Return every figure with its mean and its extremes over the seeds; None where no run has it."""
    found: dict[str, Spread | None] = {}
    for field in fields(Figures):
        values = [value for run in runs if (value := getattr(run, field.name)) is not None]
        found[field.name] = Spread(sum(values) / len(values), min(values), max(values)) if values else None
    return found


def as_json(spreads: Mapping[str, Spread | None]) -> dict[str, dict[str, float] | None]:
    """Return figures for a machine, rounded to what is meant."""
    return {
        name: None if one is None else {key: round(value, 6) for key, value in asdict(one).items()}
        for name, one in spreads.items()
    }
