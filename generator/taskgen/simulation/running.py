"""Runs of a tier over several seeds, and of its variants: the same arrivals under another autoscaler."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from taskgen.simulation.arrivals import Load
from taskgen.simulation.cost import Prices
from taskgen.simulation.engine import simulate
from taskgen.simulation.measuring import Figures, Spread, figures, spread
from taskgen.simulation.model import TierModel
from taskgen.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """A tier over several seeds."""

    tier: TierModel
    load: Load
    runs: tuple[Figures, ...]
    first: Outcome
    """the run of the first seed, for pictures"""

    @property
    def spread(self) -> Mapping[str, Spread | None]:
        """Every figure over the seeds."""
        return spread(self.runs)

    def mean(self, figure: str) -> float:
        """Return the mean of a figure over the seeds; 0 where no run has it."""
        one = self.spread[figure]
        return one.mean if one else 0.0

    @property
    def keeps_goal(self) -> bool:
        """Whether the share of late tasks is allowed, on average over the seeds."""
        return self.mean("share_above_goal") <= 1 - self.tier.goal.quantile + 1e-9


def run(
    tier: TierModel,
    load: Callable[[int], Load],
    *,
    seeds: Sequence[int],
    prices: Prices,
    before: Callable[[int], None] | None = None,
) -> Result:
    """Run a tier once for each seed.

    Args:
        tier: the tier.
        load: what arrives, by seed.
        seeds: one run each.
        prices: of the replicas.
        before: called before each run, to show progress.
    """
    found: list[Figures] = []
    first: Outcome | None = None
    for seed in seeds:
        if before is not None:
            before(seed)
        arriving = load(seed)
        outcome = simulate(tier, arriving, seed=seed)
        found.append(figures(tier, arriving, outcome, prices))
        first = first or outcome
    if first is None:
        raise ValueError("at least one seed is needed")
    return Result(tier, load(seeds[0]), tuple(found), first)
