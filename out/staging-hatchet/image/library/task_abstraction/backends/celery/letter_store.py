"""Reading, replaying and purging dead letters on Redis and RabbitMQ."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import amqp.exceptions
from celery.app.task import Context

from task_abstraction.backends.celery.amqp_letters import Remove, walk_amqp
from task_abstraction.backends.celery.application import NO_RESULTS
from task_abstraction.backends.celery.letters import PUBLISH_RETRY
from task_abstraction.backends.celery.sealing import check_replay, opened_letter
from task_abstraction.backends.celery.store import SUBMITTED
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.dead_letters import Choice, DeadLetter, dead_letter_queue, from_json

REPLAYS_HEADER = "x-taskgen-replays"


class CeleryLetterStore:
    """The dead letters of one broker."""

    def __init__(self, app: Any, *, kind: str, reaching: Callable[[], AbstractContextManager[None]]) -> None:  # noqa: ANN401
        self._app = app
        self._is_redis = kind == "redis"
        self._walk = _walk_redis if self._is_redis else walk_amqp
        self._reaching = reaching

    def read(self, queue: str) -> list[DeadLetter]:
        """Every letter of a queue, the oldest first."""
        with self._reaching(), self._walk(self._app, queue) as letters:
            return [opened_letter(letter, self._app.sealer) for letter, _ in letters]

    def replay(self, queue: str, choose: Choice, *, to: str | None = None) -> list[DeadLetter]:
        """Send the chosen letters again, each before it is removed; what is no message stays.

        Who writes a letter may die before it hears that the broker has it, and leave two: their task is sent once.
        """
        sent: set[tuple[str, bytes]] = set()

        def send(letter: DeadLetter) -> bool:
            if letter.message is None:
                return False
            task = (letter.task_id or "", letter.body)
            if letter.task_id is None or task not in sent:
                self._send(letter, to or queue)
                sent.add(task)
            return True

        return self._take(queue, choose, send)

    def purge(self, queue: str, choose: Choice) -> list[DeadLetter]:
        """Remove the chosen letters for ever."""
        return self._take(queue, choose, lambda _: True)

    def _take(self, queue: str, choose: Choice, handle: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
        taken: list[DeadLetter] = []
        with self._reaching(), self._walk(self._app, queue) as letters:
            for letter, remove in letters:
                if choose(letter) and handle(letter):
                    remove()
                    taken.append(letter)
        return taken

    def _send(self, letter: DeadLetter, queue: str) -> None:
        message = letter.message or {}
        check_replay(message, self._app.sealer)
        headers = dict(message.get("headers") or {})
        # A start deadline that is past would revoke it at once, an eta that is past means nothing.
        anew = {"retries": 0, "eta": None, "expires": None, ENQUEUED_AT_HEADER: f"{time.time():.6f}"}
        headers |= {**(anew if "task" in headers else {}), REPLAYS_HEADER: int(headers.get(REPLAYS_HEADER) or 0) + 1}
        if letter.task_id and not headers.get("ignore_result") and self._app.backend_cls != NO_RESULTS:
            request = Context(task=letter.task, id=letter.task_id)
            self._app.backend.store_result(letter.task_id, None, SUBMITTED, request=request)
        with self._app.producer_or_acquire() as producer:
            producer.publish(
                letter.body,
                **self._way_to(queue, producer.connection),
                content_type=message.get("content_type"),
                content_encoding=message.get("content_encoding"),
                headers=headers,
                delivery_mode=2,
                retry=True,
                retry_policy=PUBLISH_RETRY,
                **(message.get("properties") or {}),
            )

    def _way_to(self, queue: str, connection: Any) -> dict[str, Any]:  # noqa: ANN401 - kombu
        """How to publish to a queue; one that is there stays as another application may have declared it."""
        target = self._app.amqp.queues[queue]
        if not self._is_redis:
            with connection.channel() as channel, contextlib.suppress(amqp.exceptions.NotFound):
                channel.queue_declare(queue=queue, passive=True)
                return {"exchange": "", "routing_key": queue}
        return {"exchange": target.exchange, "routing_key": target.routing_key, "declare": [target]}


@contextlib.contextmanager
def _walk_redis(app: Any, queue: str) -> Iterator[Iterator[tuple[DeadLetter, Remove]]]:  # noqa: ANN401 - Celery
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        channel = connection.default_channel
        # The client of kombu 5.7 adds the prefix to LPUSH by itself, to LRANGE and LREM it does not.
        key = (channel.global_keyprefix or "") + dead_letter_queue(queue)
        with channel.conn_or_acquire() as client:

            def letters() -> Iterator[tuple[DeadLetter, Remove]]:
                for raw in reversed(client.lrange(key, 0, -1)):
                    yield from_json(raw, queue), functools.partial(client.lrem, key, -1, raw)

            yield letters()
