"""Celery on real brokers: submit by name from another process, results, states, shutdown, outages."""

import contextlib
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from task_abstraction import (
    BackendUnavailable,
    Call,
    ResultTimeout,
    TaskFailed,
    TaskNotFound,
    TaskNotRegistered,
    TaskStatus,
)
from task_abstraction.capabilities import WORKER_METRICS
from task_abstraction.models import SubmitOptions
from tests.acceptance.celery_support import QUEUES, Broker, rabbitmq_broker, redis_broker, write_settings
from tests.support import servers
from tests.support.servers import free_port, wait_until
from tests.support.workers import families, running, worker

pytestmark = pytest.mark.server


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request, redis) -> Broker:
    """Each broker that is supported, one after the other."""
    if request.param == "redis":
        return redis_broker(redis)
    return rabbitmq_broker(request.getfixturevalue("rabbitmq"), redis)


@pytest.fixture
def producer(broker):
    """A backend in this process that submits by name: the functions live in the worker."""
    backend = broker.producer()
    yield backend
    backend.close()


class TestRunning:
    """A worker that runs."""

    def test_results_and_failures_come_back(self, broker, producer, tmp_path):
        """A submit by name runs in the worker; result, error, attempts and times are read here."""
        with worker(broker.environment(), tmp_path, "--queues", QUEUES, "--concurrency", "2") as running_worker:
            good = producer.submit("process_document", {"name": "a.txt", "content": "SGVsbG8gd29ybGQu"})
            bad = producer.submit("process_document", {"name": "a.exe", "content": "AAAA"})
            paged = producer.submit("fetch_page", f"http://127.0.0.1:{running_worker.port}/livez")

            done = producer.get_result(good, timeout=20)
            assert done.status == "completed"
            assert done.task_name == "process_document"
            assert done.result[0]["keywords"] == ["hello", "world"]
            assert done.attempts == 1
            assert done.duration is not None

            failed = producer.get_result(bad, timeout=20)
            assert failed.status == "failed"
            assert failed.error == "UnreadableDocument: a.exe: no reader for '.exe'"
            assert failed.attempts == 1, "the error is declared as not retryable"
            with pytest.raises(TaskFailed, match="Task process_document failed: UnreadableDocument"):
                failed.unwrap()

            assert "page.html" in producer.get_result(paged, timeout=20).unwrap(), "an async body runs"

            retried = producer.get_result(
                producer.submit("process_document", {"name": "a", "path": "/nope"}), timeout=30
            )
            assert retried.attempts == 3

    def test_every_declared_metric_is_served_and_counts(self, broker, producer, tmp_path):
        """The names are the constant list, series exist with 0 before the first event, and events move them."""
        with worker(broker.environment(), tmp_path, "--queues", QUEUES, "--concurrency", "3") as running_worker:
            assert families(running_worker.get("/metrics")[1]) == set(WORKER_METRICS)
            assert running_worker.sum_of("task_failed_total", task="process_document", reason="worker_lost") == 0
            assert running_worker.sum_of("task_worker_slots") == 3

            done = producer.submit("analyse_text", "a", "Good words. More words.")
            lost = producer.submit("process_document", {"name": "a.exe", "content": "AAAA"})
            producer.get_result(done, timeout=20)
            producer.get_result(lost, timeout=20)
            wait_until(lambda: running_worker.sum_of("task_failed_total", task="process_document") == 1, timeout_s=10)

            for name in ("task_started_total", "task_succeeded_total", "task_queue_wait_seconds_count"):
                assert running_worker.sum_of(name, task="analyse_text", queue="api_processing") == 1
            assert running_worker.sum_of("task_failed_total", reason="error") == 1
            assert running_worker.sum_of("task_worker_slots_busy") == 0

    def test_states_are_honest(self, producer):
        """Queued is pending, an unknown id is an error, an unknown name is refused, a wait that runs out says so."""
        queued = producer.submit("export_report", 1)

        assert producer.get_result(queued).status is TaskStatus.PENDING
        with pytest.raises(TaskNotFound):
            producer.get_result("2b2f6d0e-0000-4000-8000-000000000000")
        with pytest.raises(TaskNotRegistered, match="Task 'exprot_report' not registered"):
            producer.submit("exprot_report", 1)
        with pytest.raises(ResultTimeout):
            producer.get_result(queued, timeout=0.2)

    def test_a_cancelled_task_never_runs(self, broker, producer, tmp_path):
        """A task that is cancelled while it waits is cancelled at once, and counted when its turn would come."""
        with worker(broker.environment(), tmp_path, "--queues", "low_priority", "--concurrency", "1") as running_worker:
            blocking = producer.submit("export_report", 1, seconds_per_page=2.0)
            wait_until(lambda: producer.get_result(blocking).is_running, timeout_s=10)
            waiting = producer.submit("export_report", 1)
            producer.cancel(waiting)

            assert producer.get_result(waiting, timeout=20).status is TaskStatus.CANCELLED
            wait_until(lambda: running_worker.sum_of("task_failed_total", reason="cancelled") == 1, timeout_s=20)
            assert running_worker.sum_of("task_started_total") == 1

    def test_a_delay_is_kept(self, broker, producer, tmp_path):
        """A delayed task starts no sooner, and its wait is counted from the moment when it was due."""
        with worker(broker.environment(), tmp_path, "--queues", "low_priority") as running_worker:
            began = time.time()
            delayed = producer.using(delay=timedelta(seconds=2)).submit("export_report", 1)
            result = producer.get_result(delayed, timeout=20)

            assert result.started_at.timestamp() - began >= 2
            assert running_worker.sum_of("task_queue_wait_seconds_sum") < 1.5

    def test_threads_serve_too(self, broker, producer, tmp_path):
        """Pool threads runs tasks side by side in one process."""
        settings = write_settings(tmp_path, {"pool": "threads", "concurrency": 4})
        with worker(broker.environment(**settings), tmp_path, "--queues", "low_priority") as running_worker:
            began = time.monotonic()
            ids = [producer.submit("export_report", 1, seconds_per_page=1.0) for _ in range(4)]
            for task_id in ids:
                assert producer.get_result(task_id, timeout=20).is_completed

            assert time.monotonic() - began < 3.5, "four tasks of 1 s overlap"
            wait_until(lambda: running_worker.sum_of("task_succeeded_total") == 4, timeout_s=5)

    def test_a_hard_time_limit_counts_once(self, broker, producer, tmp_path):
        """A task that outlives its limit fails with reason time_limit, once, and the slot is free again."""
        settings = write_settings(tmp_path, {"task": {"time_limit_s": 1}})
        with worker(broker.environment(**settings), tmp_path, "--queues", "low_priority") as running_worker:
            late = producer.submit("export_report", 1, seconds_per_page=30.0)
            result = producer.get_result(late, timeout=20)

            assert result.status == "failed"
            assert "TimeLimitExceeded" in result.error
            time.sleep(2)  # the lost child is reported a second time
            assert running_worker.sum_of("task_failed_total") == 1
            assert running_worker.sum_of("task_failed_total", reason="time_limit") == 1
            assert running_worker.sum_of("task_worker_slots_busy") == 0


