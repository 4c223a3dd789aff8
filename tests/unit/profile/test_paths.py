"""Paths into a profile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.profile.literals import secret_in
from taskgen.profile.paths import join, split

KEYS = st.text(min_size=1, max_size=30).filter(lambda key: secret_in(key) is None)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tiers.high.scale.max", ("tiers", "high", "scale", "max")),
        ('tasks."docflow.export_*".time_limit', ("tasks", "docflow.export_*", "time_limit")),
        ("tasks.'docflow.export_*'.time_limit", ("tasks", "docflow.export_*", "time_limit")),
        ("tiers.high.queues[0]", ("tiers", "high", "queues", 0)),
        ("scale.signals[1].cpu", ("scale", "signals", 1, "cpu")),
        ("patches.Deployment/high", ("patches", "Deployment/high")),
    ],
)
def test_split(text, parts):
    """Dots separate keys, quotes keep them together, brackets hold indexes."""
    assert split(text) == parts


@given(st.lists(KEYS, min_size=1, max_size=5), st.lists(st.integers(0, 99), max_size=2))
def test_round_trip(keys, indexes):
    """What messages write can be given back to `explain` and `--set`."""
    parts = (*keys, *indexes)

    assert split(join(parts)) == parts


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", "[0]", 'a."b', "a[x]", "a b", 'a."b"c'])
def test_no_path(text):
    """A step that is missing or not closed is refused."""
    with pytest.raises(ValueError, match=r"at character \d+"):
        split(text)
