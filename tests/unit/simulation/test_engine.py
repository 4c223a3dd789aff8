"""The event loop: exact against a plainer simulation, right on average, and without a task lost."""

import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskgen.plan.queueing import mean_wait
from taskgen.simulation import durations
from taskgen.simulation.durations import SECOND
from taskgen.simulation.engine import simulate
from taskgen.simulation.fleet import MASK
from taskgen.simulation.model import Disturbances, Ending, Metric, Retry, Worker
from tests.support import plain_queue
from tests.unit.simulation.tiers import BOTH, STEP, constant, drawn, fixed, measured, scaled

T_95 = 2.262
"""Quantile of Student's t: 95 % on both sides, 9 degrees of freedom (10 seeds)."""
loads = st.tuples(st.floats(0.05, 4.0), st.integers(20, 400)).map(lambda pair: constant(pair[0], seconds=pair[1]))


@given(loads, st.integers(1, 5), st.integers(1, 4), st.integers(0, 10**6))
def test_waits_are_those_of_a_plain_simulation(load, slots, pods, seed):
    """Task by task, the waits are those of one event at a time."""
    tier = fixed(slots=slots, pods=pods)

    run = simulate(tier, load, seed=seed)

    expected = plain_queue.waits(*drawn(tier, load, seed), slots=[0] * slots * pods)
    end = load.end * SECOND
    arrivals, _ = drawn(tier, load, seed)
    began = sorted(wait for wait, arrival in zip(expected, arrivals, strict=True) if wait and arrival + wait < end)
    left = sorted(end - arrival for wait, arrival in zip(expected, arrivals, strict=True) if arrival + wait >= end)
    assert sorted(run.waits) == began
    assert sorted(run.left) == left


@pytest.mark.parametrize(
    ("rate", "mean", "slots"),
    [pytest.param(2.0, 3.0, 8, id="eight slots"), pytest.param(0.8, 1.0, 1, id="one slot, loaded by 80 %")],
)
def test_mean_wait_is_that_of_erlang(rate, mean, slots):
    """Over ten seeds the mean wait of Erlang C lies within the confidence interval of 95 %."""
    tier = fixed(slots=slots, pods=1, table=durations.exponential(mean), warmup_s=500)
    load = constant(rate, seconds=20_000)

    means = [measured(tier, load, run).wait_mean for run in (simulate(tier, load, seed=seed) for seed in range(10))]

    half = T_95 * statistics.stdev(means) / len(means) ** 0.5
    assert abs(statistics.mean(means) - mean_wait(slots, rate, mean)) <= half


def test_constant_durations_halve_the_wait():
    """M/D/1 waits half of M/M/1 (Pollaczek-Khinchine)."""
    tier = fixed(slots=1, pods=1, table=durations.constant(1.0), warmup_s=500)
    load = constant(0.8, seconds=60_000)

    means = [measured(tier, load, simulate(tier, load, seed=seed)).wait_mean for seed in range(5)]

    assert statistics.mean(means) == pytest.approx(mean_wait(1, 0.8, 1.0, cv2=0.0), rel=0.08)


def test_littles_law():
    """Tasks in the system, seen from outside, are the rate times the mean time in the system."""
    tier = fixed(slots=8, pods=1, metric=Metric(refresh_s=2.0))
    load = constant(2.0, seconds=40_000)

    run = simulate(tier, load, seed=1)

    inside = statistics.mean(look.waiting + look.running for look in run.looks)
    figures = measured(tier, load, run)
    assert inside == pytest.approx(run.counts.submitted / 40_000 * (figures.wait_mean + 3.0), rel=0.02)


def test_utilisation_is_the_offered_load():
    """Busy slots are rate x duration / slots."""
    tier = fixed(slots=8, pods=1)

    figures = measured(tier, load := constant(2.0, seconds=40_000), simulate(tier, load, seed=1))

    assert figures.utilisation == pytest.approx(0.75, rel=0.02)