@pytest.mark.parametrize("pool", ["gevent", "solo"])
def test_a_pool_of_one_process_runs_counts_and_keeps(redis, tmp_path, pool):
    """Celery patches nothing for our command and tells solo that it is a child: tasks never ran, or were not kept."""
    broker = redis_broker(redis)
    slots = 2 if pool == "gevent" else 1
    settings = write_settings(tmp_path, {"pool": pool, "concurrency": slots, "task": {"time_limit_s": 3}})
    with (
        contextlib.closing(broker.producer()) as producer,
        worker(broker.environment(**settings), tmp_path, "--queues", "low_priority") as running_worker,
    ):
        done = [producer.submit("export_report", 1, seconds_per_page=0.2) for _ in range(slots)]
        assert all(producer.get_result(task_id, timeout=60).is_completed for task_id in done)
        bad = producer.submit("export_report", "many")
        late = producer.submit("export_report", 1, seconds_per_page=30.0) if pool == "gevent" else None
        kept = {bad: "error"} if late is None else {bad: "error", late: "time_limit"}
        for task_id in kept:
            assert producer.get_result(task_id, timeout=60).status == "failed"

        wait_until(lambda: running_worker.sum_of("task_dead_lettered_total") == len(kept), what="the count of letters")
        assert running_worker.sum_of("task_succeeded_total") == slots
        assert {letter.id: letter.reason for letter in producer.dead_letters().read("low_priority")} == kept


def connections_to(port: int) -> int:
    """Established TCP connections of this process to a port of this machine."""
    own = {link.readlink().name for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[2].split(":")[1], 16) == port and f"socket:[{row[9]}]" in own for row in rows)


def test_a_closed_backend_keeps_no_connection(broker, producer):
    """Celery itself would leave the connections of its pool open for the life of the process."""
    before = connections_to(broker.server.port)
    task_id = producer.submit("fetch_page", "http://127.0.0.1:1")
    producer.get_result(task_id)
    producer.cancel(task_id)
    used = connections_to(broker.server.port)
    producer.close()

    assert used > before
    assert connections_to(broker.server.port) <= before


