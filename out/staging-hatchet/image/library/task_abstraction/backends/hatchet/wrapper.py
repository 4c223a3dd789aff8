"""Our tasks as tasks of the SDK: envelope in, envelope out, counted, with the policy's word on every error."""

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hatchet_sdk import Context, Hatchet, NonRetryableException
from hatchet_sdk.runnables.workflow import Standalone
from hatchet_sdk.types.priority import Priority

from task_abstraction.backends.hatchet.flows import opened_step
from task_abstraction.backends.hatchet.labels import ID_KEY, QUEUE_KEY, describe
from task_abstraction.backends.hatchet.limits import UnsendableResultError, checked_result, reportable
from task_abstraction.backends.hatchet.options import priority_of
from task_abstraction.backends.hatchet.sealing import Sealed
from task_abstraction.capabilities import capability
from task_abstraction.context import TaskContext
from task_abstraction.encryption import Sealer
from task_abstraction.errors import PayloadUnreadable, UnsupportedFeature
from task_abstraction.models import Feature, Reason
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime.execution import arun_task, describe_error, enqueued_at, run_task
from task_abstraction.runtime.worker_metrics import WorkerMetrics
from task_abstraction.steps import STEP_HEADER, step_envelope
from task_abstraction.tasks import TaskDefinition

