"""Writing dead letters: a list beside the queue on Redis, a durable queue on RabbitMQ."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import amqp.exceptions
import kombu.exceptions
import redis.exceptions
from kombu.pools import ProducerPool

from task_abstraction.backends.celery.queues import declaration_of_dead_letter
from task_abstraction.backends.celery.sealing import sealed_letter
from task_abstraction.backends.celery.transport import LibraryConnection, LibraryPool
from task_abstraction.config import redact
from task_abstraction.dead_letters import (
    DeadLetter,
    dead_letter_queue,
    from_json,
    moment,
    raw_letter,
    text_or_base64,
    utc_now,
)
from task_abstraction.encryption import Sealer
from task_abstraction.models import Reason
from task_abstraction.runtime.execution import enqueued_at

log = logging.getLogger("task_abstraction.celery")
MARK = "x-taskgen-dead-letter"
"""Header of a message that is a letter; what lies in a dead-letter queue without it was put there by the broker."""
# What a new delivery gets anew: the broker's own counts, a start that is past, a decompressed body.
NOT_KEPT = frozenset({"x-death", "x-delivery-count", "compression"})
KEPT_PROPERTIES = ("correlation_id", "reply_to", "priority")
WRITE_FAILURES = (kombu.exceptions.OperationalError, redis.exceptions.RedisError, amqp.exceptions.AMQPError, OSError)
PUBLISH_RETRY: Mapping[str, Any] = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2}
BROKER_REASONS = {"delivery_limit": Reason.WORKER_LOST, "expired": Reason.EXPIRED}


def _bytes(body: Any) -> bytes:  # noqa: ANN401 - str, bytes or memoryview, by transport
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def letter_of(message: Any, *, queue: str, reason: Reason, error: str) -> DeadLetter:  # noqa: ANN401 - kombu's Message
    """A letter around a message, with all that is needed to send it again."""
    headers = {name: value for name, value in dict(message.headers or {}).items() if name not in NOT_KEPT}
    properties = message.properties or {}
    task_id, task = headers.get("id"), headers.get("task")
    body = _bytes(message.body)
    kept = {
        "headers": headers,
        "properties": {name: properties[name] for name in KEPT_PROPERTIES if properties.get(name) is not None},
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
        **text_or_base64("body", body),
    }
    retries = headers.get("retries")
    attempts = (retries if isinstance(retries, int) else 0) + (0 if reason is Reason.INVALID else 1)
    return DeadLetter(
        id=str(task_id) if task_id else raw_letter(queue, body, "").id,
        queue=queue,
        reason=reason,
        error=redact(error),
        failed_at=utc_now(),
        task_id=str(task_id) if task_id else None,
        task=str(task) if task else None,
        attempts=attempts,
        enqueued_at=moment(enqueued_at(headers)),
        message=kept,
    )


def letter_in(message: Any, queue: str) -> DeadLetter:  # noqa: ANN401 - kombu's Message
    """The letter that a message of a dead-letter queue is, or that it becomes where the broker put it there."""
    if MARK in (message.headers or {}):
        return from_json(_bytes(message.body), queue)
    death = _death_in(message.headers)
    cause = str(death.get("reason", "unknown"))
    reason = BROKER_REASONS.get(cause, Reason.INVALID)
    letter = letter_of(message, queue=queue, reason=reason, error=f"the broker dead-lettered it: {cause}")
    when = death.get("time")
    if not isinstance(when, datetime):
        return letter
    # It has no zone, and is UTC (amqp 5.3, from source).
    return replace(letter, failed_at=when.replace(tzinfo=UTC).isoformat(timespec="milliseconds"))


def _death_in(headers: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What the broker says about the last time that it dead-lettered a message; a producer may write anything there."""
    deaths = (headers or {}).get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths else None
    return last if isinstance(last, dict) else {}


class LetterWriter:
    """Puts letters into the dead letter of their queue; safe from any thread of the process that made it."""

    def __init__(self, app: Any, *, kind: str, wants: Callable[[str], bool]) -> None:  # noqa: ANN401 - Celery
        self._app = app
        # An application that was not written with the library encrypts nothing.
        self._sealer: Sealer = getattr(app, "sealer", None) or Sealer()
        self._kind = kind
        self._wants = wants

    def wants(self, queue: str) -> bool:
        """Whether the queue keeps what fails."""
        return self._kind in {"redis", "amqp"} and self._wants(queue)

    def write(self, letter: DeadLetter) -> bool:
        """Store a letter; False when the broker does not take it: then the caller must not acknowledge."""
        try:
            (self._to_redis if self._kind == "redis" else self._to_amqp)(sealed_letter(letter, self._sealer))
        except WRITE_FAILURES as error:
            reason = redact(str(error)) or type(error).__name__
            log.error("dead letter %s of %s cannot be written: %s", letter.id, letter.queue, reason)  # noqa: TRY400
            return False
        log.error(
            "task %s[%s] went to %s: %s: %s",
            letter.task,
            letter.id,
            dead_letter_queue(letter.queue),
            letter.reason,
            letter.error,
        )
        return True

    @cached_property
    def producers(self) -> Any:  # noqa: ANN401 - kombu's ProducerPool
        """Producers and their connections; those of our own beside an application that is not ours.

        Its own connections are shut in every forked child, for the worker as well, and take a message for written that
        the broker may never have got: a letter would come twice, or be lost with its message acknowledged.
        """
        if self._app.amqp.Connection is LibraryConnection:
            return self._app.producer_pool
        connection = self._app.connection_for_write()
        if self._kind == "amqp":
            connection.transport_options = {**(connection.transport_options or {}), "confirm_publish": True}
        limit = self._app.conf.broker_pool_limit
        return ProducerPool(LibraryPool(connection, limit=limit), limit=limit)

    def _acquired(self, pool: Any) -> Any:  # noqa: ANN401 - of kombu
        return pool.acquire(block=True, timeout=self._app.conf.broker_pool_acquire_timeout)

    def _to_redis(self, letter: DeadLetter) -> None:
        acquired = self._acquired(self.producers.connections)
        with acquired as connection, connection.default_channel.conn_or_acquire() as client:
            # kombu's client adds the key prefix to this command by itself.
            client.lpush(dead_letter_queue(letter.queue), letter.to_json())

    def _to_amqp(self, letter: DeadLetter) -> None:
        place = declaration_of_dead_letter(self._app.amqp.queues[letter.queue])
        with self._acquired(self.producers) as producer:
            producer.publish(
                letter.to_json().encode(),
                exchange="",
                routing_key=place.name,
                declare=[place],
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                headers={MARK: letter.version},
                retry=True,
                retry_policy=PUBLISH_RETRY,
            )
