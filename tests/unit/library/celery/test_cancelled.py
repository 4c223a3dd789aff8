"""A cancel of a running task where its pool cannot end it."""

import uuid

import pytest
from celery import Celery
from celery.concurrency.solo import TaskPool as Solo
from celery.concurrency.thread import TaskPool as Threads
from kombu.message import Message

from task_abstraction.backends.celery.request import MeteredRequest


@pytest.fixture
def waiting():
    """A request as a worker makes it from a message."""
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)

    @app.task(name="charge", shared=False)
    def charge():
        """Do nothing."""

    headers = {"task": "charge", "id": str(uuid.uuid4())}
    message = Message(body=([], {}, {}), headers=headers, delivery_info={"routing_key": "orders"})
    yield MeteredRequest(message, on_ack=lambda *_: None, app=app, task=charge, decoded=True)
    app.close()


@pytest.mark.parametrize("pool", [Threads, Solo])
def test_a_task_that_is_accepted_at_the_moment_of_its_cancel_begins(waiting, pool):
    """An error between acceptance and begin would lose the slot: the task would neither run nor be acknowledged."""
    waiting.terminate(pool())
    waiting.on_accepted(1, 0.0)

    assert waiting.time_start
