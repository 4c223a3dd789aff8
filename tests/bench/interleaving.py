"""Two candidates measured in turn, in blocks A B B A, and the ratio of what they show with its uncertainty."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Block = Mapping[str, Sequence[float]]
"""What one block showed, in seconds: `wall`, `cpu` of the client, `worker` (its CPU)."""
RESAMPLES = 2000
SURE = 0.95


def p50(values: Sequence[float]) -> float:
    """Median."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


@dataclass
class Pair:
    """What was measured, block by block: `native[i]` and `ours[i]` stood beside each other in time."""

    native: list[Block] = field(default_factory=list)
    ours: list[Block] = field(default_factory=list)

    def values(self, what: str, statistic: Callable[[Sequence[float]], float]) -> tuple[float, float]:
        """The statistic of native and ours, over all blocks."""
        return statistic(_pooled(self.native, what)), statistic(_pooled(self.ours, what))

    def ratio(self, what: str, statistic: Callable[[Sequence[float]], float]) -> tuple[float, float, float]:
        """Ours over native, and the interval that holds it with 95 %: blocks are drawn anew in pairs (bootstrap).

        Whole blocks are drawn, because what disturbs a machine lasts longer than one task.
        """
        draw = random.Random(0)  # noqa: S311 - no secret; the same figures give the same interval
        count = range(len(self.native))
        drawn = []
        for _ in range(RESAMPLES):
            chosen = draw.choices(count, k=len(count))
            ours, native = (statistic(_pooled([side[i] for i in chosen], what)) for side in (self.ours, self.native))
            drawn.append(ours / native)
        drawn.sort()
        edge = int(len(drawn) * (1 - SURE) / 2)
        native, ours = self.values(what, statistic)
        return ours / native, drawn[edge], drawn[-1 - edge]


def _pooled(blocks: Sequence[Block], what: str) -> list[float]:
    return [value for block in blocks for value in block[what]]


def interleaved(native: Callable[[], Block], ours: Callable[[], Block], *, rounds: int) -> Pair:
    """Measure both after one round that does not count; each round is native, ours, ours, native."""
    pair = Pair()
    for number in range(rounds + 1):
        first, second, third, fourth = native(), ours(), ours(), native()
        if number:
            pair.native += [first, fourth]
            pair.ours += [second, third]
    return pair
