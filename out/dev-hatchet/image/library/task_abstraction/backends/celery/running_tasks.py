"""What a Celery worker would do with one task, compared with the plan: acknowledgement and limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from task_abstraction.backends.celery.planned import HARD_LIMIT_POOLS, Planned, difference, pool_of, unsafe
from task_abstraction.config import TierSettings
from task_abstraction.differences import Difference, longest_limit
from task_abstraction.policy import TaskPolicy


@dataclass(frozen=True, slots=True)
class _Running:
    """A task with what it inherits from its worker."""

    task: Any
    worker: Any

    @property
    def name(self) -> str:
        return str(self.task.name)

    @property
    def enforces_limits(self) -> bool:
        return pool_of(self.worker) in HARD_LIMIT_POOLS

    @property
    def has_children(self) -> bool:
        return pool_of(self.worker) == "prefork"

    @property
    def limit(self) -> float | None:
        value = self.task.time_limit or self.worker.time_limit
        return float(value) if value else None

    @property
    def soft_limit(self) -> float | None:
        value = self.task.soft_time_limit or self.worker.soft_time_limit
        return float(value) if value else None


def compare_task(
    task: Any,  # noqa: ANN401 - Celery's Task
    worker: Any,  # noqa: ANN401 - Celery's WorkController
    planned: Planned,
    redelivery: float | None,
) -> Iterator[Difference]:
    """Compare one task that the worker knows; `redelivery` is the channel's visibility timeout in seconds."""
    running, policy = _Running(task, worker), planned.policies[task.name]
    yield from _acknowledgement(running, planned.tier, policy)
    if running.enforces_limits:
        yield from _limits(running, planned, policy, redelivery)


def _acknowledgement(running: _Running, tier: TierSettings, policy: TaskPolicy) -> Iterator[Difference]:
    late = bool(running.task.acks_late)
    what = f"acknowledgement of task {running.name}"
    if policy.acks_late and not late:
        yield unsafe(
            what,
            "late",
            "early",
            "a worker that is killed loses the tasks that it runs and holds",
            f"set task_acks_late = True in the application, or tiers.{tier.name}.task.idempotent: false",
        )
    elif policy.acks_late is False and late:
        yield unsafe(
            what,
            "early",
            "late",
            "a task that must not run twice runs again after a lost worker",
            f"set acks_late=False on the task, or say that it may: tasks.{running.name}.idempotent: true",
        )
    if late and running.task.reject_on_worker_lost and running.has_children:
        yield difference(
            f"reject_on_worker_lost of task {running.name}",
            False,
            True,
            "a task that kills its process is delivered again without end",
            "set task_retry_on_worker_lost with max_retries instead, which has a cap",
        )


def _limits(running: _Running, planned: Planned, policy: TaskPolicy, redelivery: float | None) -> Iterator[Difference]:
    what, limit, wanted = f"time limit of task {running.name}", running.limit, policy.time_limit_s
    remedy = f"state tasks.{running.name}.time_limit in the profile, or lower time_limit of the task"
    late = bool(running.task.acks_late)
    shown, planned_text = _seconds(limit), _seconds(wanted)
    longest = longest_limit(planned.tier, planned.plan)
    if late and redelivery is not None and (limit is None or limit >= redelivery):
        consequence = f"after {redelivery:g} s Redis delivers it a second time while it runs"
        yield unsafe(what, planned_text, shown, consequence, remedy)
    elif longest is not None and (limit is None or limit > longest):
        consequence = f"a stop waits {planned.tier.grace_s:g} s, then kills it"
        yield Difference(
            what=what,
            planned=planned_text,
            running=shown,
            consequence=consequence,
            remedy=remedy,
            unsafe=planned.tier.shutdown == "drain" and (limit is None or limit > planned.tier.grace_s),
        )
    elif wanted is not None and limit != wanted and "time_limit_s" in planned.plan.overrides_of(running.name):
        yield difference(what, planned_text, shown, "the code decides, not the profile", remedy)
    soft = running.soft_limit
    if running.has_children and soft is not None and limit is not None and soft >= limit:
        yield difference(
            f"soft time limit of task {running.name}",
            _seconds(policy.soft_time_limit_s),
            _seconds(soft),
            "the hard limit comes first: the task cannot clean up",
            "lower soft_time_limit of the task",
        )


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"
