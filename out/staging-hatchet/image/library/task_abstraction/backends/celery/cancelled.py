"""A cancel that outlives its workers: Celery tells only those that listen now, and each forgets after three hours."""

# ruff: noqa: ANN401, SLF001 - Celery's stores are untyped, and what is used here has no public name

from typing import Any

from celery import states
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.concurrency.base import BasePool
from celery.exceptions import Ignore, TaskRevokedError
from celery.worker import state as worker_state

from task_abstraction.backends.celery.store import SUBMITTED

REASON = "cancelled before it began"
REASON_RUNNING = "cancelled while it ran"
WAITING = frozenset({SUBMITTED, states.PENDING, states.RECEIVED, states.RETRY})
"""States of a task without a running attempt; PENDING is a step of a workflow that has not been sent yet."""


def file_cancel(store: Any, task_id: str, name: str) -> None:
    """Store that a waiting task is cancelled; one that has begun or ended keeps its record."""
    if not isinstance(store, RedisBackend):
        if store.get_task_meta(task_id, cache=False)["status"] in WAITING:
            store.mark_as_revoked(task_id, REASON, request=Context(task=name, id=task_id))
        return
    redis: Any = store
    key = redis.get_key_for_task(task_id)

    def while_waiting(pipe: Any) -> None:
        before, left_s = pipe.get(key), pipe.ttl(key)
        known = redis.decode_result(before) if before else {"status": states.PENDING}
        pipe.multi()
        if known["status"] not in WAITING:
            return
        # `retries` are the attempts that have begun.
        request = Context(task=name, id=task_id, retries=int(known.get("attempts") or 0))
        error = redis.encode_result(TaskRevokedError(REASON), states.REVOKED)
        meta = redis._get_result_meta(error, states.REVOKED, None, request)
        record = redis.encode({**meta, "task_id": task_id})
        # The record of a task with a long delay outlives the delay, and so does its cancel.
        pipe.set(key, record, ex=max(left_s, int(redis.expires)) if redis.expires else None)
        pipe.publish(key, record)

    redis.client.transaction(while_waiting, key)


def is_cancelled(error: BaseException) -> bool:
    """Whether an attempt ended because its task had been cancelled before it, or while it ran."""
    return isinstance(error, Ignore) and error.args in {(REASON,), (REASON_RUNNING,)}


def ends_tasks(pool: Any) -> bool:
    """Whether a pool can end a running task; the others inherit a method that raises."""
    return getattr(pool.terminate_job, "__func__", None) is not BasePool.terminate_job


def is_asked_to_stop(task_id: str) -> bool:
    """Whether a cancel of a running task has come to this process: threads see it, a child of prefork is ended."""
    return task_id in worker_state.revoked


def end_cancelled(task: Any) -> None:
    """File an attempt that has ended by itself as cancelled, where it was asked to stop; nothing else.

    Raises:
        Ignore: it was cancelled.
    """
    request = task.request
    if is_asked_to_stop(request.id):
        task.backend.mark_as_revoked(
            request.id, REASON_RUNNING, request=request, store_result=not request.ignore_result
        )
        raise Ignore(REASON_RUNNING)


def refuse_cancelled(task: Any) -> None:
    """Raise in a worker whose task was cancelled while no worker heard of it; `store` noticed it at the begin.

    Raises:
        Ignore: nothing is to be run; the record stays as the cancel has left it.
    """
    request = task.request
    if not getattr(request, "cancelled_before", False):
        return
    if request.chord:
        task.backend.on_chord_part_return(request, states.REVOKED, TaskRevokedError(REASON))
    raise Ignore(REASON)
