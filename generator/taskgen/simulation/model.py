"""The inputs of a simulation: one tier in numbers. Times in seconds."""

from dataclasses import dataclass
from typing import Literal

from taskgen.simulation.durations import Table
from taskgen.simulation.hpa import Behavior
from taskgen.simulation.keda import Fallback

Measure = Literal["waiting", "in_flight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a failed attempt is repeated."""

    max_attempts: int = 1
    initial_s: float = 1.0
    backoff: float = 2.0
    longest_s: float = 600.0
    jitter: bool = False

    def delay(self, attempt: int) -> float:
        """Return the wait after an attempt (the first is 1) without jitter."""
        return float(min(self.longest_s, self.initial_s * self.backoff ** min(attempt - 1, 64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One pod of the tier."""

    slots: int
    """tasks at once"""
    start_s: float = 20.0
    """from creation until it takes tasks"""
    prefetch: int | None = None
    """messages that it holds unacknowledged at most; None: it takes a task when a slot is free"""
    late: bool = True
    """acknowledges after the task: what it runs counts into `prefetch`"""

    @property
    def hoards(self) -> bool:
        """Whether it takes tasks for which it has no free slot."""
        return self.prefetch is not None and (not self.late or self.prefetch > self.slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What happens to running tasks when a worker must stop."""

    mode: Literal["drain", "cut"] = "drain"
    tasks_get_s: float = 300.0
    """time that running tasks still have: the grace of a drain, the soft time of a cut"""
    cut_returns: bool = True
    """a cut hands a broken task back at once; otherwise it is found like that of a killed worker"""
    recovery_s: float | None = None
    """until a task of a killed worker runs again; None: it is lost"""
    from_start: bool = False
    """that time counts from the start of the task (visibility timeout), not from the kill"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How the autoscaler sees the queue."""

    refresh_s: float = 10.0
    """time between two looks at the broker (the exporter's cache)"""
    lag_s: float = 0.0
    """time until a look can be read"""
    in_flight: Literal["running", "unacknowledged"] = "running"
    """what counts as in flight: tasks that run, or messages that the broker waits for"""
    limbo: bool = False
    """tasks of a killed worker stay unacknowledged until they return (Celery on Redis)"""


@dataclass(frozen=True, slots=True)
class Signal:
    """One metric of the autoscaler; type AverageValue unless it is relative."""

    measure: Measure
    target: float


@dataclass(frozen=True, slots=True)
class Floor:
    """A window of time with its own least size (a `cron` trigger), in seconds since the beginning."""

    start: float
    end: float
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """What changes the number of replicas."""

    kind: Literal["keda", "hpa", "fixed"]
    least: int
    most: int
    signals: tuple[Signal, ...] = ()
    behavior: Behavior | None = None
    polling_s: float = 10.0
    cooldown_s: float = 300.0
    fallback: Fallback | None = None
    floors: tuple[Floor, ...] = ()

    @property
    def initial(self) -> int:
        """Replicas at the beginning."""
        return self.least


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The wait goal: a quantile of the wait, and its longest value."""

    quantile: float
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbances:
    """What goes wrong."""

    blind: tuple[tuple[float, float], ...] = ()
    """start and end of times in which the queue cannot be read"""
    crashes: tuple[float, ...] = ()
    """times at which one worker, chosen at random, is killed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierModel:
    """One tier."""

    name: str
    table: Table
    """durations of one attempt"""
    worker: Worker
    scaler: Scaler
    goal: Goal
    ending: Ending = Ending()
    metric: Metric = Metric()
    retry: Retry = Retry()
    failing: float = 0.0
    """share of the attempts that fail"""
    disturbances: Disturbances = Disturbances()
    warmup_s: float = 0.0
    """waits of tasks that start earlier are not counted"""
    vcpu: float = 0.0
    """CPU of one worker, in cores"""
    memory_gib: float = 0.0
    """memory of one worker"""
    not_modelled: tuple[str, ...] = ()
    """what the profile asks for and the model leaves out"""
