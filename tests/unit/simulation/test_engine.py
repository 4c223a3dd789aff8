"""The event loop: exact against a plainer simulation, right on average, and true to what workers do."""

import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskgen.plan.queueing import mean_wait
from taskgen.simulation import durations
from taskgen.simulation.arrivals import Load, Piece
from taskgen.simulation.durations import SECOND
from taskgen.simulation.engine import simulate
from taskgen.simulation.fleet import MASK
from taskgen.simulation.model import Disturbances, Ending, Metric, Retry, Scaler, Signal, Worker
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


def burst(count, *, at=10, seconds=600):
    """Tasks that all arrive at once."""
    return Load((Piece(seconds, 0.0),), (at * SECOND,) * count)


def test_prefetch_hides_the_backlog():
    """Trap C03: a burst of 4c tasks disappears into the first worker; the queue is empty and the second one idle."""
    tier = replace(
        scaled(least=1, most=2, metric=Metric(in_flight="unacknowledged")),
        table=durations.constant(60.0),
        worker=Worker(slots=4, prefetch=16),
    )

    run = simulate(tier, burst(16), seed=1)

    assert max(look.waiting for look in run.looks) == 0
    assert max(look.reserved for look in run.looks) == 12
    assert max(look.ready for look in run.looks) == 2
    assert max(look.running for look in run.looks) == 4
    assert max(run.waits) == 180 * SECOND


def test_without_prefetch_the_second_worker_helps():
    """The same burst with one message for each slot is shared."""
    tier = replace(scaled(least=1, most=2), table=durations.constant(60.0), worker=Worker(slots=4, prefetch=4))

    run = simulate(tier, burst(16), seed=1)

    assert max(look.running for look in run.looks) == 8


def test_what_a_stopped_worker_reserved_goes_back_in_its_place():
    """Reserved tasks of a killed worker wait again from their own arrival on, and all of them run."""
    tier = replace(
        fixed(pods=2, table=durations.constant(50.0), disturbances=Disturbances(crashes=(20.0,))),
        worker=Worker(slots=1, prefetch=4),
        ending=Ending(recovery_s=10.0),
    )

    run = simulate(tier, burst(6), seed=1)

    assert run.counts.interrupted == 1
    assert run.counts.started == 7
    assert run.counts.waiting == run.counts.running == 0
    assert min(run.waits) == -1


@pytest.mark.parametrize(
    ("ending", "interrupted", "lost"),
    [
        pytest.param(Ending(mode="drain", tasks_get_s=600.0), 0, 0, id="a drain lets them finish"),
        pytest.param(Ending(mode="drain", tasks_get_s=5.0, recovery_s=60.0), 4, 0, id="too short a grace kills them"),
        pytest.param(Ending(mode="drain", tasks_get_s=5.0), 4, 4, id="killed with early acknowledgement: lost"),
        pytest.param(Ending(mode="cut", tasks_get_s=5.0, recovery_s=60.0), 4, 0, id="a cut hands them back"),
        pytest.param(Ending(mode="cut", tasks_get_s=5.0, cut_returns=False), 4, 4, id="a cut that cannot loses them"),
    ],
)
def test_running_tasks_of_a_worker_that_must_go(ending, interrupted, lost):
    """Drain waits for running tasks as long as the grace; a cut hands them back; early acknowledgement loses them."""
    tier = scaled(least=1, most=2, signals=(Signal("waiting", 1.0),), ending=ending)
    tier = replace(tier, table=durations.constant(900.0), worker=Worker(slots=4))

    run = simulate(tier, burst(8, seconds=420), seed=3)

    assert run.counts.hit == 4
    assert run.counts.interrupted == interrupted
    assert run.counts.lost == lost
    assert run.counts.redelivered == interrupted - lost


@pytest.mark.parametrize(
    ("from_start", "expected"),
    [pytest.param(True, 310, id="counted from delivery"), pytest.param(False, 400, id="counted from the kill")],
)
def test_a_killed_task_returns_after_its_recovery_time(from_start, expected):
    """A visibility timeout counts from the delivery, a heartbeat from the kill."""
    tier = fixed(
        slots=1,
        pods=2,
        table=durations.constant(200.0),
        ending=Ending(recovery_s=300.0, from_start=from_start),
        disturbances=Disturbances(crashes=(100.0,)),
        metric=Metric(refresh_s=1.0),
    )

    run = simulate(tier, burst(2, seconds=900), seed=1)

    second = next(look.at for look in run.looks if look.started == 3)
    assert second == pytest.approx(expected, abs=1.5)


def test_tasks_of_a_killed_worker_stay_in_sight_on_redis():
    """Unacknowledged messages count as in flight until they return (why the second signal keeps the workers)."""
    tier = fixed(
        slots=1,
        pods=1,
        table=durations.constant(50.0),
        ending=Ending(recovery_s=300.0),
        disturbances=Disturbances(crashes=(20.0,)),
        metric=Metric(in_flight="unacknowledged", limbo=True),
    )

    run = simulate(tier, burst(1), seed=1)

    assert {look.in_flight for look in run.looks if 20 < look.at < 320} == {1}
    assert {look.running for look in run.looks if 20 < look.at < 320} == {0}


