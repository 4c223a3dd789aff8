"""The exporter against a real backlog, and beat from rendered settings."""

import time
from datetime import timedelta

import pytest

from task_abstraction.capabilities import EXPORTER_METRICS, QUEUE_GAUGES
from tests.acceptance.celery_support import rabbitmq_broker, redis_broker, write_settings
from tests.support import servers
from tests.support.servers import wait_until
from tests.support.workers import exporter, families, running, worker

pytestmark = pytest.mark.server


@pytest.mark.parametrize("prefix", ["", "tenant1:"], ids=["plain keys", "prefixed keys"])
def test_redis_backlog_is_seen_whole(redis, tmp_path, prefix):
    """Waiting sums the priority lists, in flight counts what a worker holds, the age is that of the oldest."""
    broker = redis_broker(redis)
    transport = {"global_keyprefix": prefix} if prefix else {}
    config = f"\ntask_acks_late = True\nbroker_transport_options = {transport!r}\n"
    settings = broker.environment(**write_settings(tmp_path, {}, celeryconfig=config))
    producer = broker.producer(broker_transport_options=transport)
    for priority in (None, 0, 3, 6, 9, 9):
        bound = producer if priority is None else producer.using(priority=priority)
        bound.submit("export_report", 1, seconds_per_page=4.0)
    time.sleep(1.0)
    with exporter(settings, tmp_path) as probe:
        assert families(probe.get("/metrics")[1]) == set(EXPORTER_METRICS)
        assert probe.sum_of("task_queue_depth", queue="low_priority", tier="low", backend="celery") == 6
        assert probe.json("/scaling/low") == {"waiting": 6, "in_flight": 0, "outstanding": 6}
        assert probe.sum_of("task_queue_oldest_age_seconds") >= 1.0
        assert probe.sum_of("task_queue_consumers") == 0

        with worker(settings, tmp_path, "--queues", "low_priority"):
            wait_until(lambda: probe.json("/scaling/low")["in_flight"] == 1, timeout_s=15, what="in flight")
            assert probe.json("/scaling/low")["outstanding"] == 6
            wait_until(lambda: probe.sum_of("task_queue_consumers") == 1, timeout_s=10, what="a consumer")


def test_a_delayed_task_is_not_in_flight(redis, tmp_path):
    """A worker holds it until its eta, and no further worker is needed for that."""
    broker = redis_broker(redis)
    settings = broker.environment(**write_settings(tmp_path, {}, celeryconfig="\ntask_acks_late = True\n"))
    with worker(settings, tmp_path, "--queues", "low_priority"), exporter(settings, tmp_path) as probe:
        broker.producer().using(delay=timedelta(seconds=60)).submit("export_report", 1)
        time.sleep(3)
        assert probe.json("/scaling/low") == {"waiting": 0, "in_flight": 0, "outstanding": 0}


def test_rabbitmq_backlog_is_seen(redis, rabbitmq, tmp_path):
    """Ready messages come from the broker; unacknowledged ones from the management API."""
    broker = rabbitmq_broker(rabbitmq, redis)
    settings = broker.environment(**write_settings(tmp_path, {}, celeryconfig="\ntask_acks_late = True\n"))
    producer = broker.producer()
    for _ in range(3):
        producer.submit("export_report", 1, seconds_per_page=8.0)
    with exporter(settings, tmp_path) as probe, worker(settings, tmp_path, "--queues", "low_priority"):
        wait_until(lambda: probe.json("/scaling/low")["waiting"] == 2, timeout_s=15, what="waiting")
        assert probe.sum_of("task_queue_consumers") == 1
        # The statistics of the management API are 5 s old at most.
        wait_until(lambda: probe.json("/scaling/low")["in_flight"] == 1, timeout_s=15, what="in flight")


def test_rabbitmq_without_management_says_nothing_of_in_flight(redis, rabbitmq, tmp_path):
    """What cannot be told is absent, never 0."""
    broker = rabbitmq_broker(rabbitmq, redis)
    settings = broker.environment(**write_settings(tmp_path, {}))
    del settings["TASK_CELERY_MANAGEMENT_URL"]
    with exporter(settings, tmp_path) as probe:
        assert probe.json("/scaling/low") == {"waiting": 0}
        assert not [series for series in probe.metrics() if series.startswith("task_queue_in_flight")]


def test_a_blind_exporter_says_so(tmp_path):
    """Broker away: gauges dropped, task_backend_up 0, /scaling 503, still live; back again by itself."""
    with servers.redis() as own:
        settings = redis_broker(own).environment(**write_settings(tmp_path, {}))
        with exporter(settings, tmp_path) as probe:
            assert probe.sum_of("task_backend_up") == 1
            assert probe.get("/scaling/nope")[0] == 404
            own.server.stop()
            wait_until(lambda: probe.get("/scaling/low")[0] == 503, timeout_s=20, what="blind")

            found = {series.partition("{")[0] for series in probe.metrics()}
            assert not found & set(QUEUE_GAUGES)
            assert probe.sum_of("task_backend_up") == 0
            assert probe.sum_of("task_backend_errors_total") >= 1
            assert probe.get("/livez")[0] == 200

            own.server.start()
            wait_until(lambda: probe.get("/scaling/low")[0] == 200, timeout_s=20, what="sight")
            assert probe.json("/scaling/low")["waiting"] == 0


def test_a_scrape_is_quick(redis, tmp_path):
    """A scrape answers from the last poll in under 100 ms."""
    settings = redis_broker(redis).environment(**write_settings(tmp_path, {}))
    with exporter(settings, tmp_path) as probe:
        probe.get("/metrics")
        took = []
        for _ in range(20):
            began = time.monotonic()
            assert probe.get("/metrics")[0] == 200
            took.append(time.monotonic() - began)
        assert sorted(took)[10] < 0.1


def test_beat_sends_what_the_plan_schedules(redis, tmp_path):
    """`celery -A task_abstraction.backends.celery.app beat` works from rendered settings, and the exporter sees it."""
    broker = redis_broker(redis)
    schedule = {"task": "cleanup_documents", "every_s": 1, "queue": "low_priority", "kwargs": {"older_than_s": 60}}
    settings = broker.environment(**write_settings(tmp_path, {}, schedules={"tidy": {**schedule, "expires_s": 30}}))
    beat = [
        "celery",
        "-A",
        "task_abstraction.backends.celery.app",
        "beat",
        "--schedule",
        str(tmp_path / "beat"),
        "--pidfile=",
    ]
    with worker(settings, tmp_path, "--queues", "low_priority") as running_worker:
        with running(beat, settings, tmp_path, port=0) as scheduler:
            wait_until(
                lambda: running_worker.sum_of("task_succeeded_total", task="cleanup_documents") >= 2, timeout_s=30
            )
            assert scheduler.process.poll() is None
        assert running_worker.sum_of("task_queue_wait_seconds_count", task="cleanup_documents") >= 2
        with exporter(settings, tmp_path) as probe:
            sent = probe.sum_of("task_schedule_last_sent_timestamp_seconds", schedule="tidy")
            assert time.time() - sent < 30
