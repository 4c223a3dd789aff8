"""Durations, sizes, rates and shares as people write them."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.profile import scalars
from taskgen.profile.sources import resolve


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("4m30s", 270),
        ("250ms", 0.25),
        ("2d", 172800),
        ("1w", 604800),
        ("0s", 0),
        ("1.5s", 1.5),
        ("1s250ms", 1.25),
    ],
)
def test_duration(text, seconds):
    """A duration is the sum of its units."""
    assert scalars.parse_duration(text) == timedelta(seconds=seconds)


@given(st.integers(0, int(scalars.LONGEST_DURATION / timedelta(milliseconds=1))))
def test_duration_round_trip(milliseconds):
    """What `format_duration` writes is read back as the same duration."""
    duration = timedelta(milliseconds=milliseconds)

    assert scalars.parse_duration(scalars.format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "size"), [("256Mi", 2**28), ("1.5Gi", 3 * 2**29), ("500M", 5 * 10**8), ("1k", 1000), ("1Ti", 2**40)]
)
def test_size(text, size):
    """A size is a Kubernetes quantity in bytes."""
    assert scalars.parse_size(text) == size


@given(st.integers(0, scalars.LARGEST_SIZE // 1024))
def test_size_keeps_every_byte(kibibytes):
    """No size passes through a float."""
    assert scalars.parse_size(f"{kibibytes}Ki") == kibibytes * 1024


@pytest.mark.parametrize(("text", "millicores"), [("500m", 500), ("2", 2000), ("0.5", 500), ("1e3", None)])
def test_cpu(text, millicores):
    """CPU is given in cores or thousandths, quoted or not."""
    for value in (text, resolve(text)):
        if millicores is None:
            with pytest.raises(ValueError, match="1e3' is not an amount of CPU: write it like 500m or 2"):
                scalars.parse_cpu(value)
        else:
            assert scalars.parse_cpu(value) == millicores


@pytest.mark.parametrize(("text", "rate"), [("2/s", 2), ("120/min", 2), ("7200/h", 2), ("172800/d", 2), ("0/s", 0)])
def test_rate(text, rate):
    """A rate is a number of events per second."""
    assert scalars.parse_rate(text) == rate


@pytest.mark.parametrize(("text", "share"), [("99.5%", 0.995), ("100%", 1), ("0%", 0), ("29%", 0.29)])
def test_percent(text, share):
    """A share keeps its decimal value."""
    assert scalars.parse_percent(text) == share


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    """A parser of scalars raises nothing but ValueError."""
    for parse in (
        scalars.parse_duration,
        scalars.parse_size,
        scalars.parse_cpu,
        scalars.parse_rate,
        scalars.parse_percent,
    ):
        with contextlib.suppress(ValueError):
            parse(text)
