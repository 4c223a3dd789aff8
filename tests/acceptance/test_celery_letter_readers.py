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
from task_abstraction.backends.celery.letters import MARK
from task_abstraction.dead_letters import DeadLetter
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


def put_letters(channel) -> None:
    """Put letters into a dead letter as a worker does, one for each second."""
    for number in MESSAGES:
        letter = DeadLetter(
            id=number,
            queue="orders",
            reason="error",
            error="ValueError: x",
            failed_at=f"2026-01-01T00:00:{number:0>2}.000+00:00",
            task_id=number,
            task="export_report",
            message={"headers": {"task": "export_report", "id": number}, "body": "[[1], {}, {}]"},
        )
        kombu.Producer(channel).publish(letter.to_json().encode(), routing_key="orders.dlq", headers={MARK: 1})


@pytest.fixture(params=["classic", "quorum"])
def letters(request, broker):
    """A queue with dead letters, and the store that reads them."""
    arguments = {"x-queue-type": request.param}
    with kombu.Connection(broker.url) as connection, connection.channel() as channel:
        channel.queue_declare("orders.dlq", durable=True, auto_delete=False, arguments=arguments)
        put_letters(channel)
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
            if not told:
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
    def test_a_letter_that_was_written_twice_is_replayed_once(self, broker, letters):
        """A worker that dies after its letter writes another one later: the task runs once all the same."""
        with kombu.Connection(broker.url) as connection, connection.channel() as channel:
            put_letters(channel)
            wait_until(lambda: len(ids_of(letters)) == 2 * len(MESSAGES), what="both")
            channel.queue_declare("again", durable=True, auto_delete=False)
            replayed = letters.replay("orders", lambda _: True, to="again")
            answer = channel.queue_declare("again", passive=True)

        assert [letter.id for letter in replayed] == sorted(MESSAGES * 2, key=int)
        assert (answer.message_count, ids_of(letters)) == (len(MESSAGES), [])

    def test_what_others_put_there_keeps_its_order(self, broker, letters):
        """A letter without a time of its own: a quorum queue that gives back by itself shuffles ten or more."""
        letters.purge("orders", lambda _: True)
        publish(broker, "orders.dlq", "export_report")
        wait_until(lambda: len(ids_of(letters)) == len(MESSAGES), what="the messages")
        assert [ids_of(letters) for _ in range(3)] == [MESSAGES] * 3

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
