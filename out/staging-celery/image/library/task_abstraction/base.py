"""The abstract backend; docs/backends.md tells what the author of a backend does."""

# ruff: noqa: ANN401 - results of tasks are anything that JSON can say

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from task_abstraction.config import read_setting, redact
from task_abstraction.dead_letters import DeadLetterStore
from task_abstraction.errors import BackendUnavailable, ResultTimeout, UnsupportedFeature
from task_abstraction.models import Feature, HealthStatus, QueueStats, TaskResult
from task_abstraction.submitting import BoundBackend, Submission, SubmittingBackend, in_thread
from task_abstraction.worker_job import WorkerJob

__all__ = ["BoundBackend", "Submission", "TaskBackend"]
POLL_FIRST_S = 0.01
POLL_LONGEST_S = 0.25


class TaskBackend(SubmittingBackend):
    """One broker or engine: registration, submit, results and workers; docs/backends.md says what to implement."""

    # Hooks of a backend.

    @abstractmethod
    def _look(self, task_id: str) -> TaskResult[Any]: ...

    @abstractmethod
    def _cancel(self, task_id: str) -> None: ...

    @abstractmethod
    def _serve(self, job: WorkerJob) -> None: ...

    @abstractmethod
    def _ping(self, timeout_s: float) -> None: ...

    @abstractmethod
    def queue_stats(self, queues: Sequence[str]) -> Mapping[str, QueueStats]:
        """Return what the broker or engine knows about each queue.

        Raises:
            BackendUnavailable: it cannot be asked; nothing may be guessed then.
        """

    async def _alook(self, task_id: str) -> TaskResult[Any]:
        return await in_thread(self._look, task_id)

    async def _acancel(self, task_id: str) -> None:
        await in_thread(self._cancel, task_id)

    def _wait(self, task_id: str, timeout: float) -> TaskResult[Any]:
        deadline = time.monotonic() + timeout
        pause = POLL_FIRST_S
        while not (result := self._look(task_id)).is_finished:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ResultTimeout(task_id, timeout)
            time.sleep(min(pause, left))
            pause = min(2 * pause, POLL_LONGEST_S)
        return result

    def _value(self, task_id: str, name: str, timeout: float) -> Any:
        del name
        return self._wait(task_id, timeout).unwrap()

    async def _avalue(self, task_id: str, name: str, timeout: float) -> Any:  # noqa: ASYNC109 - becomes ResultTimeout
        del name
        return (await self.aget_result(task_id, timeout=timeout)).unwrap()

    def _stop(self, job: WorkerJob, *, graceful: bool) -> None:
        """React to a stop beyond `job.stop`."""

    def _close(self) -> None:
        """Free clients and connections."""

    def credentials_expire_at(self) -> float | None:
        """Unix time at which the credentials end, where they say so; the exporter shows it."""
        return None

    def schedules_sent_at(self, names: Sequence[str]) -> Mapping[str, float]:
        """Unix time of the last send of each schedule, as far as the backend knows; the exporter shows it."""
        del names
        return {}

    def check_settings(self) -> None:
        """Refuse connection settings that can never work, without a connection: `--dry-run` asks for it.

        Raises:
            ConfigurationError: a setting has no meaning.
        """

    def address(self) -> str:
        """Where the broker or engine is, without secrets."""
        return redact(str(self.config.connection_params.get("address", self.backend_type)))

    # Results.

    def get_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:
        """Return what is known about an id; with `timeout` (seconds) wait for its end.

        Raises:
            TaskNotFound: the backend has never seen the id.
            ResultTimeout: the wait ran out; the task goes on.
            BackendUnavailable: the backend cannot be asked.
        """
        return self._look(task_id) if timeout is None else self._wait(task_id, timeout)

    async def aget_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:  # noqa: ASYNC109
        """Do what `get_result` does, from a running loop."""
        if timeout is None:
            return await self._alook(task_id)
        return await in_thread(self._wait, task_id, timeout)

    def value_of(self, task_id: str, name: str, *, timeout: float) -> Any:
        """Wait for the end of a task of this name and return its value: what `TaskHandle.wait` does.

        Raises:
            TaskFailed: the task failed or was cancelled.
            TaskNotFound: the backend has never seen the id.
            ResultTimeout: the wait ran out; the task goes on.
            BackendUnavailable: the backend cannot be asked.
        """
        return self._value(task_id, name, timeout)

    async def avalue_of(self, task_id: str, name: str, *, timeout: float) -> Any:  # noqa: ASYNC109
        """Do what `value_of` does, from a running loop."""
        return await self._avalue(task_id, name, timeout)

    def cancel(self, task_id: str) -> None:
        """Cancel a task that has not begun; a running one where the backend can."""
        self._cancel(task_id)

    async def acancel(self, task_id: str) -> None:
        """Do what `cancel` does, from a running loop."""
        await self._acancel(task_id)

    # Health and life.

    def is_connected(self) -> bool:
        """Whether the broker or engine answers now."""
        return self.check_health().ready

    def check_health(self) -> HealthStatus:
        """Ask the broker or engine once, within the health timeout."""
        try:
            self._ping(read_setting("health_timeout_s"))
        except BackendUnavailable as error:
            return HealthStatus(live=True, ready=False, checks={self.backend_type: redact(str(error))})
        return HealthStatus(live=True, ready=True, checks={self.backend_type: "ok"})

    def dead_letters(self) -> DeadLetterStore:
        """What `task-backend-worker dead-letter` works on.

        Raises:
            UnsupportedFeature: there is no dead letter here that could be read.
        """
        reason = "failed runs are kept by the engine itself"
        hint = "List and replay them with the engine's own command"
        raise UnsupportedFeature(self.backend_type, Feature.DEAD_LETTER, "*", reason=reason, hint=hint)

    def run_worker(
        self, *, queues: Sequence[str] | None = None, concurrency: int | None = None, **options: Any
    ) -> None:
        """Run a worker in this process until it is told to stop; `worker_name` and `health_port` are options, too."""
        from task_abstraction.serving import serve

        serve(self, self.serve_job, queues=queues, concurrency=concurrency, **options)

    def serve_job(self, job: WorkerJob) -> None:
        """Run one job; `serving` calls this between opening and closing the health server."""
        self._job = job
        try:
            self._serve(job)
        finally:
            self._job = None

    def stop(self, graceful: bool = True) -> None:
        """Stop the worker of this process: let running tasks end, or (graceful=False) give them back."""
        job = self._job
        if job is None:
            return
        job.health.drain()
        job.metrics.set_process(job.metrics.draining, 1)
        job.stop.set()
        self._stop(job, graceful=graceful)

    def close(self) -> None:
        """Free clients and connections; the backend connects again when it is used again."""
        self._close()