def test_early_acknowledgement_blinds_the_second_signal():
    """With early acknowledgement the broker waits for no running task: in flight reads 0."""
    tier = fixed(metric=Metric(in_flight="unacknowledged"))
    tier = replace(tier, worker=Worker(slots=4, late=False))

    run = simulate(tier, constant(1.0, seconds=300), seed=1)

    assert {look.in_flight for look in run.looks} == {0}
    assert max(look.running for look in run.looks) > 0


def test_failed_attempts_are_repeated_up_to_the_limit():
    """Tasks that always fail start as often as they may, with the delays of the policy."""
    tier = fixed(
        table=durations.constant(1.0),
        failing=1.0,
        retry=Retry(max_attempts=3, initial_s=10.0),
        metric=Metric(refresh_s=1),
    )

    run = simulate(tier, burst(1, at=0, seconds=100), seed=1)

    assert run.counts.started == 3
    assert run.counts.failed == 1
    starts = [next(look.at for look in run.looks if look.started == number) for number in (1, 2, 3)]
    assert starts == pytest.approx([0, 11, 32], abs=1.5)


def test_share_of_failed_attempts():
    """Attempts fail as often as stated."""
    tier = fixed(failing=0.05, retry=Retry(max_attempts=5))

    counts = simulate(tier, constant(2.0, seconds=20_000), seed=1).counts

    assert counts.failed_attempts / counts.started == pytest.approx(0.05, rel=0.1)


def test_tier_wakes_from_zero_and_goes_back():
    """KEDA starts the first worker, and removes it after the cooldown."""
    tier = scaled(least=0, most=4, scaler={"polling_s": 10.0, "cooldown_s": 300.0})

    run = simulate(tier, burst(2, at=100, seconds=1200), seed=1)

    assert run.counts.waiting == 0
    assert run.looks[0].wanted == 0
    first = next(look.at for look in run.looks if look.ready)
    assert 120 <= first <= 150  # at most a look and a poll, and the start
    gone = next(look.at for look in run.looks if look.at > first and look.wanted == 0)
    assert 300 <= gone - first <= 360


def test_size_is_frozen_while_the_queue_cannot_be_read():
    """Without fallback an error changes nothing."""
    tier = replace(scaled(), disturbances=Disturbances(blind=((595.0, 900.0),)))

    run = simulate(tier, STEP, seed=1)

    assert len({look.wanted for look in run.looks if 620 <= look.at < 900}) == 1
    assert max(look.wanted for look in run.looks) > 3


def test_windows_of_the_week_raise_the_floor():
    """A cron trigger asks for its replicas inside its window."""
    from taskgen.simulation.model import Floor

    tier = scaled(scaler={"floors": (Floor(300.0, 900.0, 8),)})

    run = simulate(tier, constant(0.1, seconds=2400), seed=1)

    assert {look.wanted for look in run.looks if 400 <= look.at < 900} == {8}
    assert run.looks[-1].wanted == 3


def test_replica_hours_count_every_worker_while_it_exists():
    """A fixed size costs its replicas for the whole time."""
    tier, load = fixed(pods=3), constant(0.5, seconds=7200)

    figures = measured(tier, load, simulate(tier, load, seed=1))

    assert figures.replica_hours == pytest.approx(6.0)
    assert figures.cost == pytest.approx(6.0 * (1.0 * 0.04 + 2.0 * 0.004))


def test_fixed_size_never_changes():
    """Without an autoscaler nothing is resized."""
    run = simulate(replace(fixed(), scaler=Scaler(kind="fixed", least=2, most=9)), constant(5.0, seconds=600), seed=1)

    assert run.counts.changes == 0


def drained():
    """A run in which the second of two workers is told to stop while it runs one task of 900 s."""
    tier = scaled(least=1, most=2, signals=(Signal("waiting", 0.5),), ending=Ending(tasks_get_s=1000.0))
    tier = replace(
        tier,
        table=durations.constant(900.0),
        worker=Worker(slots=1),
        metric=Metric(refresh_s=5.0, in_flight="unacknowledged"),
    )
    return simulate(tier, burst(2, seconds=1500), seed=1)


def test_a_draining_worker_is_paid_until_its_last_task():
    """Replica-hours end when the worker does, not when it is told to stop."""
    run = drained()

    created = next(look.at for look in run.looks if look.wanted == 2)
    told = next(look.at for look in run.looks if look.at > created and look.wanted == 1)
    ended = next(look.at for look in run.looks if look.at > told and look.running == 1)
    assert told + 300 < ended
    # Either worker may be the one that goes: what both cost together is the same within the start of the second.
    assert run.pod_seconds == pytest.approx(1500 + ended - created, abs=45)


def test_tasks_of_a_draining_worker_stay_in_flight():
    """Their messages are unacknowledged until they end."""
    run = drained()

    assert {look.in_flight for look in run.looks if 100 < look.at < 900} == {2}
