"""Schedules and routes of a plan."""

from datetime import timedelta as td

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.plan.routing import overlap, specificity
from taskgen.plan.schedules import shortest_interval


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", td(minutes=1)),
        ("*/15 * * * *", td(minutes=15)),
        ("5,50 * * * *", td(minutes=15)),
        ("0 */6 * * *", td(hours=6)),
        ("0 8,20 * * *", td(hours=12)),
        ("0 3 * * *", td(days=1)),
        ("0 3 * * MON-FRI", td(days=1)),
    ],
)
def test_shortest_interval(cron, expected):
    """The shortest time between two runs, which is what a run must expire within."""
    assert shortest_interval(cron) == expected


def test_exact_names_come_first():
    """An exact name is more specific than a glob, and a long glob more than a short one."""
    globs = ["*", "do_*", "do_it", "do_it_*"]

    assert sorted(globs, key=specificity) == ["do_it", "do_it_*", "do_*", "*"]


@given(st.text("ab_", max_size=5), st.text("ab_", max_size=5))
def test_globs_that_share_a_name_overlap(one, other):
    """Overlap is never missed: a name that both globs match is enough."""
    assert overlap(one + "*", one + other)
    assert overlap(one + other, one + "*")
