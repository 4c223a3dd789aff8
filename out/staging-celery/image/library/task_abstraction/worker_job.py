"""What a backend's worker is handed: queues, tasks, policies, metrics and health of this process."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from task_abstraction.config import TierSettings
from task_abstraction.differences import StartReport
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.runtime.worker_metrics import WorkerMetrics
from task_abstraction.tasks import TaskDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """One run of a worker.

    `tasks` are all tasks that this process can run; `queues_of_tasks` says which of the served queues each one comes
    from by its route (a submit may still override the queue). `stop` is set when the worker has to end.
    """

    queues: tuple[str, ...]
    concurrency: int
    name: str
    tier: TierSettings
    grace_s: float
    log_level: str
    tasks: Mapping[str, TaskDefinition]
    policies: Mapping[str, TaskPolicy]
    queues_of_tasks: Mapping[str, tuple[str, ...]]
    metrics: WorkerMetrics
    health: HealthState
    report: StartReport
    """what runs otherwise than planned"""
    stop: threading.Event = field(default_factory=threading.Event)
