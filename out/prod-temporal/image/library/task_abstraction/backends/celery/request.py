"""Metrics from Celery's request callbacks: they run in the main process, so one registry covers prefork and threads."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]  # celery-types 0.26 lacks it
from billiard.exceptions import SoftTimeLimitExceeded, Terminated, TimeLimitExceeded, WorkerLostError
from celery import Celery
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.request import Request

from task_abstraction.backends.celery.cancelled import ends_tasks, is_cancelled
from task_abstraction.backends.celery.letters import LetterWriter, letter_of
from task_abstraction.backends.celery.queues import ServedQueues, queue_of_routing_key
from task_abstraction.models import Reason
from task_abstraction.runtime.execution import describe_error, enqueued_at
from task_abstraction.runtime.worker_metrics import WorkerMetrics

# What was called off, or came too late, has not failed: nobody wants to run it again.
NO_DEAD_LETTER = frozenset({Reason.CANCELLED, Reason.EXPIRED})
KEPT_AS = "task_abstraction_accounts"
"""Attribute of an application."""


@dataclass(slots=True)
class Accounts:
    """What the requests of one application report to, in the process that consumes."""

    metrics: WorkerMetrics | None = None
    letters: LetterWriter | None = None
    """keeps what fails for good"""
    served: ServedQueues | None = None
    """the queues that the consumer reads now"""


def accounts_of(app: Celery) -> Accounts:
    """The accounts of an application: Celery makes the requests, and hands them nothing else of ours."""
    found: Accounts = vars(app).setdefault(KEPT_AS, Accounts())
    return found


def measure_with(app: Celery, metrics: WorkerMetrics | None, letters: LetterWriter | None = None) -> None:
    """Say where the requests of an application are counted, and where those go that fail for good."""
    accounts = accounts_of(app)
    accounts.metrics, accounts.letters = metrics, letters


def serving(app: Celery, queues: ServedQueues | None) -> None:
    """Say which queues the consumer of an application reads now."""
    accounts_of(app).served = queues


def reason_of(error: BaseException) -> Reason:
    """The closed word for an error."""
    if isinstance(error, (TimeLimitExceeded, SoftTimeLimitExceeded)):
        return Reason.TIME_LIMIT
    if isinstance(error, (WorkerLostError, SystemExit, KeyboardInterrupt)):
        return Reason.WORKER_LOST
    return Reason.CANCELLED if isinstance(error, Terminated) else Reason.ERROR


def plain_error(info: Any) -> BaseException:  # noqa: ANN401 - billiard's ExceptionInfo
    """The error itself: a child process hands it over inside an ExceptionWithTraceback."""
    error = info.exception
    plain: BaseException = error.exc if isinstance(error, ExceptionWithTraceback) else error
    return plain


class MeteredRequest(Request):
    """A request that counts its begin, its end and its outcome, each once, and keeps what failed for good.

    The dead letter is written before the message is acknowledged: a worker that dies between the two leaves both.
    """

    _failing: BaseException | None = None
    """The error of an attempt while Celery decides whether it was the last one."""
    _kept = False

    def __init_subclass__(cls) -> None:
        """Wrap the `on_success` of the subclass that Celery makes for each task (`create_request_cls`)."""
        optimised = cls.__dict__.get("on_success")
        if optimised is not None:
            cls.on_success = _counting_success(optimised)  # type: ignore[method-assign]

    @property
    def _accounts(self) -> Accounts:
        return accounts_of(self.app or self.task.app)

    @cached_property
    def _place(self) -> tuple[str, str]:
        """Queue and task, read once: after a reconnection the tags of the consumer mean other queues."""
        key, served = self.delivery_info.get("routing_key"), self._accounts.served
        return queue_of_routing_key(key) if served is None else served.name_of(self.message), str(self.name)

    def _count_start(self) -> None:
        self._began = time.monotonic()
        self._outcome_counted = False
        metrics = self._accounts.metrics
        if metrics is None:
            return
        attempt = int(self.request_dict.get("retries") or 0) + 1
        metrics.started(
            *self._place,
            enqueued_at=enqueued_at(self.request_dict),
            attempt=attempt,
            redelivered=bool(self.delivery_info.get("redelivered")),
        )

    def _count(self, outcome: Callable[[WorkerMetrics, str, str], None]) -> None:
        metrics = self._accounts.metrics
        if metrics is None or getattr(self, "_outcome_counted", False):
            return
        self._outcome_counted = True
        began = getattr(self, "_began", None)
        if began is not None:
            metrics.ended(*self._place, duration_s=time.monotonic() - began)
        outcome(metrics, *self._place)

    def _count_failed(self, reason: Reason) -> None:
        self._count(lambda metrics, queue, task: metrics.failed(queue, task, reason))

    def on_accepted(self, pid: Any, time_accepted: float) -> None:  # noqa: ANN401 - int, whatever celery-types says
        """Count the begin of an attempt."""
        self._count_start()
        super().on_accepted(pid, time_accepted)

    def terminate(self, pool: Any, signal: Any = None) -> None:  # noqa: ANN401 - untyped SDK
        """End the attempt where the pool can; elsewhere the task sees that it is cancelled.

        celery 5.7 raises there (from source). For a task that its pool accepts at that moment, the error comes between
        acceptance and begin: it would neither run nor be acknowledged, and its slot would be lost.
        """
        if ends_tasks(pool):
            super().terminate(pool, signal)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Count the hard limit here: the lost child is reported a second time afterwards."""
        if not soft:
            self._count_failed(Reason.TIME_LIMIT)
            self._failing = TimeLimitExceeded(timeout)
        super().on_timeout(soft, timeout)
        if not soft:
            self._keep()

    def on_retry(self, exc_info: Any) -> None:  # noqa: ANN401 - billiard's ExceptionInfo
        """Count an attempt that another one follows."""
        cause = getattr(plain_error(exc_info), "exc", None)
        reason = reason_of(cause) if isinstance(cause, BaseException) else Reason.ERROR
        self._count(lambda metrics, queue, task: metrics.retried(queue, task, reason))
        super().on_retry(exc_info)

    def _retry_worker_lost(self, exc: BaseException, exc_info: Any) -> bool:  # noqa: ANN401
        failing, self._failing = self._failing, None
        retried = bool(super()._retry_worker_lost(exc, exc_info))  # type: ignore[misc]
        if retried:
            self._count(lambda metrics, queue, task: metrics.retried(queue, task, Reason.WORKER_LOST))
        else:
            self._failing = failing
        return retried

    def _success_was_stored(self) -> Any:  # noqa: ANN401 - Celery's record of the result, or False
        stored = super()._success_was_stored()  # type: ignore[misc]
        if stored:
            self._failing = None
        return stored

    def _keep(self) -> bool:
        """Write the dead letter, once; False when it is wanted and the broker does not take it."""
        error, queue, accounts = self._failing, self._place[0], self._accounts
        letters = accounts.letters
        if error is None or self._kept or letters is None or not letters.wants(queue):
            return True
        reason = reason_of(error)
        if reason in NO_DEAD_LETTER:
            return True
        self._kept = letters.write(letter_of(self.message, queue=queue, reason=reason, error=describe_error(error)))
        if self._kept and accounts.metrics is not None:
            accounts.metrics.dead_lettered(*self._place)
        return self._kept

    def acknowledge(self) -> None:
        """Acknowledge, after a final failure is kept: what is not kept stays with the broker."""
        if self.acknowledged or self._keep():
            super().acknowledge()

    @property
    def _is_ours_to_keep(self) -> bool:
        """Whether a rejected message is a failure without a dead letter of the application's own."""
        served = self._accounts.served
        return self._failing is not None and not (served and served.dead_letters_elsewhere(self._place[0]))

    def reject(self, requeue: bool = False) -> None:
        """Count an attempt that goes back to the broker: its end is no outcome of the task."""
        if requeue:
            self._failing = None
            self._count(lambda *_: None)
        elif self._is_ours_to_keep and not self.acknowledged and self._keep() and self._kept:
            # Rejected, RabbitMQ would put the message beside the letter.
            super().acknowledge()
            return
        super().reject(requeue=requeue)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:  # noqa: ANN401
        """Count the outcome, once Celery has decided whether the task ends, goes back or runs again."""
        error = plain_error(exc_info)
        called_off = isinstance(error, (Ignore, Retry)) or getattr(self, "_already_cancelled", False)
        if not called_off and not self._kept:
            self._failing = error
        result = super().on_failure(exc_info, send_failed_event, return_ok)
        self._keep()
        if isinstance(error, Reject):
            self._count_failed(Reason.ERROR)
        elif is_cancelled(error):
            self._count_failed(Reason.CANCELLED)
        elif called_off or getattr(self, "_already_cancelled", False):
            self._count(lambda *_: None)
        else:
            self._count_failed(reason_of(error))
        return result

    def _announce_revoked(self, reason: str, terminated: bool, signum: Any, expired: bool) -> None:  # noqa: ANN401
        self._count_failed(Reason.EXPIRED if expired else Reason.CANCELLED)
        began = getattr(self, "_began", None)
        if began is not None:
            # The child has filed it in its own copy of the context.
            context: Any = self._context  # type: ignore[attr-defined]  # celery-types 0.26 lacks it
            context.task_started_at = time.time() - (time.monotonic() - began)
        super()._announce_revoked(reason, terminated, signum, expired)  # type: ignore[misc]


def _counting_success(optimised: Callable[..., Any]) -> Callable[..., Any]:
    def on_success(self: MeteredRequest, failed__retval__runtime: tuple[Any, Any, float], **kwargs: Any) -> Any:  # noqa: ANN401
        if not failed__retval__runtime[0]:
            self._count(lambda metrics, queue, task: metrics.succeeded(queue, task))
        return optimised(self, failed__retval__runtime, **kwargs)

    return on_success
