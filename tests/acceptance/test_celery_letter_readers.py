"""Readers of dead letters on RabbitMQ: they meet, are interrupted, die or fall silent; nothing is hidden or lost."""

import contextlib
import json
import multiprocessing
import os
import signal
import time
from urllib.parse import urlsplit

import kombu
import pytest

from task_abstraction.backends.celery import amqp_letters
from task_abstraction.errors import DeadLettersBusy
from tests.acceptance.celery_support import MESSAGES, Broker, in_threads, publish, put, rabbitmq_broker
from tests.support.servers import wait_until

# One process for both modules: they share a server.
pytestmark = [pytest.mark.server, pytest.mark.timeout(120), pytest.mark.xdist_group("test_celery_hanging")]
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def broker(rabbitmq, redis) -> Broker:
    """A virtual host of its own."""
    return rabbitmq_broker(rabbitmq, redis)


@pytest.fixture(params=["classic", "quorum"])
def letters(request, broker):
    """A queue with six dead letters, as the broker itself puts them there, and the store that reads them."""
    arguments = {"x-queue-type": request.param}
    with kombu.Connection(broker.url) as connection, connection.channel() as channel:
        channel.queue_declare("orders.dlq", durable=True, auto_delete=False, arguments=arguments)
        publish(broker, "orders.dlq", "export_report")
        ready = lambda: channel.queue_declare("orders.dlq", passive=True).message_count == len(MESSAGES)  # noqa: E731
        wait_until(ready, what="letters")
    with contextlib.closing(broker.producer()) as backend:
        yield backend.dead_letters()


def ids_of(store) -> list[str]:
    """What a reader sees, in its order."""
    return [letter.id for letter in store.read("orders")]


class TestReaders:
    """Readers of one dead letter; what one of them holds is hidden from the others."""

    def test_a_second_reader_is_told(self, broker, letters, monkeypatch):
        """It waits, and says who is in its way: an empty list would be a lie."""
        monkeypatch.setattr(amqp_letters, "OTHER_READER_S", 0.2)
        told = []

        def choose(letter) -> bool:
            with contextlib.closing(broker.producer()) as other, pytest.raises(DeadLettersBusy) as caught:
                other.dead_letters().read("orders")
            told.append(str(caught.value))
            return letter.id == "3"

        assert [letter.id for letter in letters.purge("orders", choose)] == ["3"]
        assert told[0].startswith("The dead letters of 'orders' are in use: another reader has held them")
        assert ids_of(letters) == [number for number in MESSAGES if number != "3"]

    def test_readers_at_once_see_everything(self, letters):
        """A loop that lists while others list: each sees all, in order."""
        assert in_threads(8, lambda: ids_of(letters)) == [MESSAGES] * 8

    @pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # Celery 5.7 calls it
    def test_an_interrupted_reader_takes_nothing_away(self, letters):
        """Ctrl-C in the middle of a replay: what it has not sent stays, in its place."""

        def choose(letter) -> bool:
            if letter.id == "3":
                raise KeyboardInterrupt
            return letter.id == "1"

        with pytest.raises(KeyboardInterrupt):
            letters.replay("orders", choose, to="low_priority")
        assert ids_of(letters) == [number for number in MESSAGES if number != "1"]

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "falls silent"])
    def test_a_reader_that_is_gone_hides_nothing(self, broker, letters, monkeypatch, number):
        """The broker gives back what a dead reader held; one that is silent is missed by its heartbeat."""
        monkeypatch.setattr(amqp_letters, "READER_HEARTBEAT_S", 1)
        reads, holds = FORK.Pipe(duplex=False)

        def hold(letter) -> bool:
            if letter.id == MESSAGES[-1]:
                holds.send("all")
                time.sleep(600)
            return False

        reader = FORK.Process(target=lambda: broker.producer().dead_letters().purge("orders", hold))
        reader.start()
        try:
            assert reads.recv() == "all"
            os.kill(reader.pid, number)
            wait_until(lambda: ids_of(letters) == MESSAGES, timeout_s=30, what="the letters")
        finally:
            reader.kill()
            reader.join()

    def test_a_limit_of_deliveries_drops_nothing(self, broker, letters):
        """A policy wins over the arguments of the queue: each `list` counted as a delivery, the fourth found none."""
        virtual_host = urlsplit(broker.url).path.removeprefix("/")
        policy = {"pattern": ".*", "definition": {"delivery-limit": 2}, "apply-to": "queues"}
        put(f"{broker.management}/api/policies/{virtual_host}/limit", policy)
        seen = [ids_of(letters) for _ in range(8)]

        assert seen == [MESSAGES] * 8
        assert json.loads(letters.read("orders")[0].body) == [[1], {}, {}]
