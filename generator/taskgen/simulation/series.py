"""What happened over time, in as many bins as a picture has room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from taskgen.simulation.measuring import quantile
from taskgen.simulation.outcome import Look, Outcome

MOST_BINS = 240


@dataclass(frozen=True, slots=True)
class Bin:
    """A stretch of time."""

    start: float
    end: float
    arrivals: float
    """tasks per second"""
    waiting: int
    """most tasks in the queue"""
    running: float
    reserved: float
    """tasks that workers hold without running them"""
    ready: int
    wanted: int
    wait_p50: float
    wait_p99: float


def series(outcome: Outcome, bins: int = MOST_BINS) -> tuple[Bin, ...]:
    """Return a run in bins of equal length."""
    looks = outcome.looks
    step = max(1, -(-(len(looks) - 1) // bins))
    edges = [*range(0, len(looks) - 1, step), len(looks) - 1]
    return tuple(_bin(outcome, looks[first : last + 1]) for first, last in pairwise(edges))


def _bin(outcome: Outcome, looks: Sequence[Look]) -> Bin:
    first, last = looks[0], looks[-1]
    waits = sorted(wait for wait in outcome.waits[first.waits : last.waits] if wait >= 0)
    started = max(last.started - first.started, len(waits))
    inside = looks[1:]
    return Bin(
        start=first.at,
        end=last.at,
        arrivals=(last.arrived - first.arrived) / (last.at - first.at) if last.at > first.at else 0.0,
        waiting=max(look.waiting for look in looks),
        running=sum(look.running for look in inside) / len(inside),
        reserved=sum(look.reserved for look in inside) / len(inside),
        ready=last.ready,
        wanted=last.wanted,
        wait_p50=quantile(waits, started, 0.5),
        wait_p99=quantile(waits, started, 0.99),
    )


def as_json(bins: Sequence[Bin]) -> Mapping[str, list[float]]:
    """Return one list for each quantity, for a machine."""
    names = ("start", "arrivals", "waiting", "running", "reserved", "ready", "wanted", "wait_p50", "wait_p99")
    return {name: [round(getattr(one, name), 6) for one in bins] for name in names}
