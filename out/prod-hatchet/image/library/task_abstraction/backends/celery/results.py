"""What Celery stores about a task, in our words."""

import contextlib
import queue
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from kombu.utils.functional import lazy

from task_abstraction.backends.celery.store import PROGRESS, SUBMITTED
from task_abstraction.errors import PayloadUnreadable, TaskNotFound
from task_abstraction.models import TaskResult, TaskStatus
from task_abstraction.runtime.execution import describe_error

STATUS: Mapping[str, TaskStatus] = {
    SUBMITTED: TaskStatus.PENDING,
    "RECEIVED": TaskStatus.PENDING,
    "RETRY": TaskStatus.PENDING,
    "SUCCESS": TaskStatus.COMPLETED,
    "FAILURE": TaskStatus.FAILED,
    "REJECTED": TaskStatus.FAILED,
    "IGNORED": TaskStatus.FAILED,
    "REVOKED": TaskStatus.CANCELLED,
}


def _moment(value: Any) -> datetime | None:  # noqa: ANN401 - JSON of a result backend
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def to_result(task_id: str, meta: Mapping[str, Any], decode: Callable[[str, Any], Any]) -> TaskResult[Any]:
    """Turn Celery's record into a `TaskResult`; `decode` rebuilds the value of a task by its name.

    Raises:
        TaskNotFound: there is no record; every submit of the library stores one before it publishes.
        PayloadUnreadable: the record is encrypted with a key that is not here, or plain where none may be.
    """
    state = str(meta.get("status"))
    if state == "PENDING":
        raise TaskNotFound(task_id)
    status = STATUS.get(state, TaskStatus.RUNNING)
    name = str(meta.get("name") or "")
    value = meta.get("result")
    if isinstance(value, PayloadUnreadable):
        raise PayloadUnreadable(value.reason, what=f"the result of {task_id} cannot be read")
    completed = status is TaskStatus.COMPLETED
    failed = status in {TaskStatus.FAILED, TaskStatus.CANCELLED} or state == "RETRY"
    return TaskResult(
        task_id=task_id,
        task_name=name,
        status=status,
        result=decode(name, value) if completed else None,
        error=_error_text(value) if failed else None,
        started_at=_moment(meta.get("started_at")),
        completed_at=_moment(meta.get("date_done")),
        attempts=int(meta.get("attempts") or 0),
        progress=value if state == PROGRESS else None,
    )


def close_store(store: Any) -> None:  # noqa: ANN401 - the result backend that a URL chose
    """Close the connections of a Redis result store: left to the collector, their sockets go unclosed."""
    consumer, client = getattr(store, "result_consumer", None), getattr(store, "client", None)
    if store is not None:
        # Results of a canvas end later than their store: their finalisers would connect once more, and never close.
        store.remove_pending_result = lambda result: result
    if consumer is not None and getattr(consumer, "_pubsub", None) is not None:
        consumer.stop()
    if client is not None and hasattr(client, "connection_pool"):
        client.connection_pool.disconnect()


def close_idle(pool: Any) -> None:  # noqa: ANN401 - kombu's ConnectionPool
    """Close the connections of a pool that nobody uses now: Celery's own `close` leaves every one of them open.

    A connection in use stays. Each closed one leaves a place for a new one: who waits for a connection waits for ever
    on a pool without places.
    """
    places, idle = pool._resource, []  # noqa: SLF001 - kombu itself closes a pool only as a whole
    with contextlib.suppress(queue.Empty):
        while True:
            idle.append(places.get_nowait())
    for connection in idle:
        try:
            _close_connection(pool, connection)
        finally:
            places.put_nowait(lazy(pool.new))


def _close_connection(pool: Any, connection: Any) -> None:  # noqa: ANN401 - of kombu
    """Close a connection without waiting for the broker.

    AMQP's farewell waits for an answer, which a broker with a memory alarm does not give; `collect` leaves it out. On
    other transports `collect` changes the time limit of every new socket in the process, and their close asks nothing.
    """
    if isinstance(connection, lazy):
        return  # never opened
    if hasattr(connection._transport, "_collect"):  # noqa: SLF001 - `transport` would make one
        pool.collect_resource(connection)
    else:
        pool.close_resource(connection)


def _error_text(value: object) -> str | None:
    if isinstance(value, BaseException):
        return describe_error(value)
    return None if value is None else str(value)
