"""Values that cross the surface of the library: statuses, results, policies, queue statistics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar, cast

from task_abstraction.errors import TaskFailed

R_co = TypeVar("R_co", covariant=True)


class TaskStatus(StrEnum):
    """Where a task stands; a `str`, so `result.status == "completed"` works."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


class Feature(StrEnum):
    """What a backend may be asked for; the rows of the capability table."""

    RESULTS = "results"
    NOT_FOUND = "not_found"
    ASYNC_TASKS = "async_tasks"
    DELAY = "delay"
    ETA = "eta"
    EXPIRES = "expires"
    PRIORITY = "priority"
    QUEUE_OVERRIDE = "queue_override"
    IDEMPOTENCY = "idempotency_key"
    RETRY = "retry"
    NON_RETRYABLE = "non_retryable"
    TIME_LIMIT = "time_limit"
    SOFT_TIME_LIMIT = "soft_time_limit"
    CANCEL_PENDING = "cancel_pending"
    CANCEL_RUNNING = "cancel_running"
    BATCH = "batch"
    CHAIN = "chain"
    GROUP = "group"
    CHORD = "chord"
    DAG = "dag"
    DURABLE = "durable"
    PROGRESS = "progress"
    STREAMING = "streaming"
    CRON = "cron"
    DEAD_LETTER = "dead_letter"
    ENCRYPTION = "encryption"
    RATE_LIMIT = "rate_limit"
    CONCURRENCY_KEY = "concurrency_key"
    REQUEUE_ON_KILL = "requeue_on_kill"


class Support(Enum):
    """How a backend gives a feature."""

    NATIVE = "native"
    EMULATED = "emulated"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a task ended badly or was tried again: the closed set of the label `reason`."""

    ERROR = "error"
    TIME_LIMIT = "time_limit"
    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SCHEDULE_TIMEOUT = "schedule_timeout"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed attempt is tried again; the same default on every backend: one attempt."""

    max_attempts: int = 1
    initial_delay: timedelta = timedelta(seconds=1)
    backoff: float = 2.0
    max_delay: timedelta = timedelta(minutes=10)
    jitter: bool = True
    non_retryable: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {self.max_attempts}")
        if self.backoff < 1:
            raise ValueError(f"backoff must be at least 1, got {self.backoff:g}")
        if self.initial_delay < timedelta(0) or self.max_delay < timedelta(0):
            raise ValueError("delays must not be negative")

    def delay_after(self, attempt: int, *, uniform: Callable[[float, float], float] | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt` (the first is 1).

        delay = min(max_delay, initial_delay x backoff ** (attempt - 1)); jitter takes a random part between a half
        and all of it, so that the delay is never longer than the redelivery times of the plan assume.
        """
        # An exponent of 64 is far beyond every max_delay; the bound keeps the power finite.
        grown = self.initial_delay.total_seconds() * self.backoff ** min(attempt - 1, 64)
        delay = min(self.max_delay.total_seconds(), grown)
        if not self.jitter:
            return delay
        if uniform is None:
            import random

            uniform = random.uniform
        return uniform(delay / 2, delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult(Generic[R_co]):
    """What is known about one submitted task."""

    task_id: str
    task_name: str
    status: TaskStatus
    result: R_co | None = None
    error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: int = 0
    progress: Any = None
    """What the running task has last reported by `current_task().progress(...)`; not every backend keeps it longer."""

    @property
    def is_pending(self) -> bool:
        """Whether no attempt has begun, or the next one is still to come."""
        return self.status == TaskStatus.PENDING

    @property
    def is_running(self) -> bool:
        """Whether an attempt is under way."""
        return self.status == TaskStatus.RUNNING

    @property
    def is_completed(self) -> bool:
        """Whether the task ended well."""
        return self.status == TaskStatus.COMPLETED

    @property
    def is_failed(self) -> bool:
        """Whether the task ended badly."""
        return self.status == TaskStatus.FAILED

    @property
    def is_finished(self) -> bool:
        """Whether the task is completed, failed or cancelled."""
        return self.status in FINISHED

    @property
    def duration(self) -> float | None:
        """Seconds between start and end, if both are known."""
        if self.started_at is None or self.completed_at is None:
            return None
        return (self.completed_at - self.started_at).total_seconds()

    def unwrap(self) -> R_co:
        """Return the result of a completed task.

        Raises:
            TaskFailed: the task is not completed.
        """
        if not self.is_completed:
            raise TaskFailed(self)
        return cast("R_co", self.result)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowResult(TaskResult[R_co], Generic[R_co]):
    """What is known about one submitted workflow."""

    steps_completed: int = 0
    total_steps: int = 0

    @property
    def workflow_id(self) -> str:
        """The id that `submit_workflow` returned."""
        return self.task_id

    @property
    def workflow_name(self) -> str:
        """The name under which the workflow is registered."""
        return self.task_name

    @property
    def final_result(self) -> R_co | None:
        """The value of the last step."""
        return self.result

    @property
    def progress_percentage(self) -> float:
        """Share of completed steps, 0 to 100."""
        return 100.0 * self.steps_completed / self.total_steps if self.total_steps else 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one element of a batch."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthStatus:
    """The state of a backend or worker; `checks` maps a name to "ok" or the reason."""

    live: bool
    ready: bool
    checks: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """What the exporter knows about one queue; None means the backend cannot tell, which is not 0."""

    waiting: int
    in_flight: int | None = None
    oldest_age_s: float | None = None
    consumers: int | None = None
    dead_letter: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOptions:
    """The options of `using`: how one submit differs from the task's defaults."""

    queue: str | None = None
    delay: timedelta | None = None
    eta: datetime | None = None
    priority: int | None = None
    idempotency_key: str | None = None
    expires: timedelta | None = None

    def features(self) -> list[Feature]:
        """The features that these options ask for."""
        asked = {
            Feature.QUEUE_OVERRIDE: self.queue,
            Feature.DELAY: self.delay,
            Feature.ETA: self.eta,
            Feature.PRIORITY: self.priority,
            Feature.IDEMPOTENCY: self.idempotency_key,
            Feature.EXPIRES: self.expires,
        }
        return [feature for feature, value in asked.items() if value is not None]
