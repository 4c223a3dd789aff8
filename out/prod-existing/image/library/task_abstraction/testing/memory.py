"""The backend with queues and worker threads in this process, and a clock that a test moves."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from task_abstraction.base import Submission
from task_abstraction.capabilities import Capability, Facts
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.errors import ResultTimeout
from task_abstraction.models import Feature, TaskResult, TaskStatus
from task_abstraction.testing.attempts import Record
from task_abstraction.testing.clock import VirtualClock
from task_abstraction.testing.immediate import GIVES as IMMEDIATE
from task_abstraction.testing.local import LocalBackend, table
from task_abstraction.worker_job import WorkerJob

F = Feature
GIVES = {
    **IMMEDIATE,
    F.DELAY: "virtual clock",
    F.ETA: "virtual clock",
    F.EXPIRES: "virtual clock",
    F.PRIORITY: "the higher number first, among what is due",
    F.RETRY: "virtual clock",
    F.CANCEL_PENDING: "taken off its queue",
    F.CANCEL_RUNNING: "cooperative: current_task().is_cancelled",
    F.GROUP: "interpreter in this process, steps on worker threads",
}
DEFAULT_WORKERS = 4


class MemoryBackend(LocalBackend):
    """Queues and worker threads in this process.

    Delays do not pass by themselves: `clock.advance(...)` skips time. A wait with a timeout skips it as well, as far
    as the next task that is due, once nothing runs: a wait for a task that is retried after a minute takes no minute.
    """

    backend_type: ClassVar[str] = "memory"
    capabilities: ClassVar[Sequence[Capability]] = table("memory", GIVES, "there is no server")

    def __init__(
        self,
        config: BackendConfig | None = None,
        *,
        plan: WorkerPlan | None = None,
        like: str | None = None,
        facts: Facts | None = None,
        workers: int = DEFAULT_WORKERS,
        queues: Iterable[str] | None = None,
    ) -> None:
        super().__init__(config, plan=plan, like=like, facts=facts)
        self._changed = threading.Condition(self._lock)
        self.clock = VirtualClock(self._changed)
        self._workers, self._queues = workers, None if queues is None else frozenset(queues)
        self._waiting: list[tuple[datetime, int, Record]] = []
        self._order = count()
        self._busy = 0
        self._threads: list[threading.Thread] = []
        self._life = 0

    def now(self) -> datetime:
        """The present moment of the virtual clock."""
        return self.clock.now()

    # Submit.

    def _send(self, submission: Submission) -> str:
        return self._put(submission, None)

    def _send_step(self, submission: Submission, when_done: Callable[[Record], None]) -> None:
        self._put(submission, when_done)

    def _put(self, submission: Submission, when_done: Callable[[Record], None] | None) -> str:
        self.runnable(submission.name)
        with self._changed:
            record = self._enter(submission)
            if record is None:
                return self._known_id(submission)
            if when_done is not None:
                record.when_done.append(when_done)
            options, now = submission.options, self.now()
            default_s = submission.policy.expires_s
            expires = options.expires or (None if default_s is None else timedelta(seconds=default_s))
            record.expires_at = None if expires is None else now + expires
            # `delay` counts from now on the virtual clock; an eta is a moment of it.
            self._queue(record, now + options.delay if options.delay is not None else options.eta or now)
            self._start_workers()
        return submission.task_id

    def _queue(self, record: Record, due: datetime) -> None:
        self._waiting.append((due, next(self._order), record))
        self._changed.notify_all()

    # Workers.

    def _start_workers(self) -> None:
        missing = self._workers - len(self._threads)
        self._threads += [self._worker(self._queues, self._life) for _ in range(missing)]

    def _worker(
        self, queues: frozenset[str] | None, life: int, stop: threading.Event | None = None
    ) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(queues, life, stop), name="memory-worker", daemon=True)
        thread.start()
        return thread

    def _work(self, queues: frozenset[str] | None, life: int, stop: threading.Event | None) -> None:
        while True:
            with self._changed:
                record = None
                while record is None:
                    if life != self._life or (stop is not None and stop.is_set()):
                        return
                    record = self._take(queues)
                    if record is None:
                        self._changed.wait(self._pause(queues))
                self._busy += 1
            try:
                self._run(record)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _due(self, queues: frozenset[str] | None) -> list[tuple[datetime, int, Record]]:
        now = self.now()
        return [
            item for item in self._waiting if item[0] <= now and (queues is None or item[2].submission.queue in queues)
        ]

    def _take(self, queues: frozenset[str] | None) -> Record | None:
        due = self._due(queues)
        if not due:
            return None
        chosen = min(due, key=lambda item: (-_priority(item[2]), item[1]))
        self._waiting.remove(chosen)
        return chosen[2]

    def _pause(self, queues: frozenset[str] | None) -> float | None:
        """Real seconds until the next task of these queues is due."""
        ahead = [due for due, _, record in self._waiting if queues is None or record.submission.queue in queues]
        return max(0.0, (min(ahead) - self.now()).total_seconds()) if ahead else None

    def _run(self, record: Record) -> None:
        if record.completed_at is not None:  # cancelled while it waited
            return
        if record.expires_at is not None and record.attempts == 0 and self.now() > record.expires_at:
            with self._lock:
                record.end(TaskStatus.CANCELLED, self.now(), error="not started before it expired")
            record.tell()
            return
        again = self._attempt(record)
        if again is None:
            record.tell()
            return
        with self._changed:
            self._queue(record, self.now() + timedelta(seconds=again))

    # Results.

    def _wait(self, task_id: str, timeout: float) -> TaskResult[Any]:
        deadline = self.clock.monotonic() + timeout
        with self._changed:
            while not (result := self._look(task_id)).is_finished:
                left = deadline - self.clock.monotonic()
                if left <= 0:
                    raise ResultTimeout(task_id, timeout)
                ahead = self._pause(self._queues)
                if self._busy == 0 and ahead is not None and ahead > 0:
                    self.clock.advance(min(ahead, left))
                    continue
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
            return result

    def _cancel(self, task_id: str) -> None:
        super()._cancel(task_id)
        with self._changed:
            self._changed.notify_all()

    # Life.

    def _serve(self, job: WorkerJob) -> None:
        """Serve the queues of the job with threads of its own, beside those of the constructor."""
        stop = threading.Event()
        threads = [self._worker(frozenset(job.queues), self._life, stop) for _ in range(job.concurrency)]
        super()._serve(job)
        stop.set()
        with self._changed:
            self._changed.notify_all()
        for thread in threads:
            thread.join(job.grace_s)

    def _close(self) -> None:
        with self._changed:
            self._life += 1  # threads of an earlier life end at their next turn
            self._threads = []
            self._changed.notify_all()


def _priority(record: Record) -> int:
    chosen = record.submission.options.priority
    return (record.submission.policy.priority or 0) if chosen is None else chosen
