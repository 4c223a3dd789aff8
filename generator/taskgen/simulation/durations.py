"""Durations of tasks, drawn from a table of quantiles: one uniform number and one look-up for each task.

A table has as many equally likely entries as `STRATA`; each is the mean of its share of the distribution, so that the
mean of the table is that of the distribution, and the same numbers give longer tasks when the distribution gets longer.
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from taskgen.plan.queueing import Z99

STRATA: Final = 2**16
"""Entries of a table: the rarest is one task in 65 536."""
SECOND: Final = 1_000_000
"""Times are whole microseconds: exact sums, and the same bytes on every machine."""

Table = tuple[int, ...]
"""Durations in microseconds, each as likely as any other, ascending."""


@lru_cache(maxsize=32)
def lognormal(p50: float, p99: float, *, limit: float = math.inf) -> Table:
    """Return the lognormal distribution with these quantiles in seconds; longer tasks end at the time limit.

    Mean of the share between the quantiles a and b: p50 exp(sigma^2/2) (Phi(z_b - sigma) - Phi(z_a - sigma)) / (b - a).
    """
    sigma = math.log(p99 / p50) / Z99
    if sigma == 0:
        return constant(min(p50, limit))
    normal = NormalDist()
    below = [0.0, *(normal.cdf(normal.inv_cdf(k / STRATA) - sigma) for k in range(1, STRATA)), 1.0]
    scale = p50 * math.exp(sigma**2 / 2) * STRATA
    return tuple(_whole(min(limit, scale * (below[k + 1] - below[k]))) for k in range(STRATA))


@lru_cache(maxsize=32)
def exponential(mean: float) -> Table:
    """Return the exponential distribution: the mean of each share by the integral of -ln(1 - u)."""

    def integral(k: int) -> float:
        rest = 1 - k / STRATA
        return (rest * math.log(rest) if rest else 0.0) - rest

    return tuple(_whole(mean * STRATA * (integral(k + 1) - integral(k))) for k in range(STRATA))


def constant(duration: float) -> Table:
    """Return the distribution of tasks that take the same time."""
    return (_whole(duration),)


def mean(table: Table) -> float:
    """Return the mean of a table in seconds."""
    return sum(table) / len(table) / SECOND


def _whole(seconds: float) -> int:
    return max(1, round(seconds * SECOND))
