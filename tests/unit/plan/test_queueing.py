"""Formulas of queueing theory against known answers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.plan.queueing import erlang_c, lognormal, slots_needed, wait_tail


@pytest.mark.parametrize(
    ("servers", "load", "expected"),
    [
        pytest.param(1, 0.5, 0.5, id="one server waits with its load"),
        pytest.param(2, 1.0, 1 / 3, id="two servers, half loaded"),
        pytest.param(7, 6.0, 0.614, id="the first worked example of autoscaling.md"),
        pytest.param(3, 3.0, 1.0, id="at full load everybody waits"),
    ],
)
def test_erlang_c(servers, load, expected):
    """The probability to wait is that of the closed form."""
    assert erlang_c(servers, load) == pytest.approx(expected, abs=5e-4)


def test_one_server_is_mm1():
    """With one server the tail is that of M/M/1: rho exp(-(mu - lambda) t)."""
    assert wait_tail(1, 0.5, 1.0, 2.0) == pytest.approx(0.5 * math.exp(-1.0))


@pytest.mark.parametrize(
    ("rate", "mean", "wait", "share", "expected"),
    [
        pytest.param(2, 3, 30, 0.01, 7, id="short tasks"),
        pytest.param(0.5, 240, 300, 0.05, 123, id="transcription of seed 003"),
    ],
)
def test_slots_of_the_worked_examples(rate, mean, wait, share, expected):
    """The worked examples of autoscaling.md come out."""
    assert slots_needed(rate, mean, 1.0, wait, share) == expected


def test_lognormal_of_the_worked_example():
    """Median 3 s and 99th percentile 30 s give a mean of 4.90 s and a squared variation of 1.66."""
    mean, variation = lognormal(3, 30)

    assert (round(mean, 2), round(variation, 2)) == (4.9, 1.66)


@given(st.integers(1, 400), st.floats(0.01, 300))
def test_more_servers_never_wait_longer(servers, load):
    """Adding a server never makes waiting more likely, and a probability stays one."""
    assert 0 <= erlang_c(servers + 1, load) <= erlang_c(servers, load) <= 1


@given(st.floats(0.01, 20), st.floats(0.01, 10), st.floats(0.1, 60), st.sampled_from([0.01, 0.05]))
def test_slots_are_the_fewest_that_keep_the_goal(rate, mean, wait, share):
    """The answer keeps the goal, and one slot less does not."""
    found = slots_needed(rate, mean, 1.0, wait, share)

    assert wait_tail(found, rate, mean, wait) <= share * (1 + 1e-9)
    assert found == 1 or wait_tail(found - 1, rate, mean, wait) > share * (1 - 1e-9)


def test_variance_lengthens_waits():
    """Durations that vary more than exponentially need more slots for the same goal."""
    assert slots_needed(10, 1, 9.0, 1, 0.01) > slots_needed(10, 1, 1.0, 1, 0.01)
