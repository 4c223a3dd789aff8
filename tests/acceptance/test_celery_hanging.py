"""Brokers at their worst: they hang, or take no messages; threads that share few connections, processes that fork."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import kombu
import pytest

from task_abstraction import BackendUnavailable
from tests.acceptance.celery_support import (
    MESSAGES,
    Broker,
    in_threads,
    publish,
    rabbitmq_broker,
    redis_broker,
    write_settings,
)
from tests.support import servers
from tests.support.servers import free_port, program, wait_until
from tests.support.workers import worker

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]
LIMIT_S = 1
"""Where a limit is to run out; the default is what a submit may take in production."""
SHORT = {"broker_transport_options": {"read_timeout": LIMIT_S}, "broker_connection_timeout": LIMIT_S}
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def broker(rabbitmq, redis) -> Broker:
    """A virtual host of its own."""
    return rabbitmq_broker(rabbitmq, redis)


@pytest.fixture
def backend(broker):
    """A backend that gives up soon."""
    with contextlib.closing(broker.producer(**SHORT)) as made:
        yield made


@contextlib.contextmanager
def stopped(broker: Broker) -> Iterator[None]:
    """Let the broker hang: its connections stay, nobody answers."""
    assert broker.server.process is not None
    os.killpg(broker.server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(broker.server.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def alarm(broker: Broker) -> Iterator[None]:
    """Let the broker have too little memory: it reads from nobody who publishes."""
    _watermark(broker, "0")
    try:
        yield
    finally:
        _watermark(broker, "0.9")


def _watermark(broker: Broker, share: str) -> None:
    real = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")  # the wrapper in sbin changes to another user
    command = [str(real) if real.exists() else str(program("rabbitmqctl")), "set_vm_memory_high_watermark", share]
    environment = {**os.environ, **broker.server.environment}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=60)


def submitted(backend) -> str:
    """A task of the queue `low_priority` that nobody runs."""
    return backend.submit("export_report", 1)


def waiting(broker: Broker) -> list[str]:
    """Ids of the tasks that wait in the queue `low_priority`; takes them out."""
    with kombu.Connection(broker.url) as connection, connection.channel() as channel:
        found = []
        while (message := channel.basic_get("low_priority", no_ack=True)) is not None:
            found.append(message.headers["id"])
        return found


def ports_to(broker: Broker) -> set[str]:
    """Local ports of the established connections of this process to the broker."""
    own = {link.readlink().name for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    remote = f":{urlsplit(broker.url).port:04X}"
    return {row[1] for row in rows if row[2].endswith(remote) and row[3] == "01" and f"socket:[{row[9]}]" in own}


class TestHanging:
    """A broker that is there and does not answer."""

    def test_a_submit_ends_and_is_not_repeated(self, broker, backend):
        """On an open connection and on a new one, with a large message as well; what was sent once comes once."""
        submitted(backend)
        other = broker.producer(**SHORT)
        with stopped(broker):
            with pytest.raises(BackendUnavailable, match="has not confirmed the message for 1 s"):
                submitted(backend)
            with pytest.raises(BackendUnavailable):
                submitted(backend)
            with pytest.raises(BackendUnavailable):
                other.submit("export_report", "x" * 20_000_000)
            backend.close()
            other.close()
        submitted(backend)
        assert len(waiting(broker)) <= 3

    def test_an_interrupted_wait_leaves_no_confirm_to_the_next(self, broker, backend):
        """Py-amqp takes any confirm for its own: on the same connection the next submit would have that of this one."""
        submitted(backend)
        used = ports_to(broker)
        with stopped(broker), pytest.raises(KeyboardInterrupt), interrupted_after(0.3):
            submitted(backend)
        assert used
        assert used.isdisjoint(ports_to(broker))
        assert submitted(backend) in waiting(broker)

    def test_a_cancel_ends(self, broker, backend):
        """Celery repeats a broadcast without end, and waits for its confirm without end."""
        task_id = submitted(backend)
        with stopped(broker), pytest.raises(BackendUnavailable):
            backend.cancel(task_id)

    def test_many_threads_share_one_connection(self, broker):
        """Submit and cancel need one connection each: two would let threads wait for each other for ever."""
        with contextlib.closing(broker.producer(broker_pool_limit=1)) as backend:
            ids = in_threads(6, lambda: submitted(backend))
            in_threads(6, lambda: backend.cancel(ids[0]))
            assert sorted(waiting(broker)) == sorted(ids)

    def test_a_closed_backend_disturbs_no_other(self, broker):
        """Both have one pool of connections: one closes, twice, again and again while threads submit with the other."""
        with contextlib.closing(broker.producer()) as backend:
            stop, closes = threading.Event(), []

            def close_others() -> None:
                while not stop.is_set():
                    other = broker.producer()
                    submitted(other)
                    other.close()
                    other.close()
                    closes.append(1)

            closing = threading.Thread(target=close_others, daemon=True)
            closing.start()
            ids = in_threads(8, lambda: [submitted(backend) for _ in range(20)])
            stop.set()
            closing.join(30)
            assert closes
            assert [one for one in ids if isinstance(one, Exception)] == []
            assert len(waiting(broker)) == 8 * 20 + len(closes)


@contextlib.contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Let Ctrl-C come in the block."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_broker_that_is_short_of_memory_is_told(broker, backend):
    """A submit ends in an error that says why, close ends, and afterwards the same backend works again."""
    submitted(backend)
    with alarm(broker):
        with pytest.raises(BackendUnavailable, match="its memory or disk is short"):
            _ = [submitted(backend) for _ in range(3)]  # another RabbitMQ may take the first one still
        backend.close()
    last, found = submitted(backend), waiting(broker)
    assert last in found
    assert len(found) == len(set(found)), "kombu sends again what may have been taken"


def test_a_letter_that_cannot_be_written_is_written_later(broker, tmp_path):
    """While the broker takes none the messages stay with it, and come again: held, they would starve the worker."""
    options = f'\nbroker_transport_options = {{"confirm_publish": True, "read_timeout": {LIMIT_S}}}\n'
    queues = {"low_priority": {"backend": "celery", "tiers": ["low"], "dead_letter": True}}
    settings = write_settings(tmp_path, {}, celeryconfig=options, queues=queues)
    environment = broker.environment(**settings)
    with worker(environment, tmp_path, "--queues", "low_priority") as running:
        with running.frozen():
            publish(broker, "low_priority", "of_tomorrow")
            _watermark(broker, "0")
        try:
            wait_until(lambda: "cannot be written" in running.text(), timeout_s=30, what="a refused letter")
        finally:
            _watermark(broker, "0.9")
        with contextlib.closing(broker.producer()) as backend:
            kept = backend.dead_letters()
            wait_until(lambda: {one.id for one in kept.read("low_priority")} == set(MESSAGES), what="the letters")


def test_no_result_store_sends_nothing(broker):
    """A task whose id could not be found later is refused before the broker has it; a hung store is bounded, too."""
    away = f"redis://127.0.0.1:{free_port()}/0"
    backend = Broker("rabbitmq", broker.url, away, broker.server).producer()
    with contextlib.closing(broker.producer()) as other, contextlib.closing(backend):
        first = submitted(other)
        with pytest.raises(BackendUnavailable, match=str(urlsplit(away).port)):
            submitted(backend)
        assert waiting(broker) == [first]
        assert other.app.conf.redis_socket_timeout <= 30


def test_a_redis_that_hangs_is_told(redis):
    """As a broker: a submit ends, and what was sent once comes once when it goes on."""
    with servers.redis() as own:
        broker = Broker("redis", own.url(), redis_broker(redis).results, own.server)
        options = {"socket_timeout": LIMIT_S}
        with contextlib.closing(broker.producer(broker_transport_options=options)) as backend:
            submitted(backend)
            with stopped(broker), pytest.raises(BackendUnavailable, match="the task may run nevertheless"):
                submitted(backend)
            submitted(backend)
            assert backend.queue_stats(["low_priority"])["low_priority"].waiting <= 3


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_forked_child_leaves_the_connections_alone(kind, redis, request):
    """Kombu shuts down in each child what the parent still uses: its next message is sent twice, or fails."""
    broker = redis_broker(redis) if kind == "redis" else rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)
    with contextlib.closing(broker.producer()) as backend:
        submitted(backend)
        before = ports_to(broker)
        for target in (_nothing, lambda: (submitted(backend), backend.close())):
            child = FORK.Process(target=target)
            child.start()
            child.join(30)
            assert child.exitcode == 0
        submitted(backend)
        assert before
        assert before <= ports_to(broker)


def _nothing() -> None:
    """A child that uses no broker."""
