"""Options of a submit on a real Temporal server, in both modes."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from task_abstraction import TaskStatus
from tests.acceptance.temporal_support import DOCUMENT, Fleet, new_namespace, producing
from tests.support.servers import wait_until

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def fleet(temporal, tmp_path_factory) -> Fleet:
    """Settings for a namespace of this module."""
    return Fleet(temporal.address, new_namespace(temporal.address), tmp_path_factory.mktemp("fleet"))


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


@pytest.mark.usefixtures("low")
def test_pending_and_running_are_told_apart(producer):
    """A task that nobody polls for is pending; one in the hands of a worker is running."""
    waiting = producer.using(queue="file_processing").submit("export_report", 1)
    task_id = producer.using(queue="default").submit("export_report", 1, seconds_per_page=2.0)
    wait_until(lambda: producer.get_result(task_id).is_running, timeout_s=10, what="running")

    assert producer.get_result(task_id).attempts == 1
    assert producer.get_result(waiting).status is TaskStatus.PENDING
    assert producer.get_result(waiting).attempts == 0
    assert producer.get_result(task_id, timeout=10).is_completed
    producer.cancel(waiting)


@pytest.mark.usefixtures("api")
def test_a_delay_is_kept(producer):
    """The server holds a delayed task back, and it is pending until then."""
    began = datetime.now(UTC)
    task_id = producer.using(delay=timedelta(seconds=2)).submit("process_document", DOCUMENT)
    assert producer.get_result(task_id).status is TaskStatus.PENDING

    done = producer.get_result(task_id, timeout=20)
    assert done.started_at >= began + timedelta(seconds=2)


@pytest.mark.usefixtures("api")
def test_one_key_runs_one_task(producer):
    """A key that was used before gives the id that it has, also after the task has ended."""
    bound = producer.using(idempotency_key=f"key-{time.time_ns()}")
    first = bound.submit("process_document", DOCUMENT)
    assert bound.submit("process_document", DOCUMENT) == first
    done = producer.get_result(first, timeout=20)
    again = bound.submit("process_document", DOCUMENT)

    assert again == first
    assert producer.get_result(again) == done


def test_a_task_that_nobody_takes_in_time_expires(fleet):
    """The deadline counts from the submit, and an expired task has failed."""
    with producing(fleet, "activity") as producer:
        bound = producer.using(queue="file_processing", expires=timedelta(seconds=1))
        failed = producer.get_result(bound.submit("export_report", 1), timeout=20)

    assert failed.status is TaskStatus.FAILED
    assert failed.error == "Expired: no worker took the task before its deadline"


@pytest.mark.usefixtures("low")
def test_a_task_in_a_workflow_expires_too(fleet):
    """The workflow checks the deadline itself: it may have waited for a worker before its activity did."""
    with producing(fleet, "workflow") as producer:
        bound = producer.using(queue="medium_priority", expires=timedelta(seconds=1))
        task_id = bound.submit("export_report", 1)
        time.sleep(1.2)
        with fleet.worker("medium"):
            failed = producer.get_result(task_id, timeout=20)

    assert failed.error == "Expired: no worker took the task before its deadline"


def test_a_priority_orders_a_backlog(temporal, tmp_path):
    """1 is the most urgent; the order holds within each of the four partitions of a queue, so overall in the mean."""
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path, ("tiers.high.concurrency=1",))
    with producing(fleet, "activity") as producer:
        submitted = [
            (key, producer.using(priority=key, queue="high_priority").submit("export_report", 1)) for key in (5, 1) * 12
        ]
        with fleet.worker("high"):
            started = [(producer.get_result(task_id, timeout=30).started_at, key) for key, task_id in submitted]

    order = [key for _, key in sorted(started)]
    rank = {key: sum(place for place, found in enumerate(order) if found == key) / 12 for key in (1, 5)}
    assert rank[1] < rank[5] - 2, order


def test_a_priority_out_of_range_is_refused(producer):
    """The server would take it, and silently do something else."""
    with pytest.raises(ValueError, match=r"priority 9 is not 1 \(most urgent\) to 5"):
        producer.using(priority=9).submit("export_report", 1)


def test_a_pending_task_is_cancelled(producer, fleet):
    """A task that waits is cancelled; cancelling twice is no error."""
    task_id = producer.using(delay=timedelta(hours=1), queue="high_priority").submit("export_report", 1)
    producer.cancel(task_id)
    if producer.config.connection_params["mode"] == "workflow":
        # A workflow is cancelled by a worker; a delayed one begins at once for it.
        with fleet.worker("high"):
            assert producer.get_result(task_id, timeout=20).status is TaskStatus.CANCELLED
    else:
        assert producer.get_result(task_id).status is TaskStatus.CANCELLED
    producer.cancel(task_id)


def test_a_payload_beyond_the_limit_is_refused(producer):
    """The server's limit is an error of the submit, not an outage."""
    with pytest.raises(ValueError, match="Payloads are limited to 2 MB"):
        producer.submit("process_document", {"name": "a", "content": "A" * 2_300_000})


def test_a_delay_within_the_deadline_is_no_expiry(fleet, producer):
    """The deadline counts from the submit, the delay is part of it."""
    with pytest.raises(ValueError, match="it would expire before its delay is over"):
        producer.using(delay=timedelta(seconds=2), expires=timedelta(seconds=1)).submit("export_report", 1)
    bound = producer.using(queue="medium_priority", delay=timedelta(seconds=1), expires=timedelta(seconds=30))
    with fleet.worker("medium"):
        assert producer.get_result(bound.submit("export_report", 1), timeout=20).is_completed


@pytest.mark.parametrize("mode", ["activity", "workflow"])
def test_a_running_task_that_beats_is_cancelled(temporal, tmp_path, mode):
    """A beat brings the news, and a synchronous body is interrupted between two of its steps."""
    fleet = Fleet(temporal.address, new_namespace(temporal.address), tmp_path).beat("low", 3)
    with fleet.worker("low") as running, producing(fleet, mode) as producer:
        task_id = producer.submit("export_report", 600, seconds_per_page=0.1)
        wait_until(lambda: producer.get_result(task_id).is_running, timeout_s=10, what="running")
        producer.cancel(task_id)

        assert producer.get_result(task_id, timeout=10).status is TaskStatus.CANCELLED
        wait_until(lambda: running.sum_of("task_worker_slots_busy") == 0, timeout_s=5, what="a free slot")
        assert running.sum_of("task_failed_total", task="export_report", reason="cancelled") == 1
        assert running.sum_of("task_succeeded_total", task="export_report") == 0
