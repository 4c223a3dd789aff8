"""Queues of RabbitMQ with their dead letter: producers and workers declare them alike, else the broker refuses one."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from celery.app.amqp import AMQP, Queues
from kombu import Queue

from task_abstraction.backends.celery.transport import LibraryAMQP
from task_abstraction.dead_letters import SUFFIX, dead_letter_queue

# RabbitMQ 4's own default; RabbitMQ 3 has none, so that a task which kills its worker would run for ever.
DELIVERY_LIMIT = 20
# Reading dead letters gives them back, which counts as a delivery: the limit must never be reached there.
UNLIMITED_DELIVERIES = 2**31 - 1
# kombu's native delayed delivery puts the delay before the routing key: 28 bits, each with a dot.
_DELAY = re.compile(r"^(?:[01]\.){28}")
# It counts whole seconds, and refuses 0.
SHORTEST_DELAY_S = 1
QUORUM = "quorum"


def queue_of_routing_key(routing_key: object) -> str:
    """Name of the queue that a routing key of ours means."""
    return _DELAY.sub("", str(routing_key or ""))


class ServedQueues:
    """The queues that one consumer reads; tells from which of them a message came.

    Queues of this library are named like their routing keys. Those of another application need not be: RabbitMQ then
    knows the queue by the consumer's tag, Redis by exchange and routing key.
    """

    def __init__(self, task_consumer: Any) -> None:  # noqa: ANN401 - kombu's Consumer
        self._consumer = task_consumer
        self.queues = {queue.name: queue for queue in task_consumer.queues}
        self._by_key = {
            (place.exchange.name, place.routing_key): queue.name
            for queue in task_consumer.queues
            for place in (queue, *(queue.bindings or ()))
        }

    def name_of(self, message: Any) -> str:  # noqa: ANN401 - kombu's Message
        """Name of the queue; the first one where the message names none that is served."""
        info = message.delivery_info or {}
        tag = info.get("consumer_tag")
        named = next((name for name, own in self._consumer._active_tags.items() if own == tag), None)  # noqa: SLF001
        key = queue_of_routing_key(info.get("routing_key"))
        found = named or self._by_key.get((info.get("exchange") or "", key)) or key
        return found if found in self.queues or not self.queues else next(iter(self.queues))

    def dead_letters_elsewhere(self, name: str) -> bool:
        """Whether the application declared a dead letter of its own for a queue: what it rejects goes there."""
        arguments = getattr(self.queues.get(name), "queue_arguments", None) or {}
        if arguments.get("x-dead-letter-exchange") is None:
            return False
        return bool(arguments.get("x-dead-letter-routing-key") != dead_letter_queue(name))


def has_quorum_queues(conf: Any) -> bool:  # noqa: ANN401 - Celery's settings
    """Whether the settings make quorum queues."""
    return QUORUM in {conf.task_default_queue_type, conf.task_create_missing_queue_type}


def deliverable(options: dict[str, Any], known: Callable[[str], bool]) -> dict[str, Any]:
    """Options of a delayed send as quorum queues need them.

    celery 5.7 (measured): a delay below one second is an error there, and a repetition of a task, which names exchange
    and routing key but no queue, goes to the default queue.
    """
    countdown, eta = options.get("countdown"), options.get("eta")
    if not countdown and not isinstance(eta, datetime):
        return options
    changed = dict(options)
    if countdown:
        changed["countdown"] = max(SHORTEST_DELAY_S, math.ceil(countdown))
    elif isinstance(eta, datetime):
        # A little more than the shortest, because the rest of the way takes time as well.
        changed["eta"] = max(eta, datetime.now(UTC) + timedelta(seconds=SHORTEST_DELAY_S + 0.1))
    queue = queue_of_routing_key(options.get("routing_key"))
    if options.get("queue") is None and known(queue):
        changed = {name: value for name, value in changed.items() if name not in {"exchange", "routing_key"}}
        changed["queue"] = queue
    return changed


def with_dead_letter(queue: Any) -> Any:  # noqa: ANN401 - kombu's Queue, untyped here
    """Add the dead-letter arguments to a queue; what its declaration already says stays."""
    given = dict(queue.queue_arguments or {})
    # The default exchange leads to every queue by its name: nothing more has to be declared or bound.
    name = dead_letter_queue(queue.name)
    arguments: dict[str, Any] = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
    if given.get("x-queue-type") == QUORUM:
        # At least once needs `reject-publish` (RabbitMQ documentation); without a maximum length it rejects nothing.
        arguments |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
        arguments |= {"x-delivery-limit": DELIVERY_LIMIT}
    queue.queue_arguments = {**arguments, **given}
    return queue


def declaration_of_dead_letter(queue: Any) -> Any:  # noqa: ANN401 - kombu's Queue, untyped here
    """The dead letter of a queue: durable, replicated where the queue is, without priorities and without a limit."""
    arguments: dict[str, Any] = {}
    if (queue.queue_arguments or {}).get("x-queue-type") == QUORUM:
        arguments = {"x-queue-type": QUORUM, "x-delivery-limit": UNLIMITED_DELIVERIES}
    name = dead_letter_queue(queue.name)
    return Queue(name, exchange="", routing_key=name, durable=True, queue_arguments=arguments)


class DeadLetterQueues(Queues):
    """Celery's queues, each with its dead letter where the application wants one, however it came to be declared."""

    wants: Callable[[str], bool] = staticmethod(lambda _: False)

    def __setitem__(self, name: str, queue: Any) -> None:  # noqa: ANN401 - kombu's Queue, untyped here
        """Declare a queue."""
        if self.wants(queue.name) and not queue.name.endswith(SUFFIX):
            queue = with_dead_letter(queue)
        super().__setitem__(name, queue)


class AMQPOnRabbitMQ(LibraryAMQP):
    """Messages for RabbitMQ without an expiry of their own.

    celery 5.7 sets it beside its header `expires` (measured): the broker then drops an expired task by itself, nobody
    hears of it, and its id stays pending for ever. By the header alone a worker finds it, and says that it expired.
    """

    @cached_property
    def send_task_message(self) -> Callable[..., Any]:  # type: ignore[override, unused-ignore]  # celery-types: a method
        """Publish a task."""
        send: Callable[..., Any] = self._create_task_sender()  # type: ignore[attr-defined, unused-ignore]

        def without_expiration(*args: Any, expiration: float | None = None, **options: Any) -> Any:  # noqa: ANN401
            del expiration
            return send(*args, **options)

        return without_expiration


def amqp_with_dead_letters(wants: Callable[[str], bool]) -> type[AMQP]:
    """Class of `app.amqp` for an application on RabbitMQ."""
    queues = type("QueuesOfApplication", (DeadLetterQueues,), {"wants": staticmethod(wants)})
    return type("AMQPOfApplication", (AMQPOnRabbitMQ,), {"queues_cls": queues})
