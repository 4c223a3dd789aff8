"""The autoscaler of a tier: bounds, signals, windows of the week, and how fast the size may change."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskgen.profile.base import Auto, Cron, KeyedError, Model, Name, SecretKey, Text, Timezone
from taskgen.profile.scalars import Duration, Percent, Size

Replicas = Annotated[int, Field(ge=0, le=10_000)]
Slots = Annotated[int, Field(ge=1, le=10_000)]


class ScaleSchedule(Model):
    """A window of the week with its own number of replicas."""

    start: Cron
    """when the window begins"""
    end: Cron
    """when it ends"""
    timezone: Timezone = "UTC"
    """time zone of both"""
    min: Replicas
    """replicas that are kept during the window"""


class CpuSignal(Model):
    """Scale on CPU use, relative to the request."""

    cpu: Percent
    """target"""


class MemorySignal(Model):
    """Scale on memory use; memory rarely falls again, so it rarely scales in (kubernetes.md section 3)."""

    memory: Size
    """target per replica"""


class PrometheusSignal(Model):
    """Scale on a query of the user's own."""

    prometheus: Text
    """PromQL that gives one number"""
    target: Annotated[float, Field(gt=0)]
    """value per replica"""


class SqlSignal(Model):
    """Scale on a query to a database of the user's own."""

    sql: Text
    """statement that gives one number"""
    secret: SecretKey
    """connection string"""
    target: Annotated[float, Field(gt=0)]
    """value per replica"""


Signal = Literal["backlog", "in_flight"] | CpuSignal | MemorySignal | PrometheusSignal | SqlSignal


class ScaleStep(Model):
    """One direction of scaling; what is absent is derived."""

    window: Duration | None = None
    """stabilisation window"""
    percent: Annotated[int | None, Field(ge=1, le=1000)] = None
    """largest change in percent per period"""
    pods: Slots | None = None
    """largest change in pods per period"""
    period: Duration | None = None
    """length of a period"""


class ScaleBehavior(Model):
    """How fast the size may change."""

    up: ScaleStep = ScaleStep()
    """growing"""
    down: ScaleStep = ScaleStep()
    """shrinking"""


class Scale(Model):
    """Bounds and signals of the autoscaler."""

    min: Replicas | Auto = "auto"
    """fewest replicas; auto: from rate and wait goal"""
    max: Slots | Auto = "auto"
    """most replicas; auto: from the peak rate"""
    signals: Annotated[tuple[Signal, ...], Field(min_length=1)] = ("backlog", "in_flight")
    """what is measured; the largest answer wins"""
    schedules: dict[Name, ScaleSchedule | None] = {}
    """windows with a higher floor"""
    behavior: ScaleBehavior = ScaleBehavior()
    """how fast the size may change"""
    fallback: Replicas | None = None
    """replicas while the signal cannot be read; default derived"""

    @model_validator(mode="after")
    def _signals_differ(self) -> Self:
        kinds = [signal if isinstance(signal, str) else type(signal).__name__ for signal in self.signals]
        once = [kind for kind in kinds if kind not in {"PrometheusSignal", "SqlSignal"}]
        if len(set(once)) != len(once):
            raise KeyedError("signals", "names a signal twice: remove one")
        return self

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if isinstance(self.min, int) and isinstance(self.max, int) and self.min > self.max:
            raise KeyedError("min", f"{self.min} is above max {self.max}: exchange them")
        return self
