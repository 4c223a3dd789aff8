"""Depth and age of queues from one request for all tasks."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from task_abstraction.backends.hatchet.labels import queue_label
from task_abstraction.backends.hatchet.registered import Registered
from task_abstraction.backends.hatchet.rest import Rest
from task_abstraction.models import QueueStats

CACHE_S = 10.0
"""The engine allows 10 requests for statistics per second and address; its documents say 10 in 300 s (hatchet.md 8)."""
LIMIT_S = 5.0


def _seconds_since(text: str | None, now: datetime) -> float | None:
    return None if not text else max(0.0, (now - datetime.fromisoformat(text)).total_seconds())


def summed(names: Sequence[str], tasks: Mapping[str, Any], consumers: int, now: datetime) -> QueueStats:
    """Statistics of one queue from those of its tasks; the engine counts by lower-case task names."""
    found = [tasks.get(name.lower()) or {} for name in names]
    queued = [task.get("queued") or {} for task in found]
    running = [task.get("running") or {} for task in found]
    ages = [age for entry in queued if (age := _seconds_since(entry.get("oldest"), now)) is not None]
    return QueueStats(
        waiting=sum(int(entry.get("total") or 0) for entry in queued),
        in_flight=sum(int(entry.get("total") or 0) for entry in running),
        oldest_age_s=max(ages, default=0.0),
        consumers=consumers,
    )


def _consumers(workers: Sequence[Mapping[str, Any]], queue: str) -> int:
    label = queue_label(queue)
    active = [worker for worker in workers if worker.get("status") == "ACTIVE"]
    return sum(any(entry.get("key") == label for entry in worker.get("labels") or []) for worker in active)


class Statistics:
    """Reads the engine at most once in 10 s; in between the last answer holds."""

    def __init__(self, rest: Rest, registered: Registered, queue_of: Callable[[str], str | None]) -> None:
        self._rest = rest
        self._registered = registered
        self._queue_of = queue_of
        self._kept: Mapping[str, QueueStats] = {}
        self._asked: tuple[str, ...] = ()
        self._read_at = -CACHE_S

    def of_queues(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        """Statistics of each queue.

        Raises:
            BackendUnavailable: the engine cannot be asked; nothing is kept then.
        """
        if time.monotonic() - self._read_at < CACHE_S and self._asked == tuple(queues):
            return self._kept
        self._kept = self._read(queues)
        self._asked, self._read_at = tuple(queues), time.monotonic()
        return self._kept

    def _read(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        known = self._registered.queues_of_tasks(limit_s=LIMIT_S)
        tasks_of: dict[str, list[str]] = {queue: [] for queue in queues}
        for name, told in known.items():
            queue = told or self._queue_of(name)
            if queue in tasks_of:
                tasks_of[queue].append(name)
        names = sorted({name for tasks in tasks_of.values() for name in tasks})
        # Without names the engine leaves idle tasks out, and a name that is missing is an error, not a zero.
        query = {"taskNames": ",".join(names)}
        tasks = self._rest.get(f"{self._rest.tenant}/task-stats", query, limit_s=LIMIT_S) if names else {}
        workers = (self._rest.get(f"{self._rest.tenant}/worker", limit_s=LIMIT_S) or {}).get("rows") or []
        now = datetime.now(UTC)
        return {queue: summed(names, tasks or {}, _consumers(workers, queue), now) for queue, names in tasks_of.items()}
