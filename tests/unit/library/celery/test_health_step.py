"""The timer by which a Celery consumer says that its loop moves, on the timers of the pools."""

from types import SimpleNamespace

import gevent
from celery.concurrency.gevent import Timer

from task_abstraction.backends.celery import worker
from task_abstraction.runtime.health_state import HealthState


def test_on_gevent_a_lost_consumer_stays_lost(monkeypatch):
    """Its timer goes on where only one turn is cancelled: a worker without a broker said that it was ready."""
    monkeypatch.setattr(worker, "BEAT_INTERVAL_S", 0.01)
    health, beats = HealthState(limit_s=60), []
    health.on_beat.append(beats.append)
    step, timer = worker.health_step(health)(None), Timer()
    step.start(SimpleNamespace(timer=timer))
    with gevent.Timeout(30):
        while len(beats) < 3:
            gevent.sleep(0.01)
        assert health.status().ready
        step.stop(None)
        counted = len(beats)
        gevent.sleep(0.1)

    assert len(beats) == counted
    assert health.status().checks["consumer"] == "not connected to the broker"


def test_a_turn_that_was_due_does_not_count():
    """Cancelled or not, what comes after the stop says nothing."""
    health = HealthState(limit_s=60)
    given = []
    timer = SimpleNamespace(call_repeatedly=lambda _, turn: given.append(turn) or SimpleNamespace(cancel=lambda: None))
    step = worker.health_step(health)(None)
    step.start(SimpleNamespace(timer=timer))
    step.stop(None)
    given[0]()

    assert not health.status().ready
