"""Results in words, and pictures."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest

from taskgen.simulation import wording
from taskgen.simulation.measuring import quantile
from taskgen.simulation.picture import picture
from taskgen.simulation.running import Result, run
from taskgen.simulation.series import series
from tests.unit.simulation.tiers import ALONE, PRICES, STEP, scaled


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0001, "0s"),
        (0.35, "350ms"),
        (2.0, "2s"),
        (2.34, "2.3s"),
        (21.4, "21s"),
        (59.9, "1m"),
        (270, "4m30s"),
        (7500, "2h05m"),
        (7200, "2h"),
    ],
)
def test_durations_as_a_person_reads_them(seconds, expected):
    """No figure that nobody needs."""
    assert wording.duration(seconds) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "0%"), (0.00001, "<0.01%"), (0.0034, "0.34%"), (0.42, "42%"), (1, "100%")]
)
def test_shares(share, expected):
    """A share that is not zero is never printed as zero."""
    assert wording.percent(share) == expected


@pytest.mark.parametrize(
    ("waits", "tasks", "share", "expected"),
    [
        pytest.param([], 100, 0.99, 0.0, id="nobody waited"),
        pytest.param([5_000_000], 100, 0.99, 0.0, id="one in a hundred may wait"),
        pytest.param([3_000_000, 5_000_000], 100, 0.99, 3.0, id="two may not"),
        pytest.param([1_000_000, 2_000_000], 2, 0.5, 1.0, id="median"),
        pytest.param([], 0, 0.5, 0.0, id="no task"),
    ],
)
def test_quantiles(waits, tasks, share, expected):
    """Nearest rank, with the tasks that did not wait."""
    assert quantile(waits, tasks, share) == expected


def result(*, goal_missed=False, **figures):
    """A result with these figures."""
    base = run(scaled(), lambda _: STEP, seeds=[1], prices=PRICES)
    share = 0.5 if goal_missed else 0.0
    run_of = replace(base.runs[0], share_above_goal=share, **figures)
    return Result(base.tier, base.load, (run_of,), base.first)


GOOD = {"wait_goal_quantile": 8.0, "hit": 25, "cost": 10.0}


@pytest.mark.parametrize(
    ("alone", "missed", "protected", "expected"),
    [
        pytest.param({}, (False, False), None, "no difference here: keep both signals", id="alike"),
        pytest.param(
            {"wait_goal_quantile": 21.0, "hit": 250, "cost": 12.0},
            (False, False),
            None,
            "both signals are better in every respect: waiting alone has longer waits, more tasks hit and"
            " a higher cost",
            id="tight goal",
        ),
        pytest.param(
            {"hit": 150, "cost": 7.0},
            (False, False),
            None,
            "waiting alone is 30% cheaper, but has more tasks hit: take both signals, since a task that is hit may be"
            " lost",
            id="cheaper at the price of tasks",
        ),
        pytest.param(
            {"hit": 150, "cost": 7.0},
            (False, False),
            "this tier drains with enough grace",
            "waiting alone is 30% cheaper, but has more tasks hit: acceptable, since the goal is kept and this tier"
            " drains with enough grace",
            id="cheaper, and no harm",
        ),
        pytest.param(
            {"wait_goal_quantile": 90.0, "cost": 7.0},
            (True, False),
            None,
            "waiting alone is 30% cheaper, but has longer waits: take both signals, since the goal is missed",
            id="cheaper and late",
        ),
        pytest.param({"cost": 7.0}, (True, True), None, "the goal is missed with either", id="late with either"),
        pytest.param(
            {"cost": 7.0}, (False, False), None, "waiting alone is better here: a lower cost", id="just cheaper"
        ),
    ],
)
def test_trade_off_in_words(alone, missed, protected, expected):
    """The sentence follows from the figures."""
    waiting = result(goal_missed=missed[0], **{**GOOD, **alone})
    both = result(goal_missed=missed[1], **GOOD)

    lines = wording.TradeOff(waiting, both, protected).words("EUR")

    assert lines[2].strip().startswith(expected)
    assert "EUR 10.00" in lines[1]


def test_differences_name_only_what_changed():
    """What is alike is not listed."""
    before, after = result(**GOOD), result(**{**GOOD, "hit": 50})

    assert wording.differences(before, after, "USD") == "tasks hit 25 -> 50"
    assert wording.differences(before, before, "USD") == "no difference"


def test_series_cover_the_whole_run():
    """Bins follow each other from the beginning to the end."""
    outcome = run(scaled(), lambda _: STEP, seeds=[1], prices=PRICES).first
    bins = series(outcome, 50)

    assert len(bins) <= 50
    assert (bins[0].start, bins[-1].end) == (0.0, 3000.0)
    assert all(one.end == other.start for one, other in pairwise(bins))
    arrived = sum(one.arrivals * (one.end - one.start) for one in bins)
    assert arrived == pytest.approx(outcome.counts.submitted)


def test_picture_is_well_formed_and_always_the_same():
    """The same run gives the same bytes, of valid SVG, with its texts escaped."""
    drawn = [
        picture("tier <a> & b", [("one", run(scaled(), lambda _: STEP, seeds=[1], prices=PRICES))]) for _ in range(2)
    ]

    assert drawn[0] == drawn[1]
    root = ET.fromstring(drawn[0])  # noqa: S314  # our own bytes
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {"tier <a> & b", "replicas", "wait of the tasks that start", "goal p99"} <= texts


def test_picture_compares_two_settings():
    """Both settings are drawn, under their names."""
    settings = [
        (name, run(tier, lambda _: STEP, seeds=[1], prices=PRICES))
        for name, tier in (("both", scaled()), ("alone", scaled(signals=ALONE)))
    ]

    root = ET.fromstring(picture("tier", settings))  # noqa: S314  # our own bytes

    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert texts.count("replicas") == 2
    assert {"both", "alone"} <= set(texts)
