"""Messages that a worker cannot use: they go to the dead letter, raw, with the reason, and never end the worker."""

import json
import logging
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.app.task import Context
from celery.exceptions import NotRegistered
from kombu.exceptions import ContentDisallowed, DecodeError

from task_abstraction.backends.celery.letters import LetterWriter, letter_of
from task_abstraction.backends.celery.queues import ServedQueues
from task_abstraction.backends.celery.request import serving
from task_abstraction.backends.celery.sealing import refusal
from task_abstraction.dead_letters import raw_letter
from task_abstraction.models import Reason
from task_abstraction.runtime.worker_metrics import UNKNOWN_TASK, WorkerMetrics

log = logging.getLogger("task_abstraction.celery")
UNREADABLE = (DecodeError, ContentDisallowed, LookupError, ValueError, TypeError)
PIDBOX = ".pidbox"
"""End of the names of the exchanges that carry control messages."""
AGAIN_S = 5.0
"""After this time a message comes again whose dead letter could not be written."""
PARTS_OF_BODY = (list, dict, dict)
"""Arguments, keywords and callbacks: the body of a message of Celery's second protocol."""


def fault_of_entry(channel: Any, raw: bytes) -> str | None:  # noqa: ANN401 - kombu's Redis channel
    """Why an entry of a Redis list is no message, or None: kombu 5.7 ends the worker for such an entry."""
    try:
        envelope = json.loads(raw)
        properties = envelope["properties"]
        body = envelope.get("body")
        if body:
            channel.decode_body(body, properties.get("body_encoding"))
        missing = [name for name in ("delivery_tag", "delivery_info") if name not in properties]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        return f"this is no message: {type(error).__name__}: {error}"
    return f"this is no message: its properties lack {missing[0]}" if missing else None


def fault_of_message(message: Any) -> str | None:  # noqa: ANN401 - kombu's Message
    """Why a message of the second protocol cannot be used, or None; the first protocol is left to Celery."""
    if "task" not in message.headers:
        return None
    if not isinstance(message.headers["task"], str) or not isinstance(message.headers.get("id"), str):
        return "its headers give no task name or no id"
    try:
        payload = message.payload
    except UNREADABLE as error:
        return refusal(message, error) or f"{type(error).__name__}: {error}"
    if isinstance(payload, dict) and "args" in payload:
        return None
    if not isinstance(payload, (list, tuple)) or len(payload) != len(PARTS_OF_BODY):
        return "its body is not [args, kwargs, callbacks]"
    parts = zip(payload, PARTS_OF_BODY, strict=True)
    return None if all(isinstance(part, kind) for part, kind in parts) else "its body is not [args, kwargs, callbacks]"


class Unusable:
    """What one consumer does with messages that it cannot use."""

    def __init__(self, consumer: Any, writer: LetterWriter, metrics: WorkerMetrics | None) -> None:  # noqa: ANN401
        self._consumer = consumer
        self._writer = writer
        self._metrics = metrics
        self.served = ServedQueues(consumer.task_consumer)

    def discard(self, message: Any, why: str, reason: Reason = Reason.INVALID) -> None:  # noqa: ANN401
        """Put a message into the dead letter and give its id a final state; it comes again while nobody keeps it."""
        queue = self.served.name_of(message)
        letter = letter_of(message, queue=queue, reason=reason, error=why)
        if not self._writer.wants(queue):
            log.error("message %s of queue %s is discarded: %s", letter.id, queue, why)
        elif not self._writer.write(letter):
            # Held for longer, it would cost the worker a place of its prefetch until the connection ends.
            again = (log, self._consumer.connection_errors, True)
            self._consumer.timer.call_after(AGAIN_S, message.reject_log_error, again)
            return
        else:
            self._count_dead(queue, letter.task)
        message.ack_log_error(log, self._consumer.connection_errors)
        if self._metrics is not None:
            self._metrics.failed(queue, letter.task or UNKNOWN_TASK, reason)
        self._fail(message, letter.task_id, letter.task, why)

    def discard_entry(self, queue: str, raw: bytes, why: str) -> None:
        """Put what is no message into the dead letter, byte for byte as far as it is text."""
        if not self._writer.wants(queue):
            log.error("an entry of queue %s is discarded: %s", queue, why)
        elif self._writer.write(raw_letter(queue, raw, why)):
            self._count_dead(queue, None)
        if self._metrics is not None:
            self._metrics.failed(queue, UNKNOWN_TASK, Reason.INVALID)

    def _count_dead(self, queue: str, task: str | None) -> None:
        if self._metrics is not None:
            self._metrics.dead_lettered(queue, task or UNKNOWN_TASK)

    def _fail(self, message: Any, task_id: str | None, task: str | None, why: str) -> None:  # noqa: ANN401
        if task_id is None or message.headers.get("ignore_result"):
            return
        error = NotRegistered(task) if task not in self._consumer.app.tasks else DecodeError(why)
        request = Context(task=task, id=task_id, errbacks=None, chord=None)
        try:
            self._consumer.app.backend.mark_as_failure(task_id, error, request=request)
        except OSError as failure:  # redis-py's ConnectionError is none, and is retried inside
            log.warning("the failure of %s cannot be stored: %s", task_id, failure)

    def on_unknown_task(self, _: object, message: Any, __: object) -> None:  # noqa: ANN401
        """Handle a name that nobody registered here: a producer that is newer than its workers."""
        self.discard(message, f"task '{message.headers.get('task')}' is not registered in this worker")

    def on_unknown_message(self, _: object, message: Any) -> None:  # noqa: ANN401
        """Handle a message that names no task."""
        self.discard(message, "it names no task")

    def on_invalid_task(self, _: object, message: Any, error: BaseException) -> None:  # noqa: ANN401
        """Handle a message whose parts contradict the protocol."""
        self.discard(message, f"{type(error).__name__}: {error}")

    def on_decode_error(self, message: Any, error: BaseException) -> None:  # noqa: ANN401
        """Handle a body that cannot be decoded, or whose content type is not accepted."""
        if str((message.delivery_info or {}).get("exchange")).endswith(PIDBOX):
            # A question to the workers, from a process with other keys: no task, and worth no dead letter.
            log.warning("a control message is dropped: %s", refusal(message, error) or error)
            message.ack_log_error(log, self._consumer.connection_errors)
            return
        self.discard(message, f"{type(error).__name__}: {error}")