log = logging.getLogger("task_abstraction.hatchet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """One task of a worker."""

    definition: TaskDefinition
    policy: TaskPolicy
    queue: str
    """where it goes when a submit says nothing else"""
    options: Mapping[str, Any]
    """keyword arguments of `Hatchet.task`"""
    metrics: WorkerMetrics
    sealer: Sealer = field(default_factory=Sealer)
    """encrypts results and errors"""

    @property
    def time_limit(self) -> timedelta:
        """Limit of one attempt."""
        limit: timedelta = self.options["execution_timeout"]
        return limit

    @property
    def attempts(self) -> int:
        """Attempts in total, as registered."""
        return int(self.options["retries"]) + 1


def context_of(task: Wrapped, ctx: Context, report: Callable[[Any], None]) -> TaskContext:
    """Context of the attempt that runs now."""
    metadata = {key: str(value) for key, value in ctx.additional_metadata.items()}
    return TaskContext(
        id=metadata.get(ID_KEY) or ctx.workflow_run_id,
        name=task.definition.name,
        attempt=ctx.retry_count + 1,
        system="hatchet",
        queue=metadata.get(QUEUE_KEY) or task.queue,
        headers=metadata,
        report=report,
        cancelled=lambda: ctx.is_cancelled,
    )


class NoProgress:
    """What takes the progress of a task: it says once that nobody will read it, which is no reason to fail."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = False

    def __call__(self, value: object) -> None:
        """Say it, if it was not said before."""
        del value
        record = capability("hatchet", Feature.PROGRESS, {})
        if self._said or record is None:
            return
        self._said = True
        refusal = UnsupportedFeature("hatchet", Feature.PROGRESS, self._name, reason=record.mechanism, hint=record.hint)
        log.warning("%s", refusal)


class Attempt:
    """One attempt and what it counts for."""

    def __init__(self, task: Wrapped, context: TaskContext) -> None:
        self._task, self._context = task, context
        self._began = time.monotonic()
        self.more = context.attempt < task.attempts
        self.last = context.attempt == task.attempts
        # Repeated although every attempt was used: its worker had died.
        lost = context.attempt > task.attempts
        task.metrics.started(
            context.queue,
            context.name,
            enqueued_at=enqueued_at(context.headers),
            attempt=context.attempt,
            redelivered=lost,
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def succeeded(self) -> None:
        """Count the task as done."""
        self._task.metrics.succeeded(self._context.queue, self._context.name)

    def failed(self, reason: Reason, *, again: bool) -> None:
        """Count a failure: the task's, or one that another attempt follows."""
        metrics = self._task.metrics
        (metrics.retried if again else metrics.failed)(self._context.queue, self._context.name, reason)

    def given_up(self) -> None:
        """Count an attempt that the engine has given up: whatever it returns, nobody hears it."""
        if self._seconds >= self._task.time_limit.total_seconds():
            self.failed(Reason.TIME_LIMIT, again=self.more)
        else:
            self.failed(Reason.CANCELLED, again=False)

    def ended(self) -> None:
        """Count the duration."""
        self._task.metrics.ended(self._context.queue, self._context.name, duration_s=self._seconds)


@contextmanager
def counted(task: Wrapped, context: TaskContext) -> Iterator[None]:
    """Count one attempt, and turn a failure that must not be repeated into the SDK's own error."""
    attempt = Attempt(task, context)
    try:
        yield
    except asyncio.CancelledError:
        attempt.given_up()
        raise
    except Exception as error:
        if context.is_cancelled:
            attempt.given_up()
            raise
        unreadable = isinstance(error, PayloadUnreadable)
        repeatable = task.policy.is_retryable(error) and not isinstance(
            error, PayloadUnreadable | UnsendableResultError
        )
        again = attempt.more and repeatable
        attempt.failed(Reason.INVALID if unreadable else Reason.ERROR, again=again)
        if task.sealer.seals:
            raise _sealed(task, error, again=again) from None
        told = reportable(error)
        # A replay, or a worker that was lost, gives attempts beyond those of the policy.
        if not repeatable and not attempt.last:
            raise NonRetryableException(describe_error(told)) from (error if told is error else None)
        if told is not error:
            log.exception("task %s failed; the engine is told a part of its error", task.definition.name)
            raise told from None
        raise
    else:
        if context.is_cancelled:
            attempt.given_up()
        else:
            attempt.succeeded()
    finally:
        attempt.ended()


def _sealed(task: Wrapped, error: Exception, *, again: bool) -> Exception:
    """An error that tells the engine nothing; the log of the worker has it as it was."""
    log.error("task %s failed: %s", task.definition.name, describe_error(error), exc_info=error)
    text = task.sealer.seal_text(describe_error(error))
    return Sealed(text) if again else NonRetryableException(text)


def opened_envelope(task: Wrapped, filed: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The arguments of an attempt in clear; those of a step are bound to its function here."""
    if STEP_HEADER not in context.headers:
        opened: Mapping[str, Any] = task.sealer.open_json(filed)
        return opened
    return step_envelope(task.definition.fn, opened_step(filed, task.sealer), context.headers)


def body_of(task: Wrapped) -> Callable[..., Any]:
    """The function that the SDK runs; its annotations decide how the SDK reads the output."""
    definition, report = task.definition, NoProgress(task.definition.name)

    def run(envelope: dict[str, Any], ctx: Context) -> dict[str, Any]:
        context = context_of(task, ctx, report)
        with counted(task, context):
            opened = opened_envelope(task, envelope, context)
            return checked_result(dict(task.sealer.seal_json({"result": run_task(definition, opened, context)})))

    async def arun(envelope: dict[str, Any], ctx: Context) -> dict[str, Any]:
        context = context_of(task, ctx, report)
        with counted(task, context):
            opened = opened_envelope(task, envelope, context)
            return checked_result(dict(task.sealer.seal_json({"result": await arun_task(definition, opened, context)})))

    return arun if inspect.iscoroutinefunction(definition.fn) else run


def register(hatchet: Hatchet, task: Wrapped) -> Standalone[Any, Any]:
    """Make one task of the SDK."""
    made: Standalone[Any, Any] = hatchet.task(
        name=task.definition.name,
        description=describe(inspect.getdoc(task.definition.fn), task.queue),
        input_validator=dict,
        default_priority=Priority(priority_of(None, task.policy) or Priority.LOW),
        **task.options,
    )(body_of(task))
    return made
