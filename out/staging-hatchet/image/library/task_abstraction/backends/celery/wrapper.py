"""Our tasks as Celery tasks: retries by our policy, async bodies, the context, the policy's limits."""

import functools
import traceback
from collections.abc import Mapping
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject, Retry

from task_abstraction.backends.celery.application import LibraryCelery
from task_abstraction.backends.celery.cancelled import end_cancelled, is_asked_to_stop, refuse_cancelled
from task_abstraction.backends.celery.planned import HARD_LIMIT_POOLS
from task_abstraction.backends.celery.queues import queue_of_routing_key
from task_abstraction.backends.celery.request import MeteredRequest
from task_abstraction.backends.celery.store import PROGRESS
from task_abstraction.backends.celery.workflows import register_collect
from task_abstraction.codec import encode
from task_abstraction.context import TaskContext
from task_abstraction.policy import TaskPolicy
from task_abstraction.runtime.execution import run_task
from task_abstraction.runtime.tracing import TRACE_HEADERS
from task_abstraction.steps import step_envelope
from task_abstraction.tasks import TaskDefinition

SOFT_LIMIT_POOLS = frozenset({"prefork"})
CELERY_CONTROL = (Retry, Ignore, Reject)
# A lost child is no error of the task, so a task of one attempt gets these as well: without a cap a task that kills its
# child would be delivered for ever (celery 5.7, measured), with 0 late acknowledgement would mean nothing.
LOST_CHILD_RETRIES = 3
LOST_CHILD_DELAY_S = 1.0


class LibraryTask(Task[Any, Any]):
    """Base of our Celery tasks."""

    abstract = True
    Request = f"{MeteredRequest.__module__}:{MeteredRequest.__name__}"


def is_ours(header: str) -> bool:
    """Whether a header of a message is one of the library or of a trace, and none of Celery."""
    return header.startswith("x-") or header in TRACE_HEADERS


def context_of(task: Any) -> TaskContext:  # noqa: ANN401 - a bound Celery task
    """Context of the attempt that a bound Celery task runs now."""
    request = task.request
    info = request.delivery_info or {}
    headers = {name: str(value) for name, value in vars(request).items() if is_ours(name)}

    def progress(value: Any) -> None:  # noqa: ANN401 - any JSON value
        # Not `update_state`: it asks for the request of its thread, and the body of an async task has another one.
        if not request.ignore_result:
            task.backend.store_result(request.id, encode(value), PROGRESS, request=request)

    return TaskContext(
        id=request.id,
        name=task.name,
        attempt=request.retries + 1,
        system="celery",
        queue=queue_of_routing_key(info.get("routing_key")),
        headers=headers,
        report=progress,
        cancelled=lambda: is_asked_to_stop(request.id),
    )


def task_options(policy: TaskPolicy, pool: str) -> dict[str, Any]:
    """Celery's task options for a policy; what the policy leaves open stays with the settings module."""
    options: dict[str, Any] = {
        "acks_late": policy.acks_late,
        "priority": policy.priority,
        "rate_limit": policy.rate_limit,
        "expires": policy.expires_s,
        "ignore_result": policy.ignore_result,
        "time_limit": policy.time_limit_s if pool in HARD_LIMIT_POOLS else None,
        "soft_time_limit": policy.soft_time_limit_s if pool in SOFT_LIMIT_POOLS else None,
    }
    if policy.acks_late is not None and pool in SOFT_LIMIT_POOLS:
        # Celery would also repeat a task that was acknowledged early and must run once (celery 5.7, from source).
        options["retry_on_worker_lost"] = policy.acks_late
    if policy.acks_late and pool in SOFT_LIMIT_POOLS:
        declared = policy.retry.max_attempts - 1
        options["max_retries"] = declared or LOST_CHILD_RETRIES
        options["default_retry_delay"] = max(policy.retry.initial_delay.total_seconds(), LOST_CHILD_DELAY_S)
    return {name: value for name, value in options.items() if value is not None}


def next_attempt(task: Any, error: Exception, *, delay_s: float, limit: int) -> BaseException:  # noqa: ANN401
    """Send the next attempt, and return what has to be raised.

    celery 5.7 files an attempt as tried again after it has sent the next one (measured): that one may have failed for
    good by then, and its id would be pending for ever. And where the broker does not take the next attempt, it rejects
    this one without a final state.
    """
    request = task.request
    if not request.ignore_result:
        task.backend.mark_as_retry(request.id, error, traceback.format_exc(), request=request)
        request.retry_filed = True
    try:
        retry: BaseException = task.retry(exc=error, countdown=delay_s, max_retries=limit, throw=False)
    except Reject as refusal:
        error.add_note(f"the next attempt could not be sent: {refusal}")
        return error
    return retry


def register(app: LibraryCelery, definition: TaskDefinition, policy: TaskPolicy, *, pool: str) -> None:
    """Make one definition a task of the application."""

    @functools.wraps(definition.fn)
    def body(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a bound Celery task
        context = context_of(self)
        refuse_cancelled(self)
        try:
            envelope = step_envelope(definition.fn, {"args": args, "kwargs": kwargs}, context.headers)
            value = run_task(definition, envelope, context)
        except CELERY_CONTROL:
            raise
        except Exception as error:
            end_cancelled(self)
            if not policy.wants_retry(error, context.attempt):
                raise
            delay = policy.retry.delay_after(context.attempt)
            raise next_attempt(self, error, delay_s=delay, limit=policy.retry.max_attempts) from error
        end_cancelled(self)
        return value

    # Celery reads the signature for typed calls; ours is checked at submit, and the wrapper takes anything.
    del body.__wrapped__
    declare: Any = app.task  # the overloads of celery-types know only the decorator forms
    declare(body, bind=True, name=definition.name, base=LibraryTask, typing=False, **task_options(policy, pool))


def register_all(
    app: LibraryCelery, tasks: Mapping[str, TaskDefinition], policies: Mapping[str, TaskPolicy], *, pool: str
) -> None:
    """Register every task of a worker."""
    for name, definition in tasks.items():
        register(app, definition, policies[name], pool=pool)
    register_collect(app)
    app.finalize()
