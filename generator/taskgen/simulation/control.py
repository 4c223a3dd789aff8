"""The autoscaler of a tier: what KEDA and the HorizontalPodAutoscaler make of what they can read."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from taskgen.simulation import hpa
from taskgen.simulation.keda import Keda
from taskgen.simulation.model import Measure, Metric, Scaler


@dataclass(frozen=True, slots=True)
class Reading:
    """What the exporter saw; nothing while it was blind. Times in seconds."""

    at: float
    values: dict[Measure, int] | None


class Control:
    """The controllers of one tier, between them and the numbers that they see."""

    def __init__(self, scaler: Scaler, metric: Metric) -> None:
        self.scaler = scaler
        self.metric = metric
        self.autoscaler = hpa.Autoscaler(least=max(1, scaler.least), most=scaler.most, behavior=scaler.behavior)
        self.keda = Keda(least=scaler.least, cooldown_s=scaler.cooldown_s, fallback=scaler.fallback)
        self._readings: deque[Reading] = deque()

    def look(self, reading: Reading) -> None:
        """Take what the exporter saw; it can be read after the lag."""
        self._readings.append(reading)

    def read(self, now: float) -> dict[Measure, int] | None:
        """Return the newest numbers that can be read; None: there are none."""
        readings = self._readings
        while len(readings) > 1 and readings[1].at <= now - self.metric.lag_s:
            readings.popleft()
        return readings[0].values if readings and readings[0].at <= now - self.metric.lag_s else None

    def poll(self, now: float, current: int) -> int:
        """Return the size after a poll of KEDA."""
        seen = self.read(now)
        values = None if seen is None else [float(seen[signal.measure]) for signal in self.scaler.signals]
        floor = self._floor(now)
        if values is not None and floor:
            values.append(float(floor))
        return self.keda.poll(now, current, values)

    def sync(self, now: float, current: int) -> int:
        """Return the size after a pass of the HorizontalPodAutoscaler."""
        proposals, failed = self._proposals(now, current)
        return self.autoscaler.sync(now, current, proposals, failed=failed)

    def _proposals(self, now: float, current: int) -> tuple[Sequence[int], int]:
        """Return the proposal of each metric, and how many metrics failed."""
        scaler = self.scaler
        seen = self.read(now)
        proposals: list[int] = []
        failed = 0
        if scaler.kind == "keda":
            self.keda.seen(read=seen is not None)
        for signal in scaler.signals:
            if seen is not None:
                proposals.append(self._propose(current, seen[signal.measure], signal.target))
            elif scaler.fallback is not None and self.keda.engaged:
                size = scaler.fallback.size(current)
                proposals.append(self._propose(current, size * signal.target, signal.target))
            else:
                failed += 1
        if scaler.floors:
            proposals.append(self._propose(current, max(1, self._floor(now)), 1))
        return proposals, failed

    def _propose(self, current: int, total: float, target: float) -> int:
        behavior = self.scaler.behavior or hpa.Behavior()
        return hpa.average_value(
            replicas=current,
            total=total,
            target=target,
            up=behavior.up.tolerance,
            down=behavior.down.tolerance,
        )

    def _floor(self, now: float) -> int:
        """Return the replicas that a window of the week asks for; 0 outside."""
        return max((floor.replicas for floor in self.scaler.floors if floor.start <= now < floor.end), default=0)
