"""Cron expressions over the simulated time, which begins on a Monday at midnight UTC."""

import pytest

from taskgen.simulation import crontab

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("cron", "timezone", "hours", "expected"),
    [
        pytest.param("0 3 * * *", "UTC", 48, [3, 27], id="every night"),
        pytest.param("0 */6 * * *", "UTC", 24, [0, 6, 12, 18], id="every six hours"),
        pytest.param("30 8-10 * * MON-FRI", "UTC", 24, [8.5, 9.5, 10.5], id="a range on weekdays"),
        pytest.param("0 0 * * SAT,0", "UTC", 24 * 7, [120, 144], id="the weekend"),
        pytest.param("0 8 * * *", "Europe/Berlin", 24, [7], id="another time zone"),
        pytest.param("0 0 2 JAN *", "UTC", 48, [24], id="a day of a month"),
        pytest.param("0 0 3 * WED", "UTC", 24 * 7, [48], id="either of two restricted fields"),
    ],
)
def test_fires(cron, timezone, hours, expected):
    """An expression fires as cron would."""
    assert crontab.fires(cron, timezone=timezone, seconds=hours * HOUR) == [one * HOUR for one in expected]


def test_windows_reach_from_a_start_to_the_next_end():
    """Business hours, once for each day."""
    found = crontab.windows("0 8 * * MON-FRI", "0 18 * * MON-FRI", timezone="UTC", seconds=2 * DAY)

    assert found == [(8 * HOUR, 18 * HOUR), (DAY + 8 * HOUR, DAY + 18 * HOUR)]


def test_a_window_may_reach_beyond_the_end():
    """A window that is open when the time ends lasts until then."""
    assert crontab.windows("0 20 * * *", "0 6 * * *", timezone="UTC", seconds=DAY) == [(20 * HOUR, DAY)]
