"""Small tiers for the tests of the simulation."""

from dataclasses import replace
from random import Random

from taskgen.simulation import durations, hpa
from taskgen.simulation.arrivals import Load, Piece, chunks
from taskgen.simulation.cost import Prices
from taskgen.simulation.durations import SECOND
from taskgen.simulation.measuring import figures
from taskgen.simulation.model import Ending, Goal, Scaler, Signal, TierModel, Worker

PRICES = Prices("USD", 0.04, 0.004)
BOTH = (Signal("waiting", 4), Signal("in_flight", 3.2))
ALONE = (Signal("waiting", 4),)
BEHAVIOR = hpa.Behavior(
    hpa.Rules(window_s=0, policies=(hpa.Policy("Percent", 100, 30), hpa.Policy("Pods", 4, 30))),
    hpa.Rules(window_s=300, policies=(hpa.Policy("Percent", 50, 60),)),
)
STEP = Load((Piece(600, 2.0), Piece(1800, 10.0), Piece(3000, 2.0)))


def fixed(*, slots=4, pods=2, table=None, **more):
    """A tier whose size never changes."""
    return TierModel(
        name="fixed",
        table=table or durations.exponential(3.0),
        worker=Worker(slots=slots),
        scaler=Scaler(kind="fixed", least=pods, most=pods),
        goal=Goal(quantile=0.99, wait_s=30),
        vcpu=1.0,
        memory_gib=2.0,
        **more,
    )


def scaled(*, signals=BOTH, least=3, most=20, kind="keda", behavior=BEHAVIOR, scaler=None, **more):
    """A tier under its autoscaler: 4 slots, 3 s a task."""
    tier = fixed(ending=more.pop("ending", Ending(tasks_get_s=600.0, recovery_s=60.0)))
    size = Scaler(kind=kind, least=least, most=most, signals=signals, behavior=behavior, **(scaler or {}))
    return replace(tier, name="scaled", scaler=size, **more)


def constant(rate, *, seconds):
    """A load at one rate."""
    return Load((Piece(seconds, rate),))


def burst(count, *, at=10, seconds=600):
    """Tasks that all arrive at once."""
    return Load((Piece(seconds, 0.0),), (at * SECOND,) * count)


def drawn(tier, load, seed):
    """The arrivals and durations that a run of this seed draws."""
    streams = {name: Random(f"{seed}:{name}") for name in ("arrivals", "service")}  # noqa: S311  # as the engine
    arrivals = [time for _, found in chunks(load, streams["arrivals"]) for time in found]
    service = streams["service"].random
    return arrivals, [tier.table[int(service() * len(tier.table))] for _ in arrivals]


def measured(tier, load, outcome):
    """The figures of a run."""
    return figures(tier, load, outcome, PRICES)
