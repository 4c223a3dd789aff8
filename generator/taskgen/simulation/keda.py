"""What KEDA 2.20 does around the autoscaler: 0 and 1, the cooldown, and the fallback ([Simulation 4])."""

from dataclasses import dataclass
from typing import Final, Literal

ACTIVATION: Final = 0.0
"""A value strictly above it makes a tier active."""

FallbackBehavior = Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What is reported while the metrics cannot be read."""

    threshold: int
    """failures in a row, of polls and of the autoscaler's reads; one more engages it (measured with 2.20.2)"""
    replicas: int
    behavior: FallbackBehavior = "currentReplicasIfHigher"

    def size(self, current: int) -> int:
        """Return the size that the fallback asks for."""
        match self.behavior:
            case "static":
                return self.replicas
            case "currentReplicas":
                return current
            case "currentReplicasIfHigher":
                return max(current, self.replicas)
            case "currentReplicasIfLower":
                return min(current, self.replicas)


@dataclass(slots=True, kw_only=True)
class Keda:
    """One ScaledObject with what its operator remembers."""

    least: int
    cooldown_s: float
    fallback: Fallback | None = None
    failures: int = 0
    last_active: float | None = None

    def poll(self, now: float, current: int, values: list[float] | None) -> int:
        """Return the size after one poll: 0 to 1 and back; everything else belongs to the autoscaler.

        Args:
            now: seconds.
            current: `spec.replicas`.
            values: of all triggers; None when they cannot be read.
        """
        self.seen(read=values is not None)
        if values is None:
            engaged = self.fallback is not None and self.engaged
            return self.fallback.size(current) if engaged and self.fallback and current == 0 else current
        if any(one > ACTIVATION for one in values):
            self.last_active = now
            return max(1, self.least) if current == 0 else current
        if self.last_active is None:
            self.last_active = now  # the cooldown of an object that was never active starts with it
        idle = now - self.last_active
        return 0 if self.least == 0 and current > 0 and idle >= self.cooldown_s else current

    def seen(self, *, read: bool) -> None:
        """Count an answer or a failure; the autoscaler's own reads count too."""
        self.failures = 0 if read else self.failures + 1

    @property
    def engaged(self) -> bool:
        """Whether the fallback is in force."""
        return self.fallback is not None and self.failures > self.fallback.threshold
