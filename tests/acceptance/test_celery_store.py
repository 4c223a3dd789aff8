"""The result store on a real Redis: what the library leaves out of Celery's traffic changes no answer."""

import uuid

import pytest
from celery import states
from celery.app.task import Context
from redis.exceptions import ResponseError

from task_abstraction import TaskNotFound, TaskStatus
from tests.acceptance.celery_support import redis_broker
from tests.support.servers import wait_until

# celery 5.7 uses what redis-py 8 calls deprecated.
pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore:Call to deprecated setex")]


@pytest.fixture
def producer(redis):
    """A backend that submits and reads."""
    backend = redis_broker(redis).producer()
    yield backend
    backend.close()


def begin(producer, task_id: str) -> None:
    """Store what a worker stores when an attempt begins."""
    request = Context(task="export_report", id=task_id)
    producer.app.backend.store_result(task_id, {"pid": 1, "hostname": "here"}, states.STARTED, request=request)


class TestBegin:
    """The record of an attempt that begins."""

    def test_is_a_running_task(self, producer):
        """The task runs, with the time of its start."""
        task_id = producer.submit("export_report", 1)
        begin(producer, task_id)

        seen = producer.get_result(task_id)
        assert (seen.status, seen.attempts) == (TaskStatus.RUNNING, 1)
        assert seen.started_at is not None

    def test_of_a_late_duplicate_leaves_the_success(self, producer):
        """Nothing replaces a success: a duplicate that begins after it is not seen."""
        task_id = producer.submit("export_report", 1)
        producer.app.backend.store_result(task_id, "done", states.SUCCESS, request=Context(task="export_report"))
        begin(producer, task_id)

        assert producer.get_result(task_id).unwrap() == "done"

    def test_on_an_older_server(self, producer, monkeypatch):
        """A server whose SET knows no GET (before 6.2) is served as Celery does it."""
        client, plain = producer.app.backend.client, producer.app.backend.client.set

        def refuse(*args, get=False, **options):
            if get:
                raise ResponseError("syntax error")
            return plain(*args, **options)

        monkeypatch.setattr(client, "set", refuse)
        task_id = producer.submit("export_report", 1)
        for _ in range(2):
            begin(producer, task_id)

        assert producer.get_result(task_id).is_running


class TestWaiting:
    """Who waits, and who does not."""

    def test_an_unknown_id_ends_a_wait_at_once(self, producer):
        """Celery itself would wait for ever for what was never submitted."""
        with pytest.raises(TaskNotFound):
            producer.get_result(str(uuid.uuid4()), timeout=60)

    def test_only_a_wait_subscribes(self, producer):
        """A producer that never asks leaves no subscription behind."""
        ids = [producer.submit("export_report", number) for number in range(3)]

        def subscribed() -> list[bytes]:
            keys = {producer.app.backend.get_key_for_task(task_id) for task_id in ids}
            return [channel for channel in producer.app.backend.client.pubsub_channels() if channel in keys]

        assert subscribed() == []
        producer.app.backend.store_result(ids[0], "done", states.SUCCESS, request=Context(task="export_report"))

        assert producer.get_result(ids[0], timeout=10).unwrap() == "done"
        wait_until(lambda: subscribed() == [], timeout_s=10, what="the end of the subscription")
