"""Metrics from Celery's request callbacks: they run in the main process, so one registry covers prefork and threads."""

import time
from collections.abc import Callable
from typing import Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]  # celery-types 0.26 lacks it
from billiard.exceptions import SoftTimeLimitExceeded, Terminated, TimeLimitExceeded, WorkerLostError
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.request import Request

from task_abstraction.models import Reason
from task_abstraction.runtime.execution import enqueued_at
from task_abstraction.runtime.worker_metrics import WorkerMetrics

_active: WorkerMetrics | None = None


def measure_with(metrics: WorkerMetrics | None) -> None:
    """Say where the requests of this process are counted."""
    global _active  # noqa: PLW0603 - Celery makes the requests, nothing can be handed to them
    _active = metrics


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
    """A request that counts its begin, its end and its outcome, each exactly once."""

    def __init_subclass__(cls) -> None:
        """Wrap the `on_success` of the subclass that Celery makes for each task (`create_request_cls`)."""
        optimised = cls.__dict__.get("on_success")
        if optimised is not None:
            cls.on_success = _counting_success(optimised)  # type: ignore[method-assign]

    @property
    def _place(self) -> tuple[str, str]:
        return str(self.delivery_info.get("routing_key") or ""), str(self.name)

    def _count_start(self) -> None:
        self._began = time.monotonic()
        self._outcome_counted = False
        if _active is None:
            return
        attempt = int(self.request_dict.get("retries") or 0) + 1
        _active.started(
            *self._place,
            enqueued_at=enqueued_at(self.request_dict),
            attempt=attempt,
            redelivered=bool(self.delivery_info.get("redelivered")),
        )

    def _count(self, outcome: Callable[[WorkerMetrics, str, str], None]) -> None:
        if _active is None or getattr(self, "_outcome_counted", False):
            return
        self._outcome_counted = True
        began = getattr(self, "_began", None)
        if began is not None:
            _active.ended(*self._place, duration_s=time.monotonic() - began)
        outcome(_active, *self._place)

    def _count_failed(self, reason: Reason) -> None:
        self._count(lambda metrics, queue, task: metrics.failed(queue, task, reason))

    def on_accepted(self, pid: Any, time_accepted: float) -> None:  # noqa: ANN401 - int, whatever celery-types says
        """Count the begin of an attempt."""
        self._count_start()
        super().on_accepted(pid, time_accepted)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Count the hard limit here: the lost child is reported a second time afterwards."""
        if not soft:
            self._count_failed(Reason.TIME_LIMIT)
        super().on_timeout(soft, timeout)

    def on_retry(self, exc_info: Any) -> None:  # noqa: ANN401 - billiard's ExceptionInfo
        """Count an attempt that another one follows."""
        cause = getattr(plain_error(exc_info), "exc", None)
        reason = reason_of(cause) if isinstance(cause, BaseException) else Reason.ERROR
        self._count(lambda metrics, queue, task: metrics.retried(queue, task, reason))
        super().on_retry(exc_info)

    def _retry_worker_lost(self, exc: BaseException, exc_info: Any) -> bool:  # noqa: ANN401
        retried = bool(super()._retry_worker_lost(exc, exc_info))  # type: ignore[misc]
        if retried:
            self._count(lambda metrics, queue, task: metrics.retried(queue, task, Reason.WORKER_LOST))
        return retried

    def reject(self, requeue: bool = False) -> None:
        """Count an attempt that goes back to the broker: its end is no outcome of the task."""
        if requeue:
            self._count(lambda *_: None)
        super().reject(requeue=requeue)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:  # noqa: ANN401
        """Count the outcome, once Celery has decided whether the task ends, goes back or runs again."""
        error = plain_error(exc_info)
        result = super().on_failure(exc_info, send_failed_event, return_ok)
        if isinstance(error, Reject):
            self._count_failed(Reason.ERROR)
        elif isinstance(error, (Ignore, Retry)) or getattr(self, "_already_cancelled", False):
            self._count(lambda *_: None)
        else:
            self._count_failed(reason_of(error))
        return result

    def _announce_revoked(self, reason: str, terminated: bool, signum: Any, expired: bool) -> None:  # noqa: ANN401
        self._count_failed(Reason.EXPIRED if expired else Reason.CANCELLED)
        super()._announce_revoked(reason, terminated, signum, expired)  # type: ignore[misc]


def _counting_success(optimised: Callable[..., Any]) -> Callable[..., Any]:
    def on_success(self: MeteredRequest, failed__retval__runtime: tuple[Any, Any, float], **kwargs: Any) -> Any:  # noqa: ANN401
        if not failed__retval__runtime[0]:
            self._count(lambda metrics, queue, task: metrics.succeeded(queue, task))
        return optimised(self, failed__retval__runtime, **kwargs)

    return on_success
