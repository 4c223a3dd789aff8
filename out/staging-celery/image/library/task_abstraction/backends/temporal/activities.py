"""Tasks as native activities: wrappers run the bodies, an interceptor counts, beats and translates errors.

The interceptor runs on the worker's loop for synchronous bodies as well, so beats need no thread and no call into the
body's own context.
"""

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import CancelledError as ActivityCancelled
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from task_abstraction.backends.temporal.options import SHORTEST_RETRY_S
from task_abstraction.codec import encode
from task_abstraction.context import TaskContext
from task_abstraction.models import Reason
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime.execution import TRACE_ERROR_CHARS, arun_task, enqueued_at, run_task
from task_abstraction.runtime.worker_metrics import UNKNOWN_TASK, WorkerMetrics
from task_abstraction.steps import STEP_HEADER, step_envelope
from task_abstraction.tasks import TaskDefinition

# ruff: noqa: ANN401 - results are any JSON value

BEATS_PER_TIMEOUT = 3
"""A task beats every third of its heartbeat timeout (temporal.md 10), so that two lost beats are no lost worker."""


def _context(invocation: Mapping[str, Any], report: Callable[[Any], None]) -> TaskContext:
    info = activity.info()
    # The SDK's calls look for the activity in the context of their thread: a body's own threads have another one.
    here = contextvars.copy_context()
    headers = invocation.get("headers") or {}
    step = f"/{info.activity_id}" if STEP_HEADER in headers else ""  # one workflow runs several
    return TaskContext(
        id=f"{info.workflow_id or info.activity_id}{step}",
        name=info.activity_type,
        attempt=info.attempt,
        system="temporal",
        queue=info.task_queue,
        headers=headers,
        report=report,
        cancelled=lambda: here.copy().run(activity.is_cancelled),
    )


def _envelope(definition: TaskDefinition, invocation: Mapping[str, Any]) -> Mapping[str, Any]:
    return step_envelope(definition.fn, invocation, invocation.get("headers"))


def activity_of(definition: TaskDefinition) -> Callable[..., Any]:
    """The native activity of a task; the function of the task itself stays as it is."""

    async def run_async(invocation: dict[str, Any]) -> Any:
        loop, here = asyncio.get_running_loop(), contextvars.copy_context()

        def report(value: Any) -> None:
            loop.call_soon_threadsafe(activity.heartbeat, encode(value), context=here.copy())

        return await arun_task(definition, _envelope(definition, invocation), _context(invocation, report))

    def run_sync(invocation: dict[str, Any]) -> Any:
        here = contextvars.copy_context()

        def report(value: Any) -> None:
            here.copy().run(activity.heartbeat, encode(value))

        return run_task(definition, _envelope(definition, invocation), _context(invocation, report))

    wrapper = run_async if inspect.iscoroutinefunction(definition.fn) else run_sync
    return activity.defn(name=definition.name)(wrapper)


def unknown_task(metrics: WorkerMetrics) -> Callable[..., Any]:
    """The activity of every other name: it fails with a reason, and another worker may take the next attempt."""

    async def refuse(_: Sequence[RawValue]) -> NoReturn:
        info = activity.info()
        if not attempts_left(info):
            metrics.failed(info.task_queue, UNKNOWN_TASK, Reason.INVALID)
        raise ApplicationError(f"Task '{info.activity_type}' not registered on this worker", type="TaskNotRegistered")

    return activity.defn(dynamic=True)(refuse)


class _Outbound(ActivityOutboundInterceptor):
    """Remembers what the body reported, so that an automatic beat does not wipe it out."""

    def __init__(self, following: ActivityOutboundInterceptor) -> None:
        super().__init__(following)
        self.details: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self.details = details
        super().heartbeat(*details)

    async def beat(self, interval_s: float) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            super().heartbeat(*self.details)


class _Inbound(ActivityInboundInterceptor):
    def __init__(
        self, following: ActivityInboundInterceptor, metrics: WorkerMetrics, policies: Mapping[str, TaskPolicy]
    ) -> None:
        super().__init__(following)
        self._metrics = metrics
        self._policies = policies
        self._outbound: _Outbound | None = None

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _Outbound(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        policy = self._policies.get(info.activity_type)
        if policy is None:  # a name that nobody registered: `unknown_task` answers
            return await super().execute_activity(input)
        queue, task = info.task_queue, info.activity_type
        headers = input.args[0].get("headers") if input.args and isinstance(input.args[0], Mapping) else None
        self._metrics.started(queue, task, enqueued_at=enqueued_at(headers), attempt=info.attempt)
        began = time.monotonic()
        try:
            with self._beating(info):
                result = await super().execute_activity(input)
        except (asyncio.CancelledError, ActivityCancelled):
            self._count_cut(info)
            raise
        except Exception as error:
            raise self._translated(error, info, policy) from error
        else:
            self._metrics.succeeded(queue, task)
            return result
        finally:
            self._metrics.ended(queue, task, duration_s=time.monotonic() - began)

    @contextmanager
    def _beating(self, info: activity.Info) -> Iterator[None]:
        if info.heartbeat_timeout is None or self._outbound is None:
            yield
            return
        beats = asyncio.create_task(self._outbound.beat(info.heartbeat_timeout.total_seconds() / BEATS_PER_TIMEOUT))
        try:
            yield
        finally:
            beats.cancel()

    def _count(self, info: activity.Info, reason: Reason, *, again: bool) -> None:
        if again:
            self._metrics.retried(info.task_queue, info.activity_type, reason)
        else:
            self._metrics.failed(info.task_queue, info.activity_type, reason)

    def _count_cut(self, info: activity.Info) -> None:
        details = activity.cancellation_details()
        if details is not None and details.worker_shutdown:
            self._count(info, Reason.WORKER_LOST, again=attempts_left(info))
        elif details is not None and details.timed_out:
            self._count(info, Reason.TIME_LIMIT, again=attempts_left(info))
        else:
            self._count(info, Reason.CANCELLED, again=False)

    def _translated(self, error: Exception, info: activity.Info, policy: TaskPolicy) -> ApplicationError:
        """The error as the server stores it: class and text of the body's own, and whether it may be tried again."""
        own = error if isinstance(error, ApplicationError) else None
        again = attempts_left(info) and policy.wants_retry(error, info.attempt)
        again = again and not (own is not None and own.non_retryable)
        self._count(info, Reason.ERROR, again=again)
        if own is not None and (again or own.non_retryable):
            return own
        # The server's own delays have no jitter.
        delay = max(SHORTEST_RETRY_S, policy.retry.delay_after(info.attempt))
        return ApplicationError(
            str(error)[:TRACE_ERROR_CHARS],
            type=type(error).__name__ if own is None else own.type,
            # Also where the server would go on: a producer that only knows the name sent the tier's number of attempts.
            non_retryable=not again,
            next_retry_delay=timedelta(seconds=delay) if again else None,
        )


def attempts_left(info: activity.Info) -> bool:
    """Whether the server starts another attempt after this one; its 0 means without end."""
    allowed = info.retry_policy.maximum_attempts if info.retry_policy is not None else 0
    return allowed == 0 or info.attempt < allowed


class TaskInterceptor(Interceptor):
    """Puts the counting and beating around every activity of a worker."""

    def __init__(self, metrics: WorkerMetrics, policies: Mapping[str, TaskPolicy]) -> None:
        self._metrics = metrics
        self._policies = policies

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the next interceptor."""
        return _Inbound(next, self._metrics, self._policies)
