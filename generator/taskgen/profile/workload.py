"""Facts about the tasks of a tier: durations, memory, rates, goals, retries."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from taskgen.profile.base import Boolean, KeyedError, Matching, Model
from taskgen.profile.scalars import Duration, Percent, Rate, Size

Attempts = Annotated[int, Field(ge=1, le=100)]
Priority = Annotated[int, Field(ge=0, le=255)]


class TaskDuration(Model):
    """How long one attempt takes."""

    p50: Duration
    """median"""
    p99: Duration
    """99th percentile"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.p50 <= timedelta():
            raise KeyedError("p50", "must be longer than 0s: state the median duration")
        if self.p99 < self.p50:
            raise KeyedError("p99", "must not be shorter than p50: exchange them")
        return self


class Retry(Model):
    """When a failed attempt is repeated; the same meaning on every backend."""

    max_attempts: Attempts = 1
    """attempts in total, not repetitions"""
    initial_delay: Duration = timedelta(seconds=1)
    """wait before the second attempt"""
    backoff: Annotated[float, Field(ge=1, le=100)] = 2.0
    """factor on the delay after each further attempt"""
    max_delay: Duration = timedelta(minutes=10)
    """longest delay"""
    jitter: Boolean = True
    """draw each delay between half and the whole of it"""
    non_retryable: tuple[
        Annotated[str, Matching(r"[A-Za-z_][\w.]*", "an exception class such as ValueError")], ...
    ] = ()
    """exception classes that end the task at once"""


class TaskFacts(Model):
    """What is known about the tasks of one tier."""

    duration: TaskDuration
    """how long one attempt takes"""
    time_limit: Duration
    """hard limit of one attempt; it is killed or given up after it"""
    soft_time_limit: Duration | None = None
    """raised inside the task before the hard limit, where the pool can"""
    memory: Size = 64 * 2**20
    """peak memory of one task above the idle worker"""
    idempotent: Boolean = False
    """running a task twice has the effect of running it once"""
    cancellable: Boolean = False
    """tasks are coroutines, or poll for cancellation: they end soon after they are asked to"""
    longest_delay: Duration = timedelta()
    """longest delay or eta that a producer asks for"""
    payload: Size = 4 * 2**10
    """size of the arguments of one task"""
    result: Size = 1 * 2**10
    """size of the result of one task"""
    result_lookup: Duration = timedelta(days=1)
    """longest time after its end that somebody asks for a result"""
    ignore_result: Boolean = False
    """nobody reads the results"""

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        if self.time_limit < self.duration.p99:
            raise KeyedError("time_limit", "shorter than duration.p99: one task in a hundred would be killed; raise it")
        if self.soft_time_limit is not None and self.soft_time_limit >= self.time_limit:
            raise KeyedError("soft_time_limit", "must be shorter than time_limit: lower it, or raise time_limit")
        return self


class TaskPolicy(Model):
    """What holds for some tasks among many; what is absent comes from the tier."""

    duration: TaskDuration | None = None
    """how long one attempt takes"""
    time_limit: Duration | None = None
    """hard limit of one attempt"""
    soft_time_limit: Duration | None = None
    """raised inside the task before the hard limit"""
    memory: Size | None = None
    """peak memory of one task"""
    idempotent: Boolean | None = None
    """running it twice has the effect of running it once"""
    acknowledge: Literal["early", "late"] | None = None
    """when the broker forgets the message: before or after the task ran (Celery)"""
    priority: Priority | None = None
    """priority of its messages"""
    rate_limit: Rate | None = None
    """most starts per second"""
    retry: Retry | None = None
    """when a failed attempt is repeated"""
    ignore_result: Boolean | None = None
    """nobody reads the result"""


class Load(Model):
    """Arrivals at a tier."""

    rate: Rate
    """average arrivals"""
    peak: Rate
    """arrivals at the busiest time"""

    @model_validator(mode="after")
    def _peak_is_a_peak(self) -> Self:
        if self.peak < self.rate:
            raise KeyedError("peak", "must not be lower than rate: exchange them")
        return self


class Objectives(Model):
    """Service level objectives of a tier."""

    wait: dict[
        Annotated[str, Matching(r"p(50|[5-9][0-9](\.[0-9]{1,2})?)", "a quantile from p50 on, such as p99")], Duration
    ]
    """goal for the time between submit and start, as one quantile such as {p99: 30s}"""
    success: Percent = 0.99
    """share of the tasks that end well"""

    @field_validator("wait")
    @classmethod
    def _one_goal(cls, wait: dict[str, timedelta]) -> dict[str, timedelta]:
        if len(wait) != 1:
            raise ValueError("state exactly one quantile, such as {p99: 30s}")
        if min(wait.values()) <= timedelta():
            raise ValueError("the goal must be longer than 0s: no queue answers before it is asked")
        return wait