@pytest.mark.timeout(60)
def test_a_closed_backend_leaves_room_for_the_next(broker):
    """All backends of a process share kombu's pool: one that took its places along would hang every later submit."""
    for _ in range(3):
        with contextlib.closing(broker.producer()) as backend:
            task_id = backend.submit("fetch_page", "http://127.0.0.1:1")

            assert backend.get_result(task_id).status == "pending"


class TestOutages:
    """A broker that is not there."""

    def test_no_broker_is_an_error_not_a_result(self, broker):
        """Submit and read raise `BackendUnavailable` soon; nothing pretends to be pending."""
        closed = Broker(broker.kind, _closed(broker.url), broker.results, broker.server)
        backend = closed.producer()
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1") as caught:
            backend.submit("export_report", 1)
        assert time.monotonic() - began < 15
        assert "guest:guest" not in str(caught.value)

    def test_no_result_store_is_an_error(self, redis):
        """A read from a store that is away is an outage, not an unknown id."""
        broker = redis_broker(redis)
        backend = Broker("redis", broker.url, f"redis://127.0.0.1:{free_port()}/0", broker.server).producer()
        began = time.monotonic()
        with pytest.raises(BackendUnavailable):
            backend.get_result("2b2f6d0e-0000-4000-8000-000000000000")
        assert time.monotonic() - began < 15

    def test_a_failed_publish_leaves_no_marker(self, broker):
        """After a failed submit its id is unknown, not pending for ever."""
        closed = Broker(broker.kind, _closed(broker.url), broker.results, broker.server)
        backend = closed.producer()
        submission = backend.prepare("export_report", Call((1,)), SubmitOptions())
        with pytest.raises(BackendUnavailable):
            backend._send(submission)  # noqa: SLF001 - the id is known only to it

        with pytest.raises(TaskNotFound):
            broker.producer().get_result(submission.task_id)

    @pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
    def test_a_worker_survives_a_broker_restart(self, kind, redis, request, tmp_path):
        """While the broker is away the worker is live and not ready; afterwards it serves again without a restart."""
        request.getfixturevalue(kind)  # skips where there is none; the one to be ended is our own
        with contextlib.ExitStack() as stack:
            if kind == "redis":
                broker = redis_broker(stack.enter_context(servers.redis()))
            else:
                broker = rabbitmq_broker(stack.enter_context(servers.rabbitmq()), redis)
            running_worker = stack.enter_context(worker(broker.environment(), tmp_path, "--queues", "low_priority"))
            backend = broker.producer()
            assert backend.get_result(backend.submit("export_report", 1), timeout=20).is_completed

            broker.server.stop()
            wait_until(lambda: running_worker.get("/readyz")[0] == 503, timeout_s=20)
            assert running_worker.get("/livez")[0] == 200
            broker.server.start()
            running_worker.wait_ready()
            assert backend.get_result(backend.submit("export_report", 1), timeout=30).is_completed


def _closed(url):
    parts = urlsplit(url)
    return url.replace(f":{parts.port}", f":{free_port()}")


def test_a_typed_application_runs_end_to_end(redis, tmp_path):
    """The example's own producer sends a file through the pipeline, with dataclasses on both sides."""
    broker = redis_broker(redis)
    document = tmp_path / "note.html"
    document.write_text(
        "<html><head><title>x</title></head><body><p>Queues smooth load. Queues hide load.</p></body></html>"
    )
    with worker(broker.environment(), tmp_path, "--queues", QUEUES):
        with running(["docflow.submit", str(document)], broker.environment(), tmp_path, port=0) as command:
            assert command.wait() == 0, command.text()
        assert command.text().splitlines()[0] == "note.html: queues, load, smooth, hide"


def test_no_secret_reaches_the_log(tmp_path):
    """The password of the broker's URL is in no line that a worker writes, neither at start nor on failure."""
    secret = "s3cr3t-p4ss"  # noqa: S105 - that it is hidden is what the test shows
    url = f"redis://:{secret}@127.0.0.1:{free_port()}/0"
    environment = {"TASK_BACKEND_TYPE": "celery", "CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
    flags = ["task_abstraction.worker", "--queues", "low_priority", "--app", "docflow.tasks"]
    with running([*flags, "--dry-run"], environment, tmp_path, port=0) as dry:
        assert dry.wait() == 0
    with running([*flags, "--check"], environment, tmp_path, port=1) as check:
        assert check.wait() == 1
    with running(flags, environment, tmp_path, port=2) as unreachable:
        wait_until(lambda: "Cannot connect" in unreachable.text(), timeout_s=20, what="connection error in the log")
    for text in (dry.text(), check.text(), unreachable.text()):
        assert secret not in text
        assert "***" in text
