"""Temporal for real: workers from rendered settings, tasks by name from another process, in both modes."""

import asyncio
import time
from datetime import timedelta

import pytest

from task_abstraction import BackendUnavailable, ResultTimeout, TaskFailed, TaskNotFound, TaskNotRegistered, TaskStatus
from task_abstraction.capabilities import WORKER_METRICS
from tests.acceptance.temporal_support import DOCUMENT, Fleet, new_namespace, producing
from tests.support.servers import free_port
from tests.support.workers import families, http_get, samples

pytestmark = pytest.mark.server
# Limits that a test can wait for; what is rendered from them is what production would get.
FAST = (
    "tiers.low.task.time_limit=4s",
    "tiers.low.task.soft_time_limit=null",
    "tiers.low.task.duration.p50=100ms",
    "tiers.low.task.duration.p99=2s",
    "tiers.low.retry.initial_delay=100ms",
    "tiers.api.retry.initial_delay=100ms",
)


@pytest.fixture(scope="module")
def fleet(temporal, tmp_path_factory) -> Fleet:
    """Settings for a namespace of this module."""
    return Fleet(temporal.address, new_namespace(temporal.address), tmp_path_factory.mktemp("fleet"), FAST)


@pytest.fixture(scope="module")
def api(fleet):
    """A worker of the tier api."""
    with fleet.worker("api") as running:
        yield running


@pytest.fixture(scope="module")
def low(fleet):
    """A worker of the tier low, which serves two queues."""
    with fleet.worker("low") as running:
        yield running


@pytest.fixture(params=["activity", "workflow"])
def producer(request, fleet):
    """A producer in each mode."""
    with producing(fleet, request.param) as backend:
        yield backend


async def there_and_back(backend, url):
    """Submit and read with the async twins."""
    task_id = await backend.asubmit("fetch_page", url)
    return await backend.aget_result(task_id, timeout=20), await backend.aget_result(task_id)


class TestResults:
    """What comes back."""

    @pytest.mark.usefixtures("api")
    def test_a_result_comes_back_with_its_record(self, producer):
        """A submit by name runs in the worker; result, attempts and times are read here."""
        done = producer.get_result(producer.submit("process_document", DOCUMENT), timeout=20)

        assert done.status is TaskStatus.COMPLETED
        assert done.task_name == "process_document"
        assert done.result[0]["keywords"] == ["hello", "world"]
        assert done.attempts == 1
        assert done.duration is not None
        assert done.duration < 10

    def test_an_async_body_runs(self, api, producer):
        """A coroutine function is a native async activity."""
        task_id = producer.submit("fetch_page", f"http://127.0.0.1:{api.port}/livez", timeout_s=5.0)

        assert "page.html" in producer.get_result(task_id, timeout=20).unwrap()

    @pytest.mark.usefixtures("api")
    def test_an_error_that_is_not_retryable_fails_at_once(self, producer):
        """Class and message of the body's own error arrive, after one attempt."""
        failed = producer.get_result(
            producer.submit("process_document", {"name": "a.exe", "content": "AAAA"}), timeout=20
        )

        assert failed.status is TaskStatus.FAILED
        assert failed.error == "UnreadableDocument: a.exe: no reader for '.exe'"
        assert failed.attempts == 1
        with pytest.raises(TaskFailed, match="Task process_document failed: UnreadableDocument"):
            failed.unwrap()

    @pytest.mark.usefixtures("api")
    def test_an_error_is_tried_again_as_often_as_declared(self, producer):
        """Three attempts are declared; the last error is the result."""
        failed = producer.get_result(producer.submit("process_document", {"name": "a", "path": "/nope"}), timeout=30)

        assert failed.error == "FileNotFoundError: [Errno 2] No such file or directory: '/nope'"
        assert failed.attempts == 3

    @pytest.mark.usefixtures("low")
    def test_a_task_that_outlives_its_limit_fails(self, producer):
        """The time limit of the profile ends each attempt."""
        task_id = producer.using(queue="default").submit("export_report", 600, seconds_per_page=0.1)
        began = time.monotonic()
        failed = producer.get_result(task_id, timeout=60)

        assert failed.error == "TimeLimitExceeded: an attempt ran longer than its time limit"
        assert failed.attempts == 3
        assert time.monotonic() - began > 3 * 4, "three attempts of four seconds each"

    @pytest.mark.usefixtures("api")
    def test_a_name_that_no_worker_knows_fails_with_a_reason(self, producer):
        """A worker answers for a task that it does not have, instead of leaving it to its timeout."""
        producer.declare("summarize_nothing", queue="api_processing")
        failed = producer.get_result(producer.submit("summarize_nothing"), timeout=60)

        assert failed.error == "TaskNotRegistered: Task 'summarize_nothing' not registered on this worker"

    def test_a_wait_that_runs_out_leaves_the_task_alone(self, api, producer):
        """ResultTimeout is about the wait: the task goes on to its end."""
        task_id = producer.submit("fetch_page", f"http://127.0.0.1:{api.port}/livez")
        slow = producer.using(delay=timedelta(seconds=2)).submit("process_document", DOCUMENT)
        with pytest.raises(ResultTimeout):
            producer.get_result(slow, timeout=0.2)

        assert producer.get_result(slow, timeout=20).status is TaskStatus.COMPLETED
        assert producer.get_result(task_id).status is TaskStatus.COMPLETED

    def test_unknown_ids_and_names_are_errors(self, producer):
        """The server knows which ids it has seen; a name is refused before anything is sent."""
        with pytest.raises(TaskNotFound):
            producer.get_result("no-such-id")
        with pytest.raises(TaskNotFound):
            producer.cancel("no-such-id")
        with pytest.raises(TaskNotRegistered):
            producer.submit("nobody_knows")

    @pytest.mark.usefixtures("api")
    def test_an_id_of_the_other_mode_is_found(self, fleet):
        """A change of mode does not orphan the tasks of before."""
        with producing(fleet, "activity") as one, producing(fleet, "workflow") as other:
            first, second = one.submit("process_document", DOCUMENT), other.submit("process_document", DOCUMENT)

            assert other.get_result(first, timeout=20).status is TaskStatus.COMPLETED
            assert one.get_result(second, timeout=20).status is TaskStatus.COMPLETED

    def test_async_twins_work_on_a_foreign_loop(self, api, producer):
        """The twins may be used from any running loop, one after the other."""
        for _ in range(2):
            waited, looked = asyncio.run(there_and_back(producer, f"http://127.0.0.1:{api.port}/livez"))
            assert waited == looked
            assert waited.is_completed


