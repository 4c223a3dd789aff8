"""The abstract backend.

What the author of a backend does
---------------------------------
1. Folder `backends/<name>/` with `backend.py`, class `<Name>Backend(TaskBackend)`, `backend_type = "<name>"`; the SDK is
   imported only in that folder. The constructor connects to nothing: clients are built at the first use, kept, and
   built anew when `PROCESS_LOOP.generation` (the process id) has changed.
2. Implement the six hooks below. All input is already checked: the name is known, the arguments fit and are encoded,
   options are supported, the queue is resolved.

   | hook | contract |
   |---|---|
   | `_send(submission)` | hand one task over, return its id: `submission.task_id` unless the engine chooses its own. Send `submission.envelope` as the payload and `submission.headers` beside it. Outage: `BackendUnavailable` |
   | `_look(task_id)` | the present `TaskResult`, never waiting. Unknown id: `TaskNotFound`. Outage: `BackendUnavailable`, never a failed result |
   | `_cancel(task_id)` | ask for cancellation |
   | `_serve(job)` | run the worker until `job.stop` is set (SIGTERM, SIGINT and `stop()` set it); see below |
   | `_ping(timeout_s)` | return when the broker or engine answered, else `BackendUnavailable` |
   | `queue_stats(queues)` | `QueueStats` of each queue for the exporter; None where the backend cannot tell; `BackendUnavailable` when blind |

   Optional: `_asend`, `_alook`, `_acancel` (async twins; the default runs the sync one in a thread), `_wait(id, timeout)`
   (the default polls `_look`), `_value(id, name, timeout)` and `_avalue` (only the value of a task that completes; the default waits for the whole result), `_send_many`, `_send_workflow` (returns the id of the workflow; then `_look` and `_cancel` know the ids of workflows), `credentials_expire_at()`, `schedules_sent_at(names)`, `_stop(job, graceful)`, `_close()`, `facts()` for capability conditions,
   `address()` (redacted, for errors), `default_address`.
3. In `_serve`: for each definition in `job.tasks` register a wrapper under its name that
   - builds a `TaskContext`, and runs `run_task(definition, envelope, context)` (sync, any thread) or
     `await arun_task(...)` (async body, on the SDK's loop). Both return the encoded result; both raise the body's error;
   - counts: `job.metrics.started(...)` once per attempt, `ended(...)` once per attempt, then exactly one of
     `succeeded`, `retried`, `failed` (labels: queue and task name);
   - on error asks `job.policies[name].wants_retry(error, attempt)`; if so retries after `policy.retry.delay_after(attempt)`
     seconds or lets the engine do it; if not, the failure is final (engine's own non-retryable error).
   Call `job.health.beat()` from the loop that consumes (never from a free thread), `job.health.consumer_ready()` once the
   consumer is registered at the broker or engine, `consumer_lost(reason)` when it is not any more. When `job.stop` is
   set the base has already called `job.health.drain()`: finish the running tasks (`tier.shutdown == "drain"`) or stop
   early ("cut"), within `job.grace_s`. Return normally for exit code 0.
4. Rendered settings: `load_settings_module("<name>_settings")`, tier settings in `job.tier`.
"""

# ruff: noqa: ANN401, E501 - arguments and results of tasks are anything that JSON can say; the table is wide

import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from task_abstraction.codec import encode_call
from task_abstraction.config import BackendConfig, WorkerPlan, read_setting, redact
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.dead_letters import DeadLetterStore
from task_abstraction.errors import (
    BackendUnavailable,
    ResultTimeout,
    TaskNotRegistered,
    UnsupportedFeature,
)
from task_abstraction.models import (
    Call,
    Feature,
    HealthStatus,
    QueueStats,
    SubmitOptions,
    TaskResult,
)
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime import tracing
from task_abstraction.worker_job import WorkerJob
from task_abstraction.workflow_catalogue import WorkflowCatalogue

