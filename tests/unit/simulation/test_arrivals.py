"""Loads: how much arrives when, and durations drawn from quantiles."""

import statistics
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.plan import queueing
from taskgen.simulation import durations
from taskgen.simulation.arrivals import Load, Piece, chunks, load_of
from taskgen.simulation.durations import SECOND


def average(pieces):
    """Mean rate over the pieces."""
    total = start = 0.0
    for piece in pieces:
        total += piece.rate * (piece.end - start)
        start = piece.end
    return total / start


@given(st.floats(0.001, 100), st.floats(1.0, 12))
def test_a_day_has_the_average_and_the_peak_of_the_profile(rate, factor):
    """load.rate is the average of the day, load.peak its highest rate."""
    pieces = load_of("day", rate=rate, peak=rate * factor, seconds=86_400)

    assert average(pieces) == pytest.approx(rate, rel=0.02)
    assert max(piece.rate for piece in pieces) == pytest.approx(rate * factor, rel=0.02)


def test_a_step_goes_up_and_down_again():
    """A quarter at the base rate, half at the peak, a quarter at the base rate."""
    assert load_of("step", rate=2, peak=10, seconds=3600) == (Piece(900, 2), Piece(2700, 10), Piece(3600, 2))


def arrivals(load, seed=1):
    """All arrivals of a load."""
    stream = Random(seed)  # noqa: S311  # a model, not a secret
    return [time for _, found in chunks(load, stream) for time in found]


@given(st.integers(0, 1000), st.floats(0.01, 50), st.integers(1, 2000))
def test_arrivals_are_in_order_and_in_time(seed, rate, length):
    """Arrivals never go back, and none is outside."""
    times = arrivals(Load((Piece(length, rate),)), seed)

    assert times == sorted(times)
    assert all(0 <= time < length * SECOND for time in times)


def test_gaps_are_those_of_a_poisson_process():
    """Mean and spread of the gaps are 1 / rate."""
    times = arrivals(Load((Piece(20_000, 5.0),)))
    gaps = [(later - earlier) / SECOND for earlier, later in pairwise(times)]

    assert statistics.mean(gaps) == pytest.approx(0.2, rel=0.02)
    assert statistics.stdev(gaps) == pytest.approx(0.2, rel=0.02)


def test_each_piece_has_its_rate():
    """The number of tasks follows the rates."""
    times = arrivals(Load((Piece(1000, 1.0), Piece(2000, 20.0), Piece(3000, 0.0))))
    parts = [sum(start <= time / SECOND < start + 1000 for time in times) for start in (0, 1000, 2000)]

    assert parts == [pytest.approx(1000, rel=0.1), pytest.approx(20_000, rel=0.03), 0]


def test_known_times_are_mixed_in():
    """Bursts of schedules arrive exactly when they fire."""
    load = Load((Piece(100, 3.0), Piece(200, 3.0)), (50 * SECOND, 50 * SECOND, 150 * SECOND))

    times = arrivals(load)

    assert times == sorted(times)
    assert times.count(50 * SECOND) == 2
    assert times.count(150 * SECOND) == 1


@pytest.mark.parametrize(("p50", "p99"), [(3, 30), (0.2, 2), (240, 600), (5, 60), (10, 10)])
def test_lognormal_durations(p50, p99):
    """Median, 99th percentile and mean are those of the fit."""
    table = durations.lognormal(p50, p99)

    mean, _ = queueing.lognormal(p50, p99)
    assert durations.mean(table) == pytest.approx(mean, rel=1e-4)
    assert table[len(table) // 2] / SECOND == pytest.approx(p50, rel=1e-3)
    assert table[int(len(table) * 0.99)] / SECOND == pytest.approx(p99, rel=1e-2)
    assert list(table) == sorted(table)


def test_no_task_outlives_its_limit():
    """The time limit ends a task."""
    assert max(durations.lognormal(3, 30, limit=60.0)) == 60 * SECOND


def test_exponential_durations():
    """Mean, and squared variation of nearly 1: the rarest tasks are averaged."""
    table = durations.exponential(3.0)

    variance = statistics.pvariance([value / SECOND for value in table])
    assert durations.mean(table) == pytest.approx(3.0, rel=1e-5)
    assert variance / 9 == pytest.approx(1.0, abs=1e-3)
