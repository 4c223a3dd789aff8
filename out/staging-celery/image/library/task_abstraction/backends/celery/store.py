"""Celery's result store with what the library adds to its records, and without what nobody hears."""

# ruff: noqa: ANN401, SLF001 - Celery's stores are untyped, and what is changed here has no public name

import math
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from celery import states
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from redis.exceptions import ResponseError

SUBMITTED = "SUBMITTED"
"""State that is stored before publish, so that an unknown id can be told from a queued one."""
WORKFLOW = "WORKFLOW"
"""State of the record that is stored before publish under the id of a workflow."""

PROGRESS = "PROGRESS"
"""State of a running task that has reported how far it is."""
KEPT = frozenset({states.SUCCESS, states.REVOKED})
"""Final states that no begin replaces; a failed task may be sent again from its dead letter."""
NOT_BEGUN = frozenset({SUBMITTED, states.REVOKED})
"""States in which the attempt that is counted next may not have begun."""


def put_new(store: Any, name: str, task_id: str, state: str, value: Any, *, until: datetime | None) -> None:
    """Store the first record of a new id; it lives longer where the task is not due before `until`."""
    request = Context(task=name, id=task_id)
    if not isinstance(store, RedisBackend):
        store.store_result(task_id, value, state, request=request)
        return
    # What store_result does, in one command instead of four: the id is new, so there is no success to protect, and
    # nobody waits for this state.
    redis: Any = store  # celery-types knows little of that class
    record = redis.encode({**redis._get_result_meta(value, state, None, request), "task_id": task_id})
    waits_s = 0 if until is None else max(0, math.ceil((until - datetime.now(UTC)).total_seconds()))
    # Else a task with a long delay would become an unknown id.
    limit = ("EX", redis.expires + waits_s) if redis.expires else ()
    redis.client.execute_command("SET", redis.get_key_for_task(task_id), record, *limit)


def with_records(store: Any) -> Any:
    """Let a store also keep task, attempts and start; `result_extended` would keep the arguments once more."""
    plain = store._get_result_meta

    def with_record(result: Any, state: str, traceback: Any, request: Any, **options: Any) -> Any:
        meta = plain(result, state, traceback, request, **options)
        return {**meta, **_record_of(state, request)}

    store._get_result_meta = with_record
    file_retry = store.mark_as_retry

    def mark_as_retry(task_id: str, error: Any, traceback: Any = None, request: Any = None, **options: Any) -> Any:
        # The wrapper has filed it, before it sent the next attempt; now the record may be that of the next one.
        filed = getattr(request, "retry_filed", False)
        return error if filed else file_retry(task_id, error, traceback, request=request, **options)

    store.mark_as_retry = mark_as_retry
    if isinstance(store, RedisBackend):
        _quieten(store)
    return store


def _record_of(state: str, request: Any) -> dict[str, Any]:
    if request is None:
        return {}
    started = getattr(request, "task_started_at", None)
    if state == "STARTED":
        started = request.task_started_at = time.time()
    attempts = (getattr(request, "retries", None) or 0) + 1
    if started is None and state in NOT_BEGUN:
        attempts -= 1
    return {"name": getattr(request, "task", None), "attempts": attempts, "started_at": started}


def _quieten(store: Any) -> None:
    """Spare Redis what costs commands and is of no use to anybody.

    - A submit subscribes to its result. Here only who waits does: a producer that never waits would leave a
      subscription for each task, with messages that nobody reads.
    - A begin costs four commands: Celery reads the present record first, because nothing may replace a success, and it
      announces each state. But nobody waits for a begin, and SET tells what it has replaced: a success (this attempt is
      a late duplicate) is put back, and so is a cancel (of which this worker has not heard).
    """
    plain = store._store_result

    def store_result(
        task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **options: Any
    ) -> Any:
        if state != states.STARTED:
            return plain(task_id, result, state, traceback, request, **options)
        meta = store._get_result_meta(result, state, traceback, request)
        put = partial(store.client.set, store.get_key_for_task(task_id), ex=store.expires or None)
        try:
            before = store.ensure(partial(put, get=True), (store.encode({**meta, "task_id": task_id}),))
        except ResponseError as error:
            if "syntax" not in str(error):
                raise
            store._store_result = plain  # SET with GET is younger than this server (Redis 6.2)
            return plain(task_id, result, state, traceback, request, **options)
        known = store.decode_result(before)["status"] if before else None
        if known in KEPT:
            store.ensure(put, (before,))
            request.cancelled_before = known == states.REVOKED
        return result

    store.on_task_call = lambda *_: None
    store._store_result = store_result
