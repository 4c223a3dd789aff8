"""The engine's options of a task: from its effective policy and the rendered hatchet_settings."""

from datetime import timedelta
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from task_abstraction.models import RetryPolicy
from task_abstraction.policy import TaskPolicy
from task_abstraction.tasks import TaskDefinition

NO_LIMIT = timedelta(hours=24)
"""Limit where nobody states one. The SDK's own, 60 s to run and 5 min to wait, lose work; a dead worker is noticed by
its heartbeat, not by these limits."""
PRIORITIES = range(1, 4)
"""1 low, 2 medium, 3 high."""
FACTOR_LIMIT = 1000.0
DELAY_LIMIT_S = 86_400
"""Limits of the engine on backoff_factor and backoff_max_seconds."""


def backoff_of(retry: RetryPolicy) -> dict[str, Any]:
    """Backoff of the engine whose delays are at least those of the policy.

    The engine waits min(backoff_max_seconds, backoff_factor ** n) seconds before repetition n. With the factor
    max(initial_delay, backoff) no delay is shorter than initial_delay x backoff ** (n - 1). Jitter has no counterpart.
    """
    initial, ceiling = retry.initial_delay.total_seconds(), retry.max_delay.total_seconds()
    if retry.max_attempts == 1 or min(initial, ceiling) <= 0:
        return {}
    longest = initial if retry.backoff == 1 else ceiling
    return {
        "backoff_factor": float(min(FACTOR_LIMIT, max(initial, retry.backoff, 1.0))),
        "backoff_max_seconds": max(1, min(DELAY_LIMIT_S, round(min(longest, ceiling)))),
    }


def options_of(policy: TaskPolicy) -> dict[str, Any]:
    """Keyword arguments of `Hatchet.task` for a policy; every limit is stated."""

    def limit(seconds: float | None) -> timedelta:
        return NO_LIMIT if seconds is None else timedelta(seconds=seconds)

    return {
        "execution_timeout": limit(policy.time_limit_s),
        "schedule_timeout": limit(policy.schedule_timeout_s),
        "retries": policy.retry.max_attempts - 1,
        **backoff_of(policy.retry),
    }


def _declared(definition: TaskDefinition) -> dict[str, Any]:
    """What the code itself says about a task."""
    found: dict[str, Any] = {}
    if definition.timeout is not None:
        found["execution_timeout"] = definition.timeout
    if definition.retry is not None:
        found |= {"retries": definition.retry.max_attempts - 1, **_no_backoff(), **backoff_of(definition.retry)}
    return found


def _no_backoff() -> dict[str, Any]:
    return {"backoff_factor": None, "backoff_max_seconds": None}


def task_options(
    definition: TaskDefinition, policy: TaskPolicy, *, tier: str | None, settings: ModuleType | None
) -> dict[str, Any]:
    """Options of one task: rendered line for the task > declaration in the code > rendered tier > effective policy."""
    rendered: dict[str, Any] = getattr(settings, "TASK", {}).get(tier, {})
    globs: list[tuple[str, dict[str, Any]]] = getattr(settings, "TASKS", [])
    own = next((options for glob, options in globs if fnmatchcase(definition.name, glob)), {})
    merged = {**options_of(policy), **rendered, **_declared(definition), **own}
    return {name: value for name, value in merged.items() if value is not None}


def priority_of(asked: int | None, policy: TaskPolicy) -> int | None:
    """Priority of a submit: asked for, or the nearest level to the policy's.

    Raises:
        ValueError: the asked one is none of the engine's levels.
    """
    if asked is not None:
        if asked not in PRIORITIES:
            raise ValueError(f"priority {asked}: Hatchet has 1 (low), 2 (medium) and 3 (high)")
        return asked
    if policy.priority is None:
        return None
    return min(max(policy.priority, PRIORITIES[0]), PRIORITIES[-1])
