"""The effective policy of one task: the profile's word for it, then its declaration, then its tier's default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from task_abstraction.config import TierSettings, WorkerPlan
from task_abstraction.models import RetryPolicy
from task_abstraction.tasks import TaskDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPolicy:
    """How one task is limited, retried and acknowledged; None leaves it to the backend's settings."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    non_retryable_names: frozenset[str] = frozenset()
    time_limit_s: float | None = None
    soft_time_limit_s: float | None = None
    acks_late: bool | None = None
    idempotent: bool | None = None
    priority: int | None = None
    rate_limit: str | None = None
    expires_s: float | None = None
    heartbeat_s: float | None = None
    schedule_timeout_s: float | None = None
    ignore_result: bool | None = None

    def is_retryable(self, error: BaseException) -> bool:
        """Whether the policy allows another attempt after this error; a name matches any class of the hierarchy."""
        if isinstance(error, self.retry.non_retryable):
            return False
        names = {name for cls in type(error).__mro__ for name in (cls.__name__, f"{cls.__module__}.{cls.__qualname__}")}
        return not names & self.non_retryable_names

    def wants_retry(self, error: BaseException, attempt: int) -> bool:
        """Whether attempt number `attempt` (the first is 1), having failed with this error, is followed by another."""
        return attempt < self.retry.max_attempts and self.is_retryable(error)


def _from_declaration(definition: TaskDefinition | None) -> dict[str, Any]:
    if definition is None:
        return {}
    values: dict[str, Any] = {}
    if definition.retry is not None:
        retry = definition.retry
        values = {
            "max_attempts": retry.max_attempts,
            "initial_delay_s": retry.initial_delay.total_seconds(),
            "backoff": retry.backoff,
            "max_delay_s": retry.max_delay.total_seconds(),
            "jitter": retry.jitter,
            "non_retryable": [cls.__name__ for cls in retry.non_retryable],
        }
    if definition.timeout is not None:
        # A soft limit of the tier that is longer would mean nothing: the declaration of a hard limit drops it.
        values |= {"time_limit_s": definition.timeout.total_seconds(), "soft_time_limit_s": None}
    if definition.priority is not None:
        values["priority"] = definition.priority
    return values


def _retry(values: Mapping[str, Any], definition: TaskDefinition | None) -> RetryPolicy:
    default = RetryPolicy()
    declared = definition.retry.non_retryable if definition is not None and definition.retry is not None else ()
    return RetryPolicy(
        max_attempts=values.get("max_attempts", default.max_attempts),
        initial_delay=timedelta(seconds=values.get("initial_delay_s", default.initial_delay.total_seconds())),
        backoff=values.get("backoff", default.backoff),
        max_delay=timedelta(seconds=values.get("max_delay_s", default.max_delay.total_seconds())),
        jitter=values.get("jitter", default.jitter),
        non_retryable=declared,
    )


def effective_policy(
    name: str, definition: TaskDefinition | None, plan: WorkerPlan, tier: TierSettings | None
) -> TaskPolicy:
    """Merge key by key: plan for the task > declaration in the code > default of the tier > library default.

    The declaration beats the tier because it is about this one task ("never charge twice" must not become three
    attempts by a tier's default); the profile's own line for the task beats both.
    """
    tier_default = {} if tier is None else dict(tier.task)
    values = {**tier_default, **_from_declaration(definition), **plan.overrides_of(name)}
    plain = {key: values[key] for key in TaskPolicy.__dataclass_fields__ if key in values}
    names = values.get("non_retryable") or ()
    return TaskPolicy(retry=_retry(values, definition), non_retryable_names=frozenset(names), **plain)
