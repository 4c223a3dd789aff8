"""What the broker knows about queues, read from the broker itself: no broadcast, no worker has to answer in time."""

import base64
import json
import logging
import math
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import amqp.exceptions

from task_abstraction.backends.celery.application import LibraryCelery
from task_abstraction.dead_letters import SUFFIX as DEAD_LETTER_SUFFIX
from task_abstraction.models import QueueStats
from task_abstraction.runtime.execution import age_s

log = logging.getLogger("task_abstraction.celery")
INSPECT_TIMEOUT_S = 1.0
HTTP_TIMEOUT_S = 5.0
MANAGEMENT_PORT = 15672


def ping(
    app: LibraryCelery,
    *,
    timeout_s: float,
    reaching: Callable[[str | None], AbstractContextManager[None]],
    result_address: str,
) -> None:
    """Reach the broker, then the result store, once each."""
    with reaching(None), app.connection_for_write(connect_timeout=timeout_s) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=math.ceil(timeout_s))
    client = getattr(app.backend, "client", None)
    if client is not None and hasattr(client, "ping"):
        with reaching(result_address):
            client.ping()


def queue_stats(
    app: LibraryCelery, queues: Sequence[str], *, kind: str, management_url: str | None
) -> Mapping[str, QueueStats]:
    """Statistics of each queue; what the broker cannot tell is None."""
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        if kind == "redis":
            return _redis_stats(app, connection, queues)
        if kind == "amqp":
            return _amqp_stats(connection, queues, management_url)
        channel: Any = connection.default_channel
        return {queue: QueueStats(waiting=int(channel._size(queue))) for queue in queues}  # noqa: SLF001 - no other way


def _redis_stats(app: LibraryCelery, connection: Any, queues: Sequence[str]) -> Mapping[str, QueueStats]:  # noqa: ANN401
    channel = connection.default_channel
    client = channel.client
    # The client of kombu 5.7 adds the prefix to LLEN by itself, to LINDEX and HSCAN it does not.
    prefix = channel.global_keyprefix or ""
    unacked = _unacked_by_queue(client, prefix + channel.unacked_key)
    consumers = _consumers_by_inspect(app)
    stats: dict[str, QueueStats] = {}
    for queue in queues:
        # One list for each priority step: a bare LLEN of the queue's name sees priority 0 only.
        keys = [channel._q_for_pri(queue, step) for step in channel.priority_steps]  # noqa: SLF001 - no other way
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.llen(key)
            pipe.lindex(prefix + key, -1)
        pipe.llen(queue + DEAD_LETTER_SUFFIX)
        *answers, dead = pipe.execute()
        ages = [_age_of_envelope(raw) for raw in answers[1::2] if raw is not None]
        known = [age for age in ages if age is not None]
        waiting = sum(answers[0::2])
        stats[queue] = QueueStats(
            waiting=waiting,
            in_flight=unacked[queue],
            oldest_age_s=max(known) if known else (None if waiting else 0.0),
            consumers=None if consumers is None else consumers[queue],
            dead_letter=dead,
        )
    return stats


def _unacked_by_queue(client: Any, key: str) -> Counter[str]:  # noqa: ANN401 - redis-py
    found: Counter[str] = Counter()
    for _, raw in client.hscan_iter(key, count=500):
        try:
            message, _, routing_key = json.loads(raw)
            due = _is_due(message.get("headers") or {})
        except (ValueError, TypeError, AttributeError):
            continue
        if due:
            found[str(routing_key)] += 1
    return found


def _is_due(headers: Mapping[str, Any]) -> bool:
    # A worker takes a delayed message at once and holds it until its eta: it runs nowhere yet.
    eta = headers.get("eta")
    if not isinstance(eta, str):
        return True
    moment = datetime.fromisoformat(eta)
    return moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC)


def _age_of_envelope(raw: bytes) -> float | None:
    try:
        return age_s(json.loads(raw).get("headers"))
    except (ValueError, AttributeError):
        return None


def _consumers_by_inspect(app: LibraryCelery) -> Counter[str] | None:
    # Redis does not know who reads a list. One broadcast for each poll (not for each scrape) asks the workers.
    answers = app.control.inspect(timeout=INSPECT_TIMEOUT_S).active_queues() or {}
    return Counter(queue["name"] for queues in answers.values() for queue in queues)


def _amqp_stats(
    connection: Any,  # noqa: ANN401 - kombu
    queues: Sequence[str],
    management_url: str | None,
) -> Mapping[str, QueueStats]:
    unacknowledged = None if management_url is None else _unacknowledged(management_url, connection.virtual_host)
    stats: dict[str, QueueStats] = {}
    for queue in queues:
        waiting, consumers = _declare_passive(connection, queue)
        dead, _ = _declare_passive(connection, queue + DEAD_LETTER_SUFFIX)
        stats[queue] = QueueStats(
            waiting=waiting,
            in_flight=None if unacknowledged is None else unacknowledged.get(queue, 0),
            oldest_age_s=None if waiting else 0.0,
            consumers=consumers,
            dead_letter=dead,
        )
    return stats


def _declare_passive(connection: Any, queue: str) -> tuple[int, int]:  # noqa: ANN401 - kombu
    with connection.channel() as channel:
        try:
            answer = channel.queue_declare(queue=queue, passive=True)
        except amqp.exceptions.NotFound:
            return 0, 0  # nobody has declared it yet: nothing waits there
        return int(answer.message_count), int(answer.consumer_count)


def _unacknowledged(management_url: str, virtual_host: str) -> dict[str, int]:
    parts = urlsplit(management_url)
    host = parts.hostname or "localhost"
    base = f"{parts.scheme}://{host}:{parts.port or MANAGEMENT_PORT}{parts.path.rstrip('/')}"
    url = f"{base}/api/queues/{quote(virtual_host, safe='')}"
    request = urllib.request.Request(url)  # noqa: S310 - the operator's own URL
    credentials = f"{parts.username or 'guest'}:{parts.password or 'guest'}".encode()
    request.add_header("Authorization", "Basic " + base64.b64encode(credentials).decode())
    try:
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310 - see above
            listed = json.load(answer)
    except (urllib.error.URLError, ValueError) as error:
        raise OSError(f"management API at {host}: {error}") from error
    return {item["name"]: int(item.get("messages_unacknowledged", 0)) for item in listed}
