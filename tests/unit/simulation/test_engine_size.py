"""The size of a tier in the event loop: woken, frozen, raised by a window, and paid for."""

from dataclasses import replace

import pytest

from taskgen.simulation.engine import simulate
from taskgen.simulation.model import Disturbances, Scaler
from tests.unit.simulation.tiers import STEP, burst, constant, fixed, measured, scaled


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
