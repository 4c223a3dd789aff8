"""Which queue a request is counted for."""

import uuid
from types import SimpleNamespace

import pytest
from celery import Celery
from kombu import Queue
from kombu.message import Message

from task_abstraction.backends.celery.queues import ServedQueues
from task_abstraction.backends.celery.request import MeteredRequest, measure_with, serving
from task_abstraction.runtime.worker_metrics import WorkerMetrics

BUCKETS = {"duration_buckets": (1.0,), "wait_buckets": (1.0,)}


def consumer_with(tags):
    """A consumer of two queues that share a routing key: only its tags tell them apart."""
    queues = [Queue("orders", routing_key="shop"), Queue("mails", routing_key="shop")]
    return ServedQueues(SimpleNamespace(queues=queues, _active_tags=tags))


@pytest.fixture
def app():
    """An application with one task."""
    made = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)

    @made.task(name="charge", shared=False)
    def charge():
        """Do nothing."""

    yield made
    made.close()


def test_a_task_that_outlives_its_connection_ends_where_it_began(app):
    """The tags of the consumer after a reconnection are others: they would count its end for another queue."""
    metrics = WorkerMetrics(backend="celery", tier="orders", slots=1, pool="prefork", **BUCKETS)
    measure_with(app, metrics)
    serving(app, consumer_with({"orders": "1", "mails": "2"}))
    headers = {"task": "charge", "id": str(uuid.uuid4())}
    info = {"routing_key": "shop", "consumer_tag": "2"}
    message = Message(body=([], {}, {}), headers=headers, delivery_info=info)
    request = MeteredRequest(message, on_ack=lambda *_: None, app=app, task=app.tasks["charge"], decoded=True)

    request.on_accepted(1, 0.0)
    serving(app, consumer_with({"orders": "2", "mails": "1"}))
    request.on_timeout(soft=False, timeout=1)

    begun_and_ended = [line for line in metrics.registry.render().splitlines() if 'queue="' in line]
    assert len(begun_and_ended) > 1
    assert [line for line in begun_and_ended if 'queue="orders"' in line] == []
