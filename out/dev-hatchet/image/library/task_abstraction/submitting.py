"""Submitting: from a call to a checked, encoded and routed submission, and on to the hooks that send it."""

# ruff: noqa: ANN401 - arguments of tasks are anything that JSON can say

import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from task_abstraction.codec import encode_call
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.errors import TaskNotRegistered
from task_abstraction.models import Call, SubmitOptions
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime import tracing
from task_abstraction.workflow_catalogue import WorkflowCatalogue

if TYPE_CHECKING:
    from task_abstraction.worker_job import WorkerJob

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a blocking hook beside the loop."""
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

    def __init__(self, backend: "SubmittingBackend", options: SubmitOptions) -> None:
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
        return self._backend.submit_calls(name, calls, self._options)


class SubmittingBackend(WorkflowCatalogue):
    """The half of a backend that sends; `base.TaskBackend` is the whole."""

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        self._job: WorkerJob | None = None

    @abstractmethod
    def _send(self, submission: Submission) -> str: ...

    async def _asend(self, submission: Submission) -> str:
        return await in_thread(self._send, submission)

    def _send_many(self, submissions: Sequence[Submission]) -> list[str]:
        return [self._send(submission) for submission in submissions]

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

    def submit_calls(self, name: str, calls: Iterable[Call], options: SubmitOptions) -> list[str]:
        """Submit many calls with the same options, in one request where the backend has one; the ids in their order.

        A key is for one task: the backend answers each of the calls by itself.
        """
        if options.idempotency_key is not None:
            return [self.submit_call(name, call, options) for call in calls]
        submissions = [self.prepare(name, call, options) for call in calls]
        if not submissions:
            return []
        with tracing.sending(self.backend_type, submissions[0].queue, name, count=len(submissions)) as sending:
            task_ids = self._send_many([with_headers(submission, sending.headers) for submission in submissions])
        for submission in submissions:
            self._accepted(submission)
        return task_ids

    def submit_many(self, name: str, calls: Iterable[Call]) -> list[str]:
        """Submit one task for each call and return the ids in their order."""
        return self.submit_calls(name, calls, SubmitOptions())

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
