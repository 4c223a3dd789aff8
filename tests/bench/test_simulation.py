"""How fast the simulation is: a day of one tier, beside the plainest simulation of the same queue.

`python -m tests.bench.test_simulation` prints the table of docs/simulate.md; the test fails on a ratio only.
"""

import sys
import time
from collections.abc import Callable

import pytest

from taskgen.simulation import durations
from taskgen.simulation.arrivals import DAY_S, Load, load_of
from taskgen.simulation.engine import simulate
from taskgen.simulation.measuring import figures
from taskgen.simulation.model import Metric, Scaler, Signal, TierModel, Worker
from tests.support import plain_queue
from tests.unit.simulation.tiers import BEHAVIOR, PRICES, constant, drawn, fixed

ROUNDS = 3
PEER_S = 3600.0
"""The plain simulation runs for an hour: a day would take a minute."""
RATE = 50.0


def day_tier(**worker: int) -> TierModel:
    """A tier of 0.8 s tasks on 8 slots a worker, under KEDA, as prod-celery's `api` but ten times busier."""
    return TierModel(
        name="day",
        table=durations.lognormal(0.8, 8.0, limit=60.0),
        worker=Worker(slots=8, **worker),
        scaler=Scaler(
            kind="keda",
            least=6,
            most=40,
            signals=(Signal("waiting", 91.0), Signal("in_flight", 6.4)),
            behavior=BEHAVIOR,
        ),
        goal=fixed().goal,
        metric=Metric(),
        vcpu=0.8,
        memory_gib=0.9,
    )


def day_load() -> Load:
    """A day with 50 tasks a second on average, and 120 at noon."""
    return Load(load_of("day", rate=RATE, peak=120.0, seconds=DAY_S))


def cpu(function: Callable[[], int]) -> tuple[float, int]:
    """CPU seconds of a call, and the number of tasks that it returns."""
    before = time.process_time()
    tasks = function()
    return time.process_time() - before, tasks


def whole(tier: TierModel, load: Load) -> int:
    """A run with its figures, as the command makes it."""
    outcome = simulate(tier, load, seed=1)
    return figures(tier, load, outcome, PRICES).tasks


def peer() -> int:
    """The plain simulation of a tier of a fixed size: arrivals and durations drawn, events one by one."""
    tier = fixed(slots=8, pods=10, table=durations.lognormal(0.8, 8.0, limit=60.0))
    arrivals, service = drawn(tier, constant(RATE, seconds=PEER_S), 1)
    return len(plain_queue.waits(arrivals, service, slots=[0] * 80))


def loop() -> int:
    """The floor: an empty loop over a million numbers."""
    for _ in range(10**6):
        pass
    return 10**6


@pytest.mark.slow
def test_simulation_is_faster_than_one_event_at_a_time():
    """With autoscaler, looks and figures a task costs less than half of what it costs the plain simulation."""
    tier, load = day_tier(), Load(load_of("step", rate=RATE, peak=120.0, seconds=PEER_S))
    ratios = []
    for _ in range(ROUNDS):
        ours, tasks = cpu(lambda: whole(tier, load))
        theirs, peers = cpu(peer)
        ratios.append((ours / tasks) / (theirs / peers))

    assert min(ratios) < 0.5, ratios


def main() -> None:
    """Print microseconds of CPU for each task, interleaved, the least of some rounds, and ratios in one run."""
    candidates: dict[str, Callable[[], int]] = {
        "empty loop": loop,
        "plain simulation (heapq, fixed size)": peer,
        "taskgen, a day, autoscaled": lambda: whole(day_tier(), day_load()),
        "taskgen, a day, prefetch 4 per slot": lambda: whole(day_tier(prefetch=32), day_load()),
    }
    best: dict[str, tuple[float, int]] = {}
    for _ in range(ROUNDS):
        for name, candidate in candidates.items():
            found = cpu(candidate)
            best[name] = min(best.get(name, found), found)
    base = best["plain simulation (heapq, fixed size)"]
    for name, (seconds, tasks) in best.items():
        each = seconds / tasks
        sys.stdout.write(
            f"{name:40} {tasks:>9} tasks {seconds:7.2f} s {each * 1e6:6.2f} us/task {each * base[1] / base[0]:6.2f}x\n"
        )


if __name__ == "__main__":
    main()
