"""0 and 1, the cooldown and the fallback."""

import pytest

from taskgen.simulation import hpa
from taskgen.simulation.control import Control, Reading
from taskgen.simulation.keda import Fallback, Keda
from taskgen.simulation.model import Metric, Scaler, Signal


def test_any_value_above_zero_wakes_a_tier():
    """One waiting task is enough; the autoscaler takes over from 1."""
    assert Keda(least=0, cooldown_s=300).poll(0.0, 0, [0.0, 1.0]) == 1


def test_zero_is_not_active():
    """The activation threshold must be exceeded."""
    assert Keda(least=0, cooldown_s=300).poll(0.0, 0, [0.0]) == 0


def test_cooldown_counts_from_the_last_activity():
    """A tier goes to zero when nothing was active for the whole cooldown."""
    keda = Keda(least=0, cooldown_s=300)
    keda.poll(100.0, 1, [2.0])

    assert [keda.poll(at, 1, [0.0]) for at in (200.0, 399.0, 400.0)] == [1, 1, 0]


def test_a_least_size_above_zero_has_no_cooldown():
    """With min 1 nothing is removed by KEDA."""
    keda = Keda(least=1, cooldown_s=300)

    assert [keda.poll(at, 3, [0.0]) for at in (0.0, 1000.0)] == [3, 3]


def test_an_error_never_scales_to_zero():
    """An unreadable queue is not an empty one."""
    keda = Keda(least=0, cooldown_s=300)

    assert [keda.poll(at, 2, None) for at in (0.0, 1000.0, 2000.0)] == [2, 2, 2]


def test_fallback_engages_after_more_failures_than_its_threshold():
    """Threshold 3: the fourth failure in a row; an answer ends it."""
    keda = Keda(least=1, cooldown_s=300, fallback=Fallback(threshold=3, replicas=6))
    engaged = []
    for read in (False, False, False, False, True):
        keda.seen(read=read)
        engaged.append(keda.engaged)

    assert engaged == [False, False, False, True, False]


def test_fallback_wakes_a_tier_at_zero():
    """A tier at zero is started while its queue cannot be read (measured with KEDA 2.20.2)."""
    keda = Keda(least=0, cooldown_s=300, fallback=Fallback(threshold=1, replicas=2))

    assert [keda.poll(at, 0, None) for at in (0.0, 10.0)] == [0, 2]


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [("static", 6), ("currentReplicas", 9), ("currentReplicasIfHigher", 9), ("currentReplicasIfLower", 6)],
)
def test_behaviors_of_the_fallback(behavior, expected):
    """What the fallback asks for, at a size of 9."""
    assert Fallback(threshold=3, replicas=6, behavior=behavior).size(9) == expected


def test_fallback_reaches_the_autoscaler_as_a_value():
    """Blind with fallback: frozen until it engages, then the size of the fallback."""
    scaler = Scaler(
        kind="keda",
        least=2,
        most=20,
        signals=(Signal("waiting", 4.0), Signal("in_flight", 3.2)),
        behavior=hpa.Behavior(),
        fallback=Fallback(threshold=3, replicas=8),
    )
    control = Control(scaler, Metric())
    control.look(Reading(0.0, None))

    assert [control.sync(15.0 * number, 2) for number in range(6)] == [2, 2, 2, 6, 6, 6]


def test_numbers_are_read_after_the_lag():
    """Prometheus and its adapter answer with what they saw a while ago."""
    control = Control(Scaler(kind="hpa", least=1, most=9), Metric(refresh_s=30.0, lag_s=15.0))
    for at in (0.0, 30.0, 60.0):
        control.look(Reading(at, {"waiting": int(at), "in_flight": 0}))

    assert control.read(10.0) is None
    assert control.read(44.0) == {"waiting": 0, "in_flight": 0}
    assert control.read(45.0) == {"waiting": 30, "in_flight": 0}