def _checking(unusable: Unusable, make_handler: Callable[..., Any], limits: dict[str, int]) -> Callable[..., Any]:
    def create_task_handler(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Celery's
        handler = make_handler(*args, **kwargs)

        def on_task_received(message: Any) -> Any:  # noqa: ANN401 - kombu's Message
            fault = fault_of_message(message)
            if fault is not None:
                return unusable.discard(message, fault)
            # The next return to the queue would make the broker drop it, and nobody would give its id a final state.
            count, limit = message.headers.get("x-delivery-count"), limits.get(unusable.served.name_of(message))
            if limit is not None and isinstance(count, int) and count >= limit:
                why = f"WorkerLostError: it was delivered {count} times and ended no worker's attempt"
                return unusable.discard(message, why, Reason.WORKER_LOST)
            return handler(message)

        return on_task_received

    return create_task_handler


def _filter_entries(unusable: Unusable, channel: Any) -> None:  # noqa: ANN401 - kombu's Redis channel
    """Look at what BRPOP gives before kombu does: its own parsing ends the worker (kombu 5.7, measured)."""
    client = channel.client
    plain = client.parse_response

    def parse_response(connection: Any, command_name: str, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        answer = plain(connection, command_name, **options)
        if command_name != "BRPOP" or not answer:
            return answer
        key, raw = answer
        fault = fault_of_entry(channel, raw)
        if fault is None:
            return answer
        unusable.discard_entry(key.decode().rsplit(channel.sep, 1)[0], raw, fault)
        return None

    client.parse_response = parse_response


def unusable_step(writer: LetterWriter, metrics: WorkerMetrics | None) -> type[Any]:
    """A consumer step that installs the handlers at each connection, and declares the dead letters on RabbitMQ."""
    from task_abstraction.backends.celery.queues import declaration_of_dead_letter

    class Unused(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:  # noqa: ANN401
            unusable = Unusable(consumer, writer, metrics)
            serving(consumer.app, unusable.served)
            for name in ("on_unknown_task", "on_unknown_message", "on_invalid_task", "on_decode_error"):
                setattr(consumer, name, getattr(unusable, name))
            consumer.task_consumer.on_decode_error = unusable.on_decode_error
            queues = consumer.task_consumer.queues
            limits = {queue.name: (queue.queue_arguments or {}).get("x-delivery-limit") for queue in queues}
            known = {name: int(limit) for name, limit in limits.items() if limit is not None}
            plain = type(consumer).create_task_handler.__get__(consumer)
            consumer.create_task_handler = _checking(unusable, plain, known)
            channel = consumer.task_consumer.channel
            if hasattr(channel, "_brpop_read"):
                _filter_entries(unusable, channel)
                return
            for queue in queues:
                if writer.wants(queue.name):
                    declaration_of_dead_letter(queue)(channel).declare()

    return Unused