class TestServing:
    """What a worker shows."""

    def test_every_declared_metric_is_served_and_counts(self, api, fleet):
        """Names are the constant list; the wait is measured from the submit."""
        with producing(fleet) as producer:
            producer.get_result(producer.submit("process_document", DOCUMENT), timeout=20)

        assert families(api.get("/metrics")[1]) == set(WORKER_METRICS)
        assert api.sum_of("task_succeeded_total", task="process_document", queue="api_processing", tier="api") >= 1
        assert api.sum_of("task_queue_wait_seconds_count", task="process_document") >= 1
        assert api.sum_of("task_worker_slots") == 8

    def test_sdk_metrics_have_the_names_and_buckets_of_the_rules(self, fleet):
        """The three flags and the buckets of the settings reach the SDK: seconds, unit and _total."""
        port = str(free_port())
        with fleet.worker("high", TASK_SDK_METRICS_PORT=port), producing(fleet) as producer:
            producer.get_result(producer.submit("answer_question", "One. Two two.", "two"), timeout=20)
            text = http_get(int(port), "/metrics")[1]

        names = families(text)
        assert {"temporal_num_pollers", "temporal_worker_task_slots_available"} <= names
        assert "temporal_request_total" in names
        buckets = [name for name in samples(text) if name.startswith("temporal_activity_execution_latency_seconds_b")]
        assert {name.partition('le="')[2].rstrip('"}') for name in buckets} >= {"0.12", "2.5", "50", "60"}
        waits = [name for name in samples(text) if name.startswith("temporal_activity_schedule_to_start_latency_sec")]
        assert any('le="600"' in name for name in waits)

    def test_two_queues_share_the_slots_of_the_process(self, temporal, tmp_path):
        """A process with two slots and two queues runs at most one task more than its slots, and starves no queue."""
        fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path)
        with fleet.worker("low") as running, producing(fleet) as producer:
            busy = [producer.submit("export_report", 1, seconds_per_page=1.0) for _ in range(6)]
            other = producer.using(queue="default").submit("export_report", 1)
            most = 0.0
            while not all(producer.get_result(task_id).is_finished for task_id in (*busy, other)):
                most = max(most, running.sum_of("task_worker_slots_busy"))
                time.sleep(0.05)

        assert 2 <= most <= 3

    def test_an_absent_server_is_an_outage(self, tmp_path):
        """No server: BackendUnavailable with the address, and never a failed task."""
        absent = Fleet(f"127.0.0.1:{free_port()}", "default", tmp_path)
        with producing(absent) as producer:
            with pytest.raises(BackendUnavailable, match=absent.address):
                producer.submit("process_document", DOCUMENT)
            assert not producer.check_health().ready

    def test_a_missing_namespace_is_an_outage_too(self, fleet, tmp_path):
        """NOT_FOUND of a namespace says nothing about an id."""
        absent = Fleet(fleet.address, "nowhere", tmp_path)
        with producing(absent) as producer, pytest.raises(BackendUnavailable, match="Namespace nowhere is not found"):
            producer.get_result("some-id")
