"""The metrics of one worker process: one set of names for all backends."""

import platform
import time
from collections.abc import Iterable, Mapping, Sequence

from task_abstraction.models import Reason
from task_abstraction.runtime.metrics import Family, MetricsRegistry

TASK_LABELS = ("backend", "queue", "task", "tier")
PROCESS_LABELS = ("backend", "tier")
UNKNOWN_TASK = "_unknown"
"""Label of a task whose name nobody registered: a foreign name must not become a label."""
RETRY_REASONS = (Reason.ERROR, Reason.TIME_LIMIT, Reason.WORKER_LOST)


class WorkerMetrics:
    """Counts what happens to tasks; every method takes queue and task name, and is safe from any thread."""

    def __init__(
        self,
        *,
        backend: str,
        tier: str,
        slots: int,
        pool: str,
        duration_buckets: Sequence[float],
        wait_buckets: Sequence[float],
        library: str = "0.1.0",
    ) -> None:
        self.registry = registry = MetricsRegistry()
        self._backend, self._tier = backend, tier
        self._known: set[str] = set()
        counter = registry.counter
        self._submitted = counter("task_submitted_total", "Tasks that the backend accepted from here.", TASK_LABELS)
        self._started = counter("task_started_total", "Attempts that began.", TASK_LABELS)
        self._succeeded = counter("task_succeeded_total", "Tasks that ended well.", TASK_LABELS)
        reasoned = (*TASK_LABELS, "reason")
        self._failed = counter("task_failed_total", "Tasks that ended badly, once per task.", reasoned)
        self._retried = counter("task_retried_total", "Failed attempts that another one follows.", reasoned)
        self._redelivered = counter("task_redelivered_total", "Attempts that the broker repeated.", TASK_LABELS)
        self._dead = counter("task_dead_lettered_total", "Tasks that went to the dead letter.", TASK_LABELS)
        self._duration = registry.histogram(
            "task_duration_seconds", "Duration of each attempt.", TASK_LABELS, duration_buckets
        )
        self._wait = registry.histogram(
            "task_queue_wait_seconds", "Submit (or eta) to the start of the first attempt.", TASK_LABELS, wait_buckets
        )
        self.slots = registry.gauge("task_worker_slots", "Tasks that this process can run at once.", PROCESS_LABELS)
        self.busy = registry.gauge("task_worker_slots_busy", "Tasks that run now.", PROCESS_LABELS)
        self.draining = registry.gauge("task_worker_draining", "1 while the worker shuts down.", PROCESS_LABELS)
        self.heartbeat = registry.gauge(
            "task_worker_heartbeat_timestamp_seconds", "Last move of the consumer loop, Unix time.", PROCESS_LABELS
        )
        self.lag = registry.gauge(
            "task_worker_event_loop_lag_seconds", "How late the loop came to its last beat.", PROCESS_LABELS
        )
        self.differences = registry.gauge(
            "task_worker_plan_differences",
            "What runs otherwise than planned; unsafe: it could lose or repeat work.",
            (*PROCESS_LABELS, "severity"),
        )
        info = registry.gauge("task_worker_info", "Versions, value 1.", (*PROCESS_LABELS, "version", "library", "pool"))
        info.set((backend, tier, platform.python_version(), library, pool), 1)
        self._set_up(slots)

    def _set_up(self, slots: int) -> None:
        self.set_process(self.slots, slots)
        self.set_process(self.heartbeat, time.time())
        for gauge in (self.busy, self.draining, self.lag):
            self.set_process(gauge, 0)

    def set_process(self, gauge: Family, value: float) -> None:
        """Set a gauge of this process."""
        gauge.set((self._backend, self._tier), value)

    def set_differences(self, *, unsafe: int, said: int) -> None:
        """Set how many differences from the plan there are, by severity."""
        for severity, count in (("unsafe", unsafe), ("said", said)):
            self.differences.set((self._backend, self._tier, severity), count)

    def _labels(self, queue: str, task: str) -> tuple[str, str, str, str]:
        return (self._backend, queue, task if task in self._known else UNKNOWN_TASK, self._tier)

    def expect(self, queues_of_tasks: Mapping[str, Iterable[str]]) -> None:
        """Create every series of these tasks (name -> queues) with 0."""
        self._known.update(queues_of_tasks)
        for task, queues in queues_of_tasks.items():
            for queue in queues:
                labels = self._labels(queue, task)
                plain = (self._submitted, self._started, self._succeeded, self._redelivered, self._dead)
                for family in plain:
                    family.inc(labels, 0)
                for reason in Reason:
                    self._failed.inc((*labels, reason), 0)
                for reason in RETRY_REASONS:
                    self._retried.inc((*labels, reason), 0)
                self._duration.create(labels)
                self._wait.create(labels)

    def submitted(self, queue: str, task: str) -> None:
        """Count a task that the backend accepted."""
        self._submitted.inc(self._labels(queue, task))

    def started(
        self, queue: str, task: str, *, enqueued_at: float | None, attempt: int = 1, redelivered: bool = False
    ) -> None:
        """Count the begin of an attempt; the first one also gives the wait since `enqueued_at` (Unix time)."""
        labels = self._labels(queue, task)
        self._started.inc(labels)
        self.busy.inc((self._backend, self._tier))
        if redelivered:
            self._redelivered.inc(labels)
        elif attempt == 1 and enqueued_at is not None:
            self._wait.observe(labels, max(0.0, time.time() - enqueued_at))

    def ended(self, queue: str, task: str, *, duration_s: float) -> None:
        """Count the end of an attempt that `started` counted, whatever its outcome."""
        self._duration.observe(self._labels(queue, task), max(0.0, duration_s))
        self.busy.inc((self._backend, self._tier), -1)

    def succeeded(self, queue: str, task: str) -> None:
        """Count a task that ended well."""
        self._succeeded.inc(self._labels(queue, task))

    def failed(self, queue: str, task: str, reason: Reason) -> None:
        """Count a task that ended badly: once, after its last attempt."""
        self._failed.inc((*self._labels(queue, task), reason))

    def retried(self, queue: str, task: str, reason: Reason = Reason.ERROR) -> None:
        """Count a failed attempt that another one follows."""
        self._retried.inc((*self._labels(queue, task), reason))

    def dead_lettered(self, queue: str, task: str) -> None:
        """Count a task that went to the dead letter."""
        self._dead.inc(self._labels(queue, task))
