"""What one Celery worker should do, and the words for what it does otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from task_abstraction.config import TierSettings, WorkerPlan
from task_abstraction.differences import Difference
from task_abstraction.policy import TaskPolicy

POOLS = {"thread": "threads", "asynpool": "prefork"}
"""Last words of the modules of pools that are not the names of the pools."""
HARD_LIMIT_POOLS = frozenset({"prefork", "gevent"})
"""Pools that can end a running task; elsewhere a limit would be ignored in silence (measured on threads)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one worker should do."""

    tier: TierSettings
    plan: WorkerPlan
    settings: Mapping[str, Any]
    """rendered settings of Celery"""
    policies: Mapping[str, TaskPolicy]
    """of the tasks that come to this worker by their routes"""
    broker_url: str | None = None


def pool_of(worker: Any) -> str:  # noqa: ANN401 - Celery's WorkController
    """The name by which the command line chooses the pool that runs."""
    word = str(worker.pool_cls.__module__).rpartition(".")[2]
    return POOLS.get(word, word)


def slots_of(pool: str, concurrency: int) -> int:
    """How many tasks a pool really runs at once: solo takes any number, and runs one (measured)."""
    return 1 if pool == "solo" else int(concurrency)


def difference(what: str, planned: object, running: object, consequence: str, remedy: str) -> Difference:
    """What runs otherwise than planned, and loses no work."""
    return Difference(what=what, planned=planned, running=running, consequence=consequence, remedy=remedy)


def unsafe(what: str, planned: object, running: object, consequence: str, remedy: str) -> Difference:
    """What runs otherwise than planned, and could lose work or run it twice."""
    return Difference(what=what, planned=planned, running=running, consequence=consequence, remedy=remedy, unsafe=True)
