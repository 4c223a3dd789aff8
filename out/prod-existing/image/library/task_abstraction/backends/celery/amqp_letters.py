"""Walking through the dead letters of RabbitMQ: one reader at a time, and nothing is lost by being looked at."""

# ruff: noqa: ANN401 - kombu and Celery are untyped here

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import amqp.exceptions
from kombu import Producer, Queue

from task_abstraction.backends.celery.letters import MARK, letter_in
from task_abstraction.backends.celery.sealing import sealed_letter
from task_abstraction.dead_letters import VERSION, DeadLetter, dead_letter_queue
from task_abstraction.errors import DeadLettersBusy

log = logging.getLogger("task_abstraction.celery")
READER_SUFFIX = ".reader"
"""What comes behind the name of the dead letter in the name of the queue that marks it as being read."""
OTHER_READER_S = 10.0
"""How long a reader waits for another one."""
READER_HEARTBEAT_S = 60
"""A reader that falls silent hides what it holds until the broker has missed it for twice this time."""
GIVEN_BACK_WITHIN_S = 10.0
RETURNS_AT_MOST = 2
"""How often a letter goes back to a quorum queue before it is written anew: a policy may limit the deliveries."""
Remove = Callable[[], object]


def _ready(connection: Any, name: str) -> int:
    with connection.channel() as channel, contextlib.suppress(amqp.exceptions.NotFound):
        return int(channel.queue_declare(queue=name, passive=True).message_count)
    return 0


def _wait_until_given_back(connection: Any, name: str, count: int) -> None:
    """Wait until a queue holds again what was only read: a quorum queue takes it back after the channel has closed.

    Whoever reads next would find fewer. A consumer of somebody else's may have taken some of them: so not for ever.
    """
    deadline = time.monotonic() + GIVEN_BACK_WITHIN_S
    while (there := _ready(connection, name)) < count:
        if time.monotonic() > deadline:
            log.warning("%d of %d messages that were read are in %s again: who else consumes it?", there, count, name)
            return
        time.sleep(0.01)


def _is_ours_alone(connection: Any, mark: str) -> bool:
    with connection.channel() as channel, contextlib.suppress(amqp.exceptions.ResourceLocked):
        channel.queue_declare(queue=mark, exclusive=True)
        return True
    return False


def _claim(connection: Any, queue: str) -> None:
    """Hold the dead letters of a queue alone until the connection ends: what one reader looks at is hidden from others.

    The mark is an exclusive queue: the broker removes it with its connection, however that ends.

    Raises:
        DeadLettersBusy: another reader does not end.
    """
    deadline = time.monotonic() + OTHER_READER_S
    while not _is_ours_alone(connection, dead_letter_queue(queue) + READER_SUFFIX):
        if time.monotonic() > deadline:
            raise DeadLettersBusy(queue, OTHER_READER_S)
        time.sleep(0.1)


class _Walk:
    """The messages that one reader holds; those that it has not removed go back."""

    def __init__(self, channel: Any, queue: str, sealer: Any) -> None:
        self._channel, self._queue, self._sealer = channel, queue, sealer
        self._name = dead_letter_queue(queue)
        self._held: dict[Any, Any] = {}

    @property
    def held(self) -> int:
        """How many messages have to go back."""
        return len(self._held)

    def letters(self, count: int) -> Iterator[tuple[DeadLetter, Remove]]:
        """So many letters, the oldest first, each with what removes it.

        A quorum queue puts back what a dead reader held in any order (RabbitMQ 3.10, measured).
        """
        place = Queue(self._name)(self._channel)
        while len(self._held) < count and (message := place.get(no_ack=False)) is not None:
            self._held[message.delivery_tag] = message
        found = [(letter_in(message, self._queue), message) for message in self._held.values()]
        found.sort(key=lambda pair: pair[0].failed_at)
        self._held = {message.delivery_tag: message for _, message in found}
        for letter, message in found:
            yield letter, functools.partial(self._remove, message)

    def give_back(self) -> None:
        """Put back what was not removed, in its order; where the connection has gone, the broker does it."""
        with contextlib.suppress(amqp.exceptions.AMQPError, OSError):
            for message in self._held.values():
                message.requeue()

    def _remove(self, message: Any) -> None:
        message.ack()
        del self._held[message.delivery_tag]

    def renew(self) -> None:
        """Write all that is held anew, in its order, where a letter has gone back as often as it may.

        A quorum queue counts that as deliveries and drops a message that had too many. The argument of our own queues
        allows any number, but a policy that says less wins (RabbitMQ 3.10, measured).
        """
        counts = [(message.headers or {}).get("x-delivery-count") or 0 for message in self._held.values()]
        if max(counts, default=0) < RETURNS_AT_MOST:
            return
        producer = Producer(self._channel)
        for message in list(self._held.values()):
            producer.publish(
                self._text_of(message),
                exchange="",
                routing_key=self._name,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                headers={MARK: VERSION},
            )
            self._remove(message)

    def _text_of(self, message: Any) -> Any:
        if MARK in (message.headers or {}):
            return message.body
        return sealed_letter(letter_in(message, self._queue), self._sealer).to_json().encode()


@contextlib.contextmanager
def walk_amqp(app: Any, queue: str) -> Iterator[Iterator[tuple[DeadLetter, Remove]]]:
    """Every letter of a queue, the oldest first, each with what removes it; what is not removed stays.

    Raises:
        DeadLettersBusy: another reader holds them.
    """
    with app.connection_for_write(heartbeat=READER_HEARTBEAT_S) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        _claim(connection, queue)
        name = dead_letter_queue(queue)
        count = _ready(connection, name)
        with connection.channel() as channel:
            walk = _Walk(channel, queue, app.sealer)
            try:
                yield walk.letters(count)
                kept = walk.held
                walk.renew()
            finally:
                walk.give_back()
        _wait_until_given_back(connection, name, kept)
