"""What a tier costs, by what its workers request."""

from typing import Final

from taskgen.plan.derivation import derivation

MONTH_HOURS: Final = 730
"""Hours of an average month: 8760 / 12."""
GIB: Final = 2**30
SOURCE: Final = "requests decide what a node or a task of Fargate is paid for; prices are a table of the profile"


def _cost(replicas: int, cpu: int, memory: int, vcpu_hour: float, gib_hour: float) -> float:
    return round(replicas * MONTH_HOURS * (cpu / 1000 * vcpu_hour + memory / GIB * gib_hour), 2)


@derivation(
    formula="min_replicas x 730h x (cpu_request x vcpu_hour + memory_limit x gib_hour)",
    source=SOURCE,
)
def least_monthly_cost(
    *, min_replicas: int, cpu_request: int, memory_limit: int, vcpu_hour: float, gib_hour: float
) -> float:
    """Cost of a month at the fewest replicas, in the currency of the profile."""
    return _cost(min_replicas, cpu_request, memory_limit, vcpu_hour, gib_hour)


@derivation(
    formula="max_replicas x 730h x (cpu_request x vcpu_hour + memory_limit x gib_hour)",
    source=SOURCE,
)
def largest_monthly_cost(
    *, max_replicas: int, cpu_request: int, memory_limit: int, vcpu_hour: float, gib_hour: float
) -> float:
    """Cost of a month at the most replicas, in the currency of the profile."""
    return _cost(max_replicas, cpu_request, memory_limit, vcpu_hour, gib_hour)
