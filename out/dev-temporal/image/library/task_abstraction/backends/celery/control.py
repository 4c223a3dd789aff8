"""Broadcasts to workers (cancel, and who reads a queue) that need one connection, and end without a broker.

Celery's takes a second connection of the pool while it holds one: with `broker_pool_limit` threads that cancel at once,
each would wait for another for ever. And it repeats a broadcast without end until the broker is back (celery 5.7, kombu
5.7, both measured).
"""

# ruff: noqa: ANN401 - kombu and Celery are untyped here

from typing import Any

from celery.app.control import Control
from kombu import Producer
from kombu.pidbox import Mailbox

from task_abstraction.backends.celery.letters import PUBLISH_RETRY


class _BoundedProducer(Producer):
    def publish(self, *args: Any, **options: Any) -> Any:
        return super().publish(*args, **{"retry_policy": PUBLISH_RETRY, **options})


class OneConnectionMailbox(Mailbox):
    """A mailbox that asks on the connection that it was given; replies of workers go their usual way."""

    def _publish(self, *args: Any, channel: Any = None, producer: Any = None, **options: Any) -> Any:
        connection: Any = self.connection
        chosen = channel or connection.default_channel
        own = producer or _BoundedProducer(chosen, auto_declare=False)
        return super()._publish(*args, channel=chosen, producer=own, **options)  # type: ignore[misc, unused-ignore]


class LibraryControl(Control):
    """`app.control` with such a mailbox."""

    Mailbox = OneConnectionMailbox