@settings(max_examples=40)
@given(loads, st.integers(1, 6), st.integers(1, 3), st.integers(0, 10**6))
def test_more_slots_never_wait_longer(load, slots, pods, seed):
    """With the same arrivals and durations one slot more never raises the mean wait, nor does one worker."""
    runs = [
        fixed(slots=slots, pods=pods),
        fixed(slots=slots + 1, pods=pods),
        fixed(slots=slots, pods=pods + 1),
    ]

    base, slot, pod = (measured(tier, load, simulate(tier, load, seed=seed)).wait_mean for tier in runs)

    assert slot <= base
    assert pod <= base


TROUBLE = scaled(
    least=1,
    most=12,
    failing=0.1,
    retry=Retry(max_attempts=3, initial_s=5.0, jitter=True),
    disturbances=Disturbances(blind=((700.0, 900.0),), crashes=(300.0, 650.0, 1500.0)),
)


@pytest.mark.parametrize(
    "tier",
    [
        pytest.param(TROUBLE, id="drain"),
        pytest.param(replace(TROUBLE, ending=Ending(mode="cut", tasks_get_s=2.0, recovery_s=90.0)), id="cut"),
        pytest.param(replace(TROUBLE, ending=Ending(mode="drain", tasks_get_s=1.0)), id="killed and lost"),
        pytest.param(replace(TROUBLE, worker=Worker(slots=4, prefetch=16)), id="prefetch, late"),
        pytest.param(replace(TROUBLE, worker=Worker(slots=4, prefetch=4, late=False)), id="prefetch, early"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_task_is_lost_or_invented(tier, seed):
    """After every event the tasks that came are those that wait and those that started; no slot is used twice."""

    def watch(engine):
        flow, now = engine.flow, engine.now
        assert flow.arrived(now) + flow.came_back(now) == flow.waiting(now) + flow.started
        ready = sum(pod.ready_at is not None for pod in engine.pods.values())
        assert 0 <= flow.fleet.running(now) <= ready * tier.worker.slots
        assert flow.fleet.reserved(now) >= 0

    run = simulate(tier, STEP, seed=seed, watch=watch)

    counts = run.counts
    assert counts.interrupted == counts.redelivered + counts.lost
    ended = counts.started - counts.interrupted - counts.running - (counts.failed_attempts - counts.failed)
    still = counts.waiting + counts.running + counts.returning + counts.lost
    assert counts.submitted == pytest.approx(ended + still, abs=tier.worker.slots * 12)  # failures still to come
    assert counts.crashes == 3


def test_a_worker_takes_tasks_only_while_it_is_ready():
    """No slot outlives its worker, and none starts a task before its worker is ready."""

    def watch(engine):
        fleet, slots = engine.flow.fleet, engine.tier.worker.slots
        for key in fleet._free:  # noqa: SLF001  # what must be true of the heap itself
            slot = key & MASK
            ready_at = engine.pods[slot // slots].ready_at
            assert ready_at is not None
            assert fleet._began[slot] >= ready_at  # noqa: SLF001

    simulate(scaled(), STEP, seed=1, watch=watch)


def test_same_seed_same_run():
    """A seed decides everything."""
    first, second = (simulate(TROUBLE, STEP, seed=5) for _ in range(2))

    assert first.looks == second.looks
    assert first.waits == second.waits


def test_another_seed_is_another_run():
    """Seeds differ."""
    assert simulate(TROUBLE, STEP, seed=5).waits != simulate(TROUBLE, STEP, seed=6).waits


def test_the_autoscaler_does_not_change_the_arrivals():
    """Each source of chance has a stream of its own."""
    alone, both = (simulate(scaled(signals=signals), STEP, seed=1) for signals in (BOTH[:1], BOTH))

    assert [look.arrived for look in alone.looks] == [look.arrived for look in both.looks]
    assert [look.wanted for look in alone.looks] != [look.wanted for look in both.looks]