T = TypeVar("T")
POLL_FIRST_S = 0.01
POLL_LONGEST_S = 0.25


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    import asyncio

    return await asyncio.to_thread(function, *args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One task on its way to the broker: checked, encoded, routed."""

    task_id: str
    name: str
    queue: str
    envelope: Mapping[str, Any]
    headers: Mapping[str, str]
    options: SubmitOptions
    policy: TaskPolicy
    due_at: datetime | None = None


def with_headers(submission: Submission, headers: Mapping[str, str]) -> Submission:
    """A submission that carries further headers."""
    return replace(submission, headers={**submission.headers, **headers}) if headers else submission


class BoundBackend:
    """A backend with submit options: what `TaskBackend.using` returns."""

    def __init__(self, backend: "TaskBackend", options: SubmitOptions) -> None:
        self._backend = backend
        self._options = options

    def submit(self, name: str, /, *args: Any, **kwargs: Any) -> str:
        """Submit a task by name and return its id."""
        return self._backend.submit_call(name, Call(args, kwargs), self._options)

    async def asubmit(self, name: str, /, *args: Any, **kwargs: Any) -> str:
        """Submit a task by name from a running loop and return its id."""
        return await self._backend.asubmit_call(name, Call(args, kwargs), self._options)

    def submit_many(self, name: str, calls: Iterable[Call]) -> list[str]:
        """Submit one task for each call and return the ids in their order."""
        return [self._backend.submit_call(name, call, self._options) for call in calls]


class TaskBackend(WorkflowCatalogue):
    """One broker or engine: registration, submit, results and workers; see the module for what to implement."""

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        self._job: WorkerJob | None = None

    # Hooks of a backend.

    @abstractmethod
    def _send(self, submission: Submission) -> str: ...

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

    async def _asend(self, submission: Submission) -> str:
        return await _in_thread(self._send, submission)

    async def _alook(self, task_id: str) -> TaskResult[Any]:
        return await _in_thread(self._look, task_id)

    async def _acancel(self, task_id: str) -> None:
        await _in_thread(self._cancel, task_id)

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

    def _send_many(self, submissions: Sequence[Submission]) -> list[str]:
        return [self._send(submission) for submission in submissions]

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

    # Submit.

    def prepare(self, name: str, call: Call, options: SubmitOptions) -> Submission:
        """Check a submit and encode it.

        Raises:
            TaskNotRegistered: nobody knows the name.
            TypeError: the arguments do not fit the function, or cannot be sent.
            UnsupportedFeature: the backend cannot honour an option.
        """
        _ = self.sealer  # keys that this backend cannot use are refused before anything is sent in clear
        if not self.is_known(name):
            raise TaskNotRegistered.task(name)
        definition = self.definition(name)
        if definition is not None:
            definition.check_call(call.args, dict(call.kwargs))
        self.check_options(name, options)
        now = datetime.now(UTC)
        due_at = now + options.delay if options.delay is not None else options.eta
        if due_at is not None and due_at.tzinfo is None:
            raise ValueError(f"eta {due_at.isoformat()} has no time zone: use datetime.now(UTC) + ...")
        queue = self.queue_for(name, options.queue)
        waits_from = max(now, due_at) if due_at is not None else now
        return Submission(
            task_id=str(uuid.uuid4()),
            name=name,
            queue=queue,
            envelope=encode_call(call.args, call.kwargs),
            headers={ENQUEUED_AT_HEADER: f"{waits_from.timestamp():.6f}"},
            options=options,
            policy=self.policy_for(name, queue),
            due_at=due_at,
        )

    def _accepted(self, submission: Submission) -> None:
        if self._job is not None:
            self._job.metrics.submitted(submission.queue, submission.name)

    @contextmanager
    def _traced(self, submission: Submission) -> Iterator[tuple[Submission, tracing.Sending]]:
        with tracing.sending(self.backend_type, submission.queue, submission.name) as sending:
            yield with_headers(submission, sending.headers), sending

    def submit_call(self, name: str, call: Call, options: SubmitOptions) -> str:
        """Submit one call with options and return its id."""
        submission = self.prepare(name, call, options)
        with self._traced(submission) as (traced, sending):
            task_id = self._send(traced)
            sending.sent(task_id)
        self._accepted(submission)
        return task_id

    async def asubmit_call(self, name: str, call: Call, options: SubmitOptions) -> str:
        """Submit one call with options from a running loop and return its id."""
        submission = self.prepare(name, call, options)
        with self._traced(submission) as (traced, sending):
            task_id = await self._asend(traced)
            sending.sent(task_id)
        self._accepted(submission)
        return task_id

    def submit(self, name: str, /, *args: Any, **kwargs: Any) -> str:
        """Submit a task by name and return its id; every keyword belongs to the task."""
        return self.submit_call(name, Call(args, kwargs), SubmitOptions())

    async def asubmit(self, name: str, /, *args: Any, **kwargs: Any) -> str:
        """Submit a task by name from a running loop and return its id."""
        return await self.asubmit_call(name, Call(args, kwargs), SubmitOptions())

    def submit_many(self, name: str, calls: Iterable[Call]) -> list[str]:
        """Submit one task for each call and return the ids in their order."""
        submissions = [self.prepare(name, call, SubmitOptions()) for call in calls]
        if not submissions:
            return []
        with tracing.sending(self.backend_type, submissions[0].queue, name, count=len(submissions)) as sending:
            task_ids = self._send_many([with_headers(submission, sending.headers) for submission in submissions])
        for submission in submissions:
            self._accepted(submission)
        return task_ids

    def using(
        self,
        *,
        queue: str | None = None,
        delay: timedelta | None = None,
        eta: datetime | None = None,
        priority: int | None = None,
        idempotency_key: str | None = None,
        expires: timedelta | None = None,
    ) -> BoundBackend:
        """Return this backend with submit options, so that they never mix with a task's own keywords.

        Raises:
            UnsupportedFeature: the backend cannot honour one of them.
        """
        options = SubmitOptions(
            queue=queue, delay=delay, eta=eta, priority=priority, idempotency_key=idempotency_key, expires=expires
        )
        self.check_options("*", options)
        return BoundBackend(self, options)

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
        return await _in_thread(self._wait, task_id, timeout)

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
        """Run a worker in this process until it is told to stop; `worker_name` and `health_port` are further options."""
        from task_abstraction.serving import serve

        serve(self, queues=queues, concurrency=concurrency, **options)

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
