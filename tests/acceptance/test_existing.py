"""An application that imports nothing of ours, deployed from a profile: what is rendered, on real brokers."""

import asyncio
import json
import signal
import uuid

import kombu
import pytest

from task_abstraction.config import BackendConfig, WorkerPlan
from tests.acceptance.celery_support import rabbitmq_broker, redis_broker
from tests.acceptance.existing_support import QUEUE, Shop, producer_of, render
from tests.support.servers import wait_until
from tests.support.workers import Running

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def shop(request, redis, tmp_path_factory):
    """The rendered fleet on one broker."""
    folder = tmp_path_factory.mktemp(request.param)
    on_redis = request.param == "redis"
    broker = redis_broker(redis) if on_redis else rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)
    with producer_of(broker) as producer:
        yield Shop(broker, render(folder / "out", broker), str(folder / "database"), producer)


@pytest.fixture(scope="module")
def orders(shop, tmp_path_factory) -> Running:
    """A worker of tier `orders`, by its rendered command."""
    with shop.fleet.worker("orders", tmp_path_factory.mktemp("orders"), SHOP_DATABASE=shop.database) as running:
        yield running


def publish(shop, body, headers):
    """Publish a message as a broken producer might."""
    with kombu.Connection(shop.broker.url) as connection, connection.channel() as channel:
        target = shop.producer.amqp.queues[QUEUE](channel)
        kombu.Producer(channel).publish(
            body,
            exchange=target.exchange,
            routing_key=target.routing_key,
            headers=headers,
            content_type="application/json",
            content_encoding="utf-8",
        )


class TestExisting:
    """What the application is given; the last test stops the worker."""

    def test_health_metrics_and_logs(self, shop, orders):
        """Probes answer, a task is counted under the names of our own workers, and its log lines carry its id."""
        task = shop.submit("charge", "o1", 5.0)

        assert task.get(timeout=60) == {"order": "o1", "charged": 5.0}
        assert [orders.get(path)[0] for path in ("/livez", "/startupz", "/readyz")] == [200, 200, 200]
        wait_until(lambda: orders.sum_of("task_succeeded_total", task="orders.tasks.charge", queue=QUEUE) == 1)
        assert orders.sum_of("task_worker_slots", tier="orders") == 4
        assert orders.sum_of("task_worker_plan_differences") == 0, orders.text()
        lines = [json.loads(line) for line in orders.text().splitlines() if line.startswith('{"time"')]
        (said,) = [line for line in lines if line["message"] == "charging o1"]
        assert (said["task_id"], said["task"], said["queue"]) == (task.id, "orders.tasks.charge", QUEUE)
        assert not any("'charged': 5.0" in line["message"] for line in lines), "results do not belong into logs"

    def test_failures_and_unknown_names_are_kept(self, shop, orders):
        """What plain Celery would only log or throw away lies in the dead letter, and is counted."""
        failed = shop.submit("charge", "o2", -1.0)
        unknown = shop.submit("of_tomorrow")
        unreadable = str(uuid.uuid4())
        publish(shop, b"{", {"task": "orders.tasks.charge", "id": unreadable})

        letters = [shop.letter_of(task_id) for task_id in (failed.id, unknown.id, unreadable)]

        assert [letter.reason for letter in letters] == ["error", "invalid", "invalid"]
        assert letters[0].error == "ValueError: order o2 has nothing to charge: -1.0"
        assert "is not registered in this worker" in letters[1].error
        assert orders.sum_of("task_dead_lettered_total", queue=QUEUE) == 3

    @pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # Celery 5.7 calls it
    def test_a_dead_letter_runs_again(self, shop, orders):
        """Replayed after the cause is gone, the task of the application completes under its id."""
        early = shop.submit("ship", "o3")
        letter = shop.letter_of(early.id)
        shop.submit("charge", "o3", 7.0).get(timeout=60)
        operator = shop.broker.producer()
        sent = operator.dead_letters().replay(QUEUE, lambda found: found.id == early.id)
        operator.close()

        assert (letter.attempts, letter.error) == (2, "LookupError: order o3 is not charged")
        assert [again.id for again in sent] == [early.id]
        wait_until(lambda: shop.producer.AsyncResult(early.id).state == "SUCCESS", what="the replayed task")
        assert orders.sum_of("task_retried_total", task="orders.tasks.ship") == 1

    def test_sigterm_lets_a_running_task_finish(self, shop, orders):
        """A stop is not ready, finishes the task and ends with 0."""
        shop.submit("charge", "o4", 1.0).get(timeout=60)
        # Its result is there before it is counted: the worker would be stopped before the next task has begun.
        wait_until(lambda: orders.sum_of("task_worker_slots_busy") == 0, what="the first task to be counted")
        task = shop.submit("ship", "o4", 3.0)
        wait_until(lambda: orders.sum_of("task_worker_slots_busy") == 1, what="the task to begin")
        orders.signal(signal.SIGTERM)
        wait_until(lambda: orders.get("/readyz")[0] == 503, what="not ready")

        assert orders.wait() == 0, orders.text()[-3000:]
        assert task.get(timeout=10) == "o4 is on its way"


def test_a_setting_that_could_lose_work_keeps_production_from_being_ready(redis, tmp_path):
    """Planned late, running early: the worker says it, counts it, works, and is not ready; here on threads."""
    broker = redis_broker(redis)
    threads = ["tiers.orders.pool=threads", "tiers.orders.task.soft_time_limit=null"]
    fleet = render(tmp_path / "out", broker, *threads)
    database = {"SHOP_DATABASE": str(tmp_path / "database"), "SHOP_ACKS_LATE": "no"}
    with producer_of(broker) as producer, fleet.worker("orders", tmp_path, ready=False, **database) as worker:
        status, answer = worker.get("/readyz")
        failed = producer.send_task("orders.tasks.charge", ["o5", 0.0], queue=QUEUE)
        letter = Shop(broker, fleet, "", producer).letter_of(failed.id)
        said = worker.text()

    assert (status, letter.reason) == (503, "error")
    assert json.loads(answer)["checks"]["plan"] == (
        "acknowledgement of task orders.tasks.charge: planned late, running early: a worker that is killed loses the "
        "tasks that it runs and holds; set task_acks_late = True in the application, or "
        "tiers.orders.task.idempotent: false (and 1 more)"
    )
    assert "acknowledgement of task orders.tasks.ship: planned late, running early" in said


def test_the_backlog_of_a_temporal_worker_of_others_is_counted(temporal):
    """Workflows that the library knows nothing of wait in their queue: the exporter's source sees them."""
    from temporalio.client import Client

    from task_abstraction.backends.temporal.backend import TemporalBackend

    host, _, port = temporal.address.partition(":")
    config = BackendConfig("temporal", {"host": host, "port": int(port), "namespace": "default"})
    backend = TemporalBackend(config, plan=WorkerPlan(kind="command"))

    async def start(count):
        client = await Client.connect(temporal.address)
        for number in range(count):
            await client.start_workflow("Theirs", id=f"theirs-{uuid.uuid4()}-{number}", task_queue="theirs")

    try:
        asyncio.run(start(3))
        wait_until(lambda: backend.queue_stats(["theirs"])["theirs"].waiting == 3, what="the backlog")
        told = backend.queue_stats(["theirs", "empty"])
    finally:
        backend.close()

    assert (told["theirs"].consumers, told["theirs"].in_flight) == (0, None)
    assert (told["empty"].waiting, told["empty"].oldest_age_s) == (0, 0.0)
