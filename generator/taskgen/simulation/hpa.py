"""The algorithm of the HorizontalPodAutoscaler of Kubernetes 1.36, as pure functions of numbers.

Stated from `pkg/controller/podautoscaler/{horizontal,replica_calculator}.go` and the defaults of `autoscaling/v2`
([Simulation 3]). Times are in seconds, sizes in replicas; known-answers.json pins every function.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

SYNC_S: Final = 15.0
"""`--horizontal-pod-autoscaler-sync-period`."""
TOLERANCE: Final = 0.1
"""`--horizontal-pod-autoscaler-tolerance`."""
DOWN_WINDOW_S: Final = 300.0
"""`--horizontal-pod-autoscaler-downscale-stabilization`."""
OLD_UP_FACTOR: Final = 2
OLD_UP_LEAST: Final = 4
"""Without `behavior` a sync may grow to max(2 x current, 4)."""
_MAX_INT32: Final = 2**31 - 1

Select = Literal["Max", "Min", "Disabled"]


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry of `policies`."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`behavior.scaleUp` or `behavior.scaleDown` with nothing unset."""

    window_s: float
    policies: tuple[Policy, ...]
    select: Select = "Max"
    tolerance: float = TOLERANCE


UP: Final = Rules(window_s=0.0, policies=(Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
"""Defaults of `behavior.scaleUp`."""
DOWN: Final = Rules(window_s=DOWN_WINDOW_S, policies=(Policy("Percent", 100, 15),))
"""Defaults of `behavior.scaleDown`."""


@dataclass(frozen=True, slots=True)
class Behavior:
    """`spec.behavior`; its absence is None and takes an older path, which differs from the defaults."""

    up: Rules = UP
    down: Rules = DOWN


@dataclass(frozen=True, slots=True)
class Change:
    """A change of size that this autoscaler made: when, and by how many replicas (positive in both directions)."""

    at: float
    count: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the metrics asked for at some time, before stabilisation."""

    at: float
    replicas: int


def within(ratio: float, *, up: float = TOLERANCE, down: float = TOLERANCE, until_1_32: bool = False) -> bool:
    """Say whether a ratio of value to target changes nothing.

    Since 1.33: 1 - down <= ratio <= 1 + up. Until 1.32: |1 - ratio| <= tolerance, which differs at 1.1 in float64.
    """
    return abs(1.0 - ratio) <= up if until_1_32 else 1.0 - down <= ratio <= 1.0 + up


def _milli(value: float) -> int:
    """Return a quantity as the controller keeps it: in thousandths, rounded up."""
    return math.ceil(round(value * 1000, 6))


def average_value(
    *,
    replicas: int,
    total: float,
    target: float,
    up: float = TOLERANCE,
    down: float = TOLERANCE,
    until_1_32: bool = False,
) -> int:
    """Propose a size for an external metric of type AverageValue: ceil(total / target) outside the tolerance.

    Args:
        replicas: `status.replicas` of the target; it enters only through the tolerance.
        total: value of the metric over the whole tier.
        target: value for each replica.
        up: tolerance of growing.
        down: tolerance of shrinking.
        until_1_32: compare as Kubernetes did before 1.33.
    """
    usage, wanted = float(_milli(total)), float(_milli(target))
    if replicas and within(usage / (wanted * replicas), up=up, down=down, until_1_32=until_1_32):
        return replicas
    return math.ceil(usage / wanted)


def value(
    *, replicas: int, ready: int, total: float, target: float, up: float = TOLERANCE, down: float = TOLERANCE
) -> int:
    """Propose a size for an external metric of type Value: ceil(total / target x ready) outside the tolerance.

    Replicas that still start are not ready, and make the proposal smaller.
    """
    ratio = _milli(total) / _milli(target)
    if replicas == 0:
        return math.ceil(ratio)
    return replicas if within(ratio, up=up, down=down) else math.ceil(ratio * ready)


def combine(current: int, proposals: Sequence[int], *, failed: int = 0) -> int | None:
    """Return the largest proposal; None changes nothing: all metrics failed, or some did and the rest asks for less."""
    if not proposals:
        return None
    largest = max(proposals)
    return None if failed and largest < current else largest


def bounds(current: int, *, least: int, most: int) -> int | None:
    """Return the size that is set without looking at a metric, or None where metrics decide.

    A size of 0 switches the autoscaler off; outside of the bounds it jumps to them, without a rate limit.
    """
    if current == 0 and least != 0:
        return 0
    if current > most:
        return most
    return least if current < least else None


def stabilise(
    current: int, desired: int, earlier: Iterable[Recommendation], *, now: float, up_s: float, down_s: float
) -> int:
    """Return the desired size after both windows.

    up = least of desired and what was recommended within the up window; down = most of desired and what was within the
    down window; the current size is raised to up, then lowered to down.
    """
    up = down = desired
    for one in earlier:
        if one.at > now - up_s:
            up = min(up, one.replicas)
        if one.at > now - down_s:
            down = max(down, one.replicas)
    return min(max(current, up), down)


def _changed(changes: Iterable[Change], period_s: float, now: float) -> int:
    return sum(change.count for change in changes if change.at > now - period_s)


def _starts(
    current: int, rules: Rules, added: Sequence[Change], deleted: Sequence[Change], now: float
) -> list[tuple[Policy, int]]:
    """Return each policy with the size at the start of its period."""
    return [
        (
            policy,
            current - _changed(added, policy.period_s, now) + _changed(deleted, policy.period_s, now),
        )
        for policy in rules.policies
    ]


def up_limit(
    current: int, rules: Rules, *, added: Sequence[Change] = (), deleted: Sequence[Change] = (), now: float = 0.0
) -> int:
    """Return the largest size that the policies of growing allow; never below the current size."""
    if rules.select == "Disabled":
        return current
    limits = [
        start + policy.value if policy.kind == "Pods" else math.ceil(start * (1 + policy.value / 100))
        for policy, start in _starts(current, rules, added, deleted, now)
    ]
    chosen = min(limits, default=_MAX_INT32) if rules.select == "Min" else max(limits, default=-_MAX_INT32)
    return max(current, chosen)


def down_limit(
    current: int, rules: Rules, *, added: Sequence[Change] = (), deleted: Sequence[Change] = (), now: float = 0.0
) -> int:
    """Return the smallest size that the policies of shrinking allow; never above the current size.

    `Max` selects the largest change, so the lowest size.
    """
    if rules.select == "Disabled":
        return current
    limits = [
        start - policy.value if policy.kind == "Pods" else int(start * (1 - policy.value / 100))
        for policy, start in _starts(current, rules, added, deleted, now)
    ]
    chosen = max(limits, default=-_MAX_INT32) if rules.select == "Min" else min(limits, default=_MAX_INT32)
    return min(current, chosen)


@dataclass(slots=True, kw_only=True)
class Autoscaler:
    """One HorizontalPodAutoscaler with what its controller remembers."""

    least: int
    most: int
    behavior: Behavior | None = field(default_factory=Behavior)
    recommendations: list[Recommendation] = field(default_factory=list)
    added: list[Change] = field(default_factory=list)
    deleted: list[Change] = field(default_factory=list)

    def sync(self, now: float, current: int, proposals: Sequence[int], *, failed: int = 0) -> int:
        """Return the size after one pass of the controller, and remember it.

        Args:
            now: seconds.
            current: `spec.replicas`.
            proposals: one size for each metric that could be read.
            failed: metrics that could not be read.
        """
        if not self.recommendations:  # a controller that sees the autoscaler for the first time
            self.recommendations.append(Recommendation(now, current))
        size = bounds(current, least=self.least, most=self.most)
        if size is None:
            desired = combine(current, proposals, failed=failed)
            size = current if desired is None else self._limited(now, current, desired)
        if size > current:
            self.added.append(Change(now, size - current))
        elif size < current:
            self.deleted.append(Change(now, current - size))
        return size

    def _limited(self, now: float, current: int, desired: int) -> int:
        rules = self.behavior
        if rules is None:
            return self._limited_of_old(now, current, desired)
        stable = stabilise(
            current, desired, self.recommendations, now=now, up_s=rules.up.window_s, down_s=rules.down.window_s
        )
        self._remember(now, desired)
        if stable > current:
            limit = up_limit(current, rules.up, added=self.added, deleted=self.deleted, now=now)
            return min(stable, limit, self.most)
        if stable < current:
            limit = down_limit(current, rules.down, added=self.added, deleted=self.deleted, now=now)
            return max(stable, limit, self.least)
        return stable

    def _limited_of_old(self, now: float, current: int, desired: int) -> int:
        """Limit as without `behavior`: the most of the last 300 s, then at most max(2 x current, 4)."""
        recent = [one.replicas for one in self.recommendations if one.at >= now - DOWN_WINDOW_S]
        self._remember(now, desired)
        limit = max(OLD_UP_FACTOR * current, OLD_UP_LEAST)
        return min(max(self.least, desired, *recent), limit, self.most)

    def _remember(self, now: float, desired: int) -> None:
        """Record a recommendation, and forget what no window or period reaches any more."""
        self.recommendations.append(Recommendation(now, desired))
        rules = self.behavior or Behavior()
        window = max(rules.up.window_s, rules.down.window_s)
        self.recommendations = [one for one in self.recommendations if one.at >= now - window]
        period = max((policy.period_s for policy in (*rules.up.policies, *rules.down.policies)), default=0.0)
        self.added = [change for change in self.added if change.at > now - period]
        self.deleted = [change for change in self.deleted if change.at > now - period]
