"""From a submission to what Temporal is told: timeouts, retries, ids, priorities."""

from datetime import datetime, timedelta
from typing import Any

from task_abstraction.backends.temporal.generic_task import TaskOptions
from task_abstraction.base import Submission
from task_abstraction.policy import TaskPolicy

UNLIMITED_S = 24 * 3600.0
"""Limit of an attempt where the policy has none: Temporal needs one; the heartbeat notices a dead worker earlier."""
HEARTBEAT_FROM_S = 60.0
"""Tasks with a longer limit beat (temporal.md 10); a shorter one is over before a beat would tell anything."""
HEARTBEAT_LONGEST_S = 30.0
"""Longest heartbeat timeout: the same number as in the plan, so that the predicted recovery time holds."""
PRIORITIES = range(1, 6)
"""Priority keys of a server with default settings; 1 is the most urgent."""
SHORTEST_RETRY_S = 0.001
"""Temporal reads a delay of 0 as "not set" and takes its own default of 1 s."""


def heartbeat_s(policy: TaskPolicy) -> float | None:
    """Heartbeat timeout of a task in seconds; None for short ones."""
    if policy.heartbeat_s is not None:
        return policy.heartbeat_s
    limit = policy.time_limit_s or UNLIMITED_S
    return min(HEARTBEAT_LONGEST_S, limit / 2) if limit > HEARTBEAT_FROM_S else None


def task_options(policy: TaskPolicy, *, priority: int | None = None) -> TaskOptions:
    """How the activity of a task runs, from its effective policy."""
    retry = policy.retry
    names = policy.non_retryable_names | {cls.__name__ for cls in retry.non_retryable}
    return TaskOptions(
        start_to_close_s=policy.time_limit_s or UNLIMITED_S,
        max_attempts=retry.max_attempts,
        initial_delay_s=max(SHORTEST_RETRY_S, retry.initial_delay.total_seconds()),
        backoff=retry.backoff,
        max_delay_s=max(SHORTEST_RETRY_S, retry.initial_delay.total_seconds(), retry.max_delay.total_seconds()),
        non_retryable=sorted(names),
        heartbeat_s=heartbeat_s(policy),
        priority=policy.priority if priority is None else priority,
    )


def options_of(submission: Submission, now: datetime) -> TaskOptions:
    """How the activity of one submission runs; a deadline counts from the submit, as on every backend.

    Raises:
        ValueError: the priority does not exist, or the task would expire before it may begin.
    """
    expires = submission.options.expires
    options = _checked(submission.name, submission.policy, submission.options.priority)
    if expires is not None:
        options.expires_s = expires.total_seconds()
    if options.expires_s is not None and options.expires_s <= start_delay(submission, now).total_seconds():
        raise ValueError(f"task '{submission.name}': it would expire before its delay is over")
    return options


def _checked(name: str, policy: TaskPolicy, priority: int | None) -> TaskOptions:
    options = task_options(policy, priority=priority)
    if options.priority is not None and options.priority not in PRIORITIES:
        raise ValueError(f"task '{name}': priority {options.priority} is not 1 (most urgent) to 5")
    options.expires_s = policy.expires_s
    return options


def step_options(name: str, policy: TaskPolicy) -> TaskOptions:
    """How the activity of a step runs: as that of a submit without options, at the moment when the step is due.

    Raises:
        ValueError: the priority does not exist.
    """
    return _checked(name, policy, None)


def schedule_to_start(options: TaskOptions, delay: timedelta) -> timedelta | None:
    """Time to begin of a standalone activity: the server counts it from the end of the delay."""
    return None if options.expires_s is None else timedelta(seconds=options.expires_s) - delay


def start_delay(submission: Submission, now: datetime) -> timedelta:
    """How long the server holds the task back; 0 for one that is due."""
    return timedelta(0) if submission.due_at is None else max(timedelta(0), submission.due_at - now)


def execution_id(submission: Submission) -> str:
    """Id of the execution: one idempotency key of one task is one id, and the server keeps ids unique."""
    key = submission.options.idempotency_key
    return submission.task_id if key is None else f"{submission.name}:{key}"


def invocation(submission: Submission) -> dict[str, Any]:
    """The one argument of the activity: arguments, and the headers beside them."""
    return {**submission.envelope, "headers": dict(submission.headers)}
