"""Arrivals of tasks: Poisson at a rate that changes with the time of day, bursts of schedules, or a trace."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, Literal, assert_never

from taskgen.simulation.durations import SECOND

Pattern = Literal["constant", "step", "day"]

DAY_S: Final = 86_400.0
DAY_PIECE_S: Final = 300.0
"""The rate of a day changes every five minutes."""
NIGHT_SHARE: Final = 0.25
"""Rate at the quietest time of a day, as a share of the average (an assumption; a trace says more)."""
STEP_SHARES: Final = (0.25, 0.5, 0.25)
"""A step stays at the base rate, at the peak, and at the base rate again, for these shares of the time."""
_CHUNK_TASKS: Final = 20_000
"""Arrivals that are drawn at once; bounds the memory of a long run."""
_SHARPEST: Final = 10_000.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A time with one rate: from the end of the piece before until `end`, in seconds."""

    end: float
    rate: float


@dataclass(frozen=True, slots=True)
class Load:
    """What arrives at a tier: random tasks at the rates of the pieces, and tasks at known times."""

    pieces: tuple[Piece, ...]
    fixed: tuple[int, ...] = ()
    """microseconds, ascending: bursts of schedules, timestamps of a trace"""

    @property
    def end(self) -> float:
        """When the load ends, in seconds."""
        return self.pieces[-1].end

    @property
    def expected(self) -> float:
        """How many tasks arrive on average."""
        starts = (0.0, *(piece.end for piece in self.pieces))
        drawn = sum((piece.end - start) * piece.rate for start, piece in zip(starts, self.pieces, strict=False))
        return drawn + len(self.fixed)


def load_of(pattern: Pattern, *, rate: float, peak: float, seconds: float) -> tuple[Piece, ...]:
    """Return the rates of a pattern.

    Args:
        pattern: constant: the base rate all the time; step: base, peak, base; day: from a quiet night to the peak at
            noon, with the base rate as its average.
        rate: average tasks per second.
        peak: tasks per second at the busiest time.
        seconds: how long.
    """
    match pattern:
        case "constant":
            return (Piece(seconds, rate),)
        case "step":
            ends = accumulate(share * seconds for share in STEP_SHARES)
            return tuple(Piece(end, speed) for end, speed in zip(ends, (rate, peak, rate), strict=True))
        case "day":
            return tuple(_day(rate, peak, seconds))
        case _:
            assert_never(pattern)


def _day(rate: float, peak: float, seconds: float) -> Iterator[Piece]:
    """Yield night + (peak - night) ((1 - cos(2 pi t / day)) / 2)^k, with k such that the average is the base rate."""
    night = NIGHT_SHARE * rate
    power = _power((rate - night) / (peak - night)) if peak > night else 1.0
    for number in range(math.ceil(seconds / DAY_PIECE_S)):
        middle = (number + 0.5) * DAY_PIECE_S
        bump = ((1 - math.cos(2 * math.pi * middle / DAY_S)) / 2) ** power
        yield Piece(min(seconds, (number + 1) * DAY_PIECE_S), night + (peak - night) * bump)


def _power(share: float) -> float:
    """Return k for which the mean of ((1 - cos x) / 2)^k over a turn is the share.

    The mean is gamma(k + 1/2) / (sqrt(pi) gamma(k + 1)): 1 at k = 0, and falling.
    """
    low, high = 0.0, _SHARPEST
    for _ in range(60):
        middle = (low + high) / 2
        mean = math.exp(math.lgamma(middle + 0.5) - math.lgamma(middle + 1)) / math.sqrt(math.pi)
        low, high = (middle, high) if mean > share else (low, middle)
    return low


def chunks(load: Load, random: Random) -> Iterator[tuple[int, list[int]]]:
    """Yield the arrivals in order: the end of a stretch of time, and the arrivals before it, in microseconds."""
    begin, done = 0.0, 0
    for piece in load.pieces:
        parts = max(1, math.ceil((piece.end - begin) * piece.rate / _CHUNK_TASKS))
        for part in range(parts):
            until = round((begin + (piece.end - begin) * (part + 1) / parts) * SECOND)
            start = round((begin + (piece.end - begin) * part / parts) * SECOND)
            found = _poisson(start, until, piece.rate, random)
            upto = bisect_left(load.fixed, until, done)
            if upto > done:
                found = sorted([*found, *load.fixed[done:upto]])
                done = upto
            yield until, found
        begin = piece.end


def _poisson(start: int, until: int, rate: float, random: Random) -> list[int]:
    """Return random arrivals: gaps of -ln(u) / rate."""
    found: list[int] = []
    if rate <= 0:
        return found
    draw, log, scale = random.random, math.log, -SECOND / rate
    at = float(start)
    while at < until:
        expected = (until - at) / SECOND * rate
        count = math.ceil(expected + 4 * math.sqrt(expected)) + 4
        times = list(accumulate([log(1.0 - draw()) * scale for _ in range(count)], initial=at))
        at = times[-1]
        found += [int(time) for time in times[1:]]
    return found[: bisect_left(found, until)]


def spread(counts: Sequence[tuple[float, float, int]], random: Random) -> tuple[int, ...]:
    """Return the tasks of bins (start and end in seconds, number) at random times within them, in microseconds."""
    draw = random.random
    times: list[int] = []
    for start, end, count in counts:
        times += sorted(int((start + draw() * (end - start)) * SECOND) for _ in range(count))
    return tuple(times)
