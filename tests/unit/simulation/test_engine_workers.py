"""What becomes of tasks in the event loop: reserved, cut, drained, killed, repeated."""

from dataclasses import replace

import pytest

from taskgen.simulation import durations
from taskgen.simulation.durations import SECOND
from taskgen.simulation.engine import simulate
from taskgen.simulation.model import Disturbances, Ending, Metric, Retry, Signal, Worker
from tests.unit.simulation.tiers import burst, constant, fixed, scaled


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
