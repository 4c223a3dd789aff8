"""Depth and age of queues from one request for all tasks."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from task_abstraction.backends.hatchet.labels import queue_label, queue_of_action
from task_abstraction.backends.hatchet.registered import Registered
from task_abstraction.backends.hatchet.rest import Rest
from task_abstraction.models import QueueStats

CACHE_S = 10.0
"""The engine allows 10 requests for statistics per second and address; its documents say 10 in 300 s (hatchet.md 8)."""
LIMIT_S = 5.0


def _seconds_since(text: str | None, now: datetime) -> float | None:
    return None if not text else max(0.0, (now - datetime.fromisoformat(text)).total_seconds())


class _Sums:
    """What is counted for one queue."""

    def __init__(self) -> None:
        self.waiting = self.in_flight = 0
        self.ages: list[float] = [0.0]

    def stats(self, consumers: int) -> QueueStats:
        """As the exporter reads it."""
        return QueueStats(
            waiting=self.waiting, in_flight=self.in_flight, oldest_age_s=max(self.ages), consumers=consumers
        )


def _by_queue(counted: Mapping[str, Any], own: str) -> Mapping[str, int]:
    """Tasks of one kind and state by queue: an action names another queue than the task's own."""
    found = {own: int(counted.get("total") or 0)}
    for action, number in (counted.get("queues") or {}).items():
        elsewhere = queue_of_action(action)
        if elsewhere is not None:
            found[elsewhere] = found.get(elsewhere, 0) + int(number)
            found[own] -= int(number)
    return found


def summed(queue_of: Mapping[str, str], tasks: Mapping[str, Any], now: datetime) -> Mapping[str, _Sums]:
    """Sums of every queue from the statistics of its tasks; the engine counts by lower-case task names."""
    sums: dict[str, _Sums] = {}
    for name, own in queue_of.items():
        told = tasks.get(name.lower()) or {}
        queued, running = told.get("queued") or {}, told.get("running") or {}
        for queue, number in _by_queue(queued, own).items():
            sums.setdefault(queue, _Sums()).waiting += number
        for queue, number in _by_queue(running, own).items():
            sums.setdefault(queue, _Sums()).in_flight += number
        age = _seconds_since(queued.get("oldest"), now)
        if age is not None:
            sums[own].ages.append(age)
    return sums


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
        found = {name: told or self._queue_of(name) for name, told in known.items()}
        queue_of = {name: queue for name, queue in sorted(found.items()) if queue is not None}
        # Without names the engine leaves idle tasks out, and a name that is missing is an error, not a zero.
        query = {"taskNames": ",".join(queue_of)}
        tasks = self._rest.get(f"{self._rest.tenant}/task-stats", query, limit_s=LIMIT_S) if queue_of else {}
        workers = (self._rest.get(f"{self._rest.tenant}/worker", limit_s=LIMIT_S) or {}).get("rows") or []
        sums = summed(queue_of, tasks or {}, datetime.now(UTC))
        return {queue: sums.get(queue, _Sums()).stats(_consumers(workers, queue)) for queue in queues}
