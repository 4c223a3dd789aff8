"""What the autoscaler remembers from one sync to the next; its single steps are in test_known_answers."""

import pytest

from taskgen.simulation import hpa


def sizes(scaler, proposals, *, start, every=15.0):
    """Sizes after each sync with one proposal each."""
    found = []
    current = start
    for number, proposal in enumerate(proposals, 1):
        current = scaler.sync(number * every, current, [proposal])
        found.append(current)
    return found


def test_tier_shrinks_only_after_the_window():
    """The highest recommendation of five minutes counts; the first one is the size that was found."""
    scaler = hpa.Autoscaler(least=1, most=10)

    found = sizes(scaler, [1] * 21, start=5)

    assert found == [5] * 20 + [1]


def test_a_restart_of_the_controller_starts_the_window_anew():
    """A new controller knows no recommendation but the present size."""
    scaler = hpa.Autoscaler(least=1, most=10)
    sizes(scaler, [1] * 15, start=5)

    assert hpa.Autoscaler(least=1, most=10).sync(315.0, 5, [1]) == 5


def test_one_peak_holds_the_size():
    """A single high recommendation is held for the down window."""
    scaler = hpa.Autoscaler(least=1, most=10)

    assert sizes(scaler, [6, *[1] * 20, 1], start=2) == [6] * 20 + [1, 1]


def test_without_behavior_the_window_holds_as_well():
    """The older path takes the maximum over 300 s, and grows to max(2 x current, 4)."""
    scaler = hpa.Autoscaler(least=1, most=100, behavior=None)

    assert sizes(scaler, [50] * 5 + [1] * 22, start=1) == [4, 8, 16, 32, 50] + [50] * 20 + [1, 1]


def test_growth_counts_against_the_period():
    """Four pods in 30 s are four pods, also over two syncs."""
    behavior = hpa.Behavior(up=hpa.Rules(window_s=0, policies=(hpa.Policy("Pods", 4, 30),)))
    scaler = hpa.Autoscaler(least=1, most=100, behavior=behavior)

    assert sizes(scaler, [100] * 6, start=1) == [5, 5, 9, 9, 13, 13]


def test_shrinking_counts_against_the_period():
    """One pod a minute is one pod a minute."""
    behavior = hpa.Behavior(down=hpa.Rules(window_s=0, policies=(hpa.Policy("Pods", 1, 60),)))
    scaler = hpa.Autoscaler(least=1, most=100, behavior=behavior)

    assert sizes(scaler, [1] * 9, start=9) == [8, 8, 8, 8, 7, 7, 7, 7, 6]


def test_up_window_waits_for_the_lowest_recommendation():
    """With an up window a short peak does not grow the tier."""
    behavior = hpa.Behavior(up=hpa.Rules(window_s=60, policies=hpa.UP.policies))
    scaler = hpa.Autoscaler(least=1, most=100, behavior=behavior)

    assert sizes(scaler, [9, 9, 2, 9, 9, 9, 9], start=2) == [2, 2, 2, 2, 2, 2, 6]


def test_disabled_direction_never_moves():
    """SelectPolicy Disabled keeps the size."""
    behavior = hpa.Behavior(down=hpa.Rules(window_s=0, policies=hpa.DOWN.policies, select="Disabled"))
    scaler = hpa.Autoscaler(least=1, most=100, behavior=behavior)

    assert sizes(scaler, [1] * 30, start=9) == [9] * 30


@pytest.mark.parametrize(
    ("proposals", "failed", "expected"),
    [
        pytest.param([], 2, 4, id="all metrics failed"),
        pytest.param([2], 1, 4, id="one failed, the other asks for less"),
        pytest.param([6], 1, 6, id="one failed, the other asks for more"),
    ],
)
def test_failed_metrics(proposals, failed, expected):
    """A failed metric never shrinks a tier."""
    behavior = hpa.Behavior(down=hpa.Rules(window_s=0, policies=hpa.DOWN.policies))

    assert hpa.Autoscaler(least=1, most=9, behavior=behavior).sync(0.0, 4, proposals, failed=failed) == expected


@pytest.mark.parametrize(("up", "down", "expected"), [(0.0, 0.1, 11), (0.3, 0.1, 10)])
def test_tolerance_of_each_direction(up, down, expected):
    """Since 1.33 each direction may have its own."""
    assert hpa.average_value(replicas=10, total=105, target=10, up=up, down=down) == expected


@pytest.mark.parametrize(("age", "expected"), [(29.9, 5), (30.0, 9)])
def test_a_change_counts_for_less_than_its_period(age, expected):
    """Pods that were added exactly one period ago no longer count."""
    rules = hpa.Rules(window_s=0, policies=(hpa.Policy("Pods", 4, 30),))

    assert hpa.up_limit(5, rules, added=[hpa.Change(100.0 - age, 4)], now=100.0) == expected


def test_memory_is_bounded():
    """A week of syncs leaves only what a window reaches."""
    scaler = hpa.Autoscaler(least=1, most=100)

    sizes(scaler, [5, 50] * 2000, start=5)

    assert len(scaler.recommendations) <= 22
    assert len(scaler.added) + len(scaler.deleted) <= 2
