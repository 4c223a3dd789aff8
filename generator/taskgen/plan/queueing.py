"""Formulas of queueing theory; no knowledge of profiles. Times in seconds, rates per second."""

import math
from typing import Final

Z99: Final = 2.3263478740408408
"""99 % quantile of the standard normal distribution."""


def lognormal(p50: float, p99: float) -> tuple[float, float]:
    """Return mean and squared coefficient of variation of the lognormal distribution with these quantiles.

    sigma = ln(p99/p50) / 2.3263, mean = p50 exp(sigma^2/2), cv2 = exp(sigma^2) - 1 ([Scaling 1]).
    """
    sigma = math.log(p99 / p50) / Z99
    return p50 * math.exp(sigma**2 / 2), math.exp(sigma**2) - 1


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a task waits in M/M/c; 1 when the load is not below the servers.

    By the recursion of Erlang B, B(n) = aB(n-1) / (n + aB(n-1)), then C = B / (1 - (a/c)(1 - B)): stable for large n.
    """
    if load >= servers:
        return 1.0
    blocking = 1.0
    for n in range(1, servers + 1):
        blocking = load * blocking / (n + load * blocking)
    return blocking / (1 - load / servers * (1 - blocking))


def wait_tail(servers: int, rate: float, mean: float, wait: float) -> float:
    """Return P(W > wait) of M/M/c: C(n, a) exp(-(n/S - rate) wait)."""
    load = rate * mean
    if load >= servers:
        return 1.0
    return erlang_c(servers, load) * math.exp(-(servers / mean - rate) * wait)


def mean_wait(servers: int, rate: float, mean: float, *, arrival_cv2: float = 1.0, cv2: float = 1.0) -> float:
    """Return the mean wait in the queue; infinite when the load is not below the servers.

    M/M/c: C(n, a) / (n/S - rate). Allen-Cunneen multiplies it by (arrival_cv2 + cv2) / 2, an approximation that is
    exact for one server and random arrivals (Pollaczek-Khinchine).
    """
    load = rate * mean
    if load >= servers:
        return math.inf
    return erlang_c(servers, load) / (servers / mean - rate) * (arrival_cv2 + cv2) / 2


def slots_needed(rate: float, mean: float, cv2: float, wait: float, share: float) -> int:
    """Return the fewest slots with P(W > wait) <= share ([Scaling 1]).

    Erlang C assumes cv2 = 1. A larger variance makes waits longer by (1 + cv2)/2 (Allen-Cunneen, an approximation): the
    goal is shortened by that factor, and the larger of both answers is taken.
    """
    goal = wait / max(1.0, (1 + cv2) / 2)
    load = rate * mean
    blocking, servers = 1.0, 0
    # One pass of the recursion of Erlang B: each further slot costs one step, not the whole recursion again.
    while True:
        servers += 1
        blocking = load * blocking / (servers + load * blocking)
        if servers <= load:
            continue
        waits = blocking / (1 - load / servers * (1 - blocking))
        if waits * math.exp(-(servers / mean - rate) * goal) <= share:
            return servers
