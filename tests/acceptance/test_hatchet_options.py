"""Hatchet for real: what the engine knows of a task, its cancel, and the options of a submit."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from task_abstraction import (
    Call,
    TaskNotFound,
    TaskNotRegistered,
    TaskStatus,
)
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.backends.hatchet.ids import delayed_id
from tests.acceptance.hatchet_support import Fleet, producing
from tests.support.servers import wait_until
from tests.support.workers import Running

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Fleet:
    """Settings and tasks of this module."""
    return Fleet(tmp_path_factory.mktemp("hatchet"))


@pytest.fixture(scope="module")
def file_worker(fleet) -> Iterator[Running]:
    """A worker of the tier file."""
    with fleet.worker("file") as running:
        yield running


@pytest.fixture(scope="module")
def high_worker(fleet) -> Iterator[Running]:
    """A worker of the tier high."""
    with fleet.worker("high") as running:
        yield running


@pytest.fixture(scope="module")
def producer(fleet, file_worker) -> Iterator[HatchetBackend]:
    """A producer, once workers have registered the tasks; the one of the tier low has ended again."""
    assert file_worker.pid
    with fleet.worker("low"):
        pass
    with producing(fleet) as backend:
        yield backend


class TestHonesty:
    """Seven different answers."""

    def test_a_name_that_no_worker_registered_is_refused(self, fleet, producer):
        """The engine would answer with an id, and lose the task."""
        producer.declare(fleet.name("nobody"), queue="file_processing")

        with pytest.raises(TaskNotRegistered, match="not registered\nThe engine would lose it"):
            producer.submit(fleet.name("nobody"))

    def test_an_unknown_id_is_unknown_soon(self, producer):
        """The SDK needs 16 s for the same answer."""
        began = time.monotonic()
        with pytest.raises(TaskNotFound):
            producer.get_result(str(uuid.uuid4()))
        with pytest.raises(TaskNotFound):
            producer.cancel(str(uuid.uuid4()))
        assert time.monotonic() - began < 2

    def test_an_unknown_delayed_id_is_unknown_soon(self, producer):
        """Neither a schedule nor a run has it."""
        with pytest.raises(TaskNotFound):
            producer.get_result(delayed_id(datetime.now(UTC) + timedelta(hours=1)))

    def test_a_delayed_task_that_was_cancelled_stays_known(self, fleet, producer):
        """The engine forgets a deleted schedule; another process still learns that the task was cancelled."""
        task_id = producer.using(delay=timedelta(hours=1)).submit(fleet.name("who"))
        producer.cancel(task_id)

        assert producer.get_result(task_id, timeout=20).status is TaskStatus.CANCELLED
        with producing(fleet) as other:
            seen = other.get_result(task_id)
            assert (seen.status, seen.task_name, seen.task_id) == (TaskStatus.CANCELLED, fleet.name("who"), task_id)
            other.cancel(task_id)

    def test_a_cancelled_task_is_cancelled(self, fleet, producer):
        """Before it began: at once."""
        task_id = producer.submit(fleet.name("work"), 60.0)
        producer.cancel(task_id)

        assert producer.get_result(task_id, timeout=20).status is TaskStatus.CANCELLED

    def test_a_running_coroutine_is_cancelled(self, fleet, file_worker, producer):
        """It ends, and counts as cancelled."""
        before = file_worker.sum_of("task_failed_total", task=fleet.name("endless"), reason="cancelled")
        task_id = producer.submit(fleet.name("endless"))
        wait_until(lambda: producer.get_result(task_id).is_running, timeout_s=10, what="running")
        producer.cancel(task_id)

        assert producer.get_result(task_id, timeout=20).status is TaskStatus.CANCELLED
        wait_until(
            lambda: file_worker.sum_of("task_failed_total", task=fleet.name("endless"), reason="cancelled") > before,
            timeout_s=10,
            what="counted",
        )


class TestOptions:
    """The options of `using`."""

    def test_a_delayed_task_is_found_again(self, fleet, producer):
        """Pending before it is due, then under the same id with its result: the engine forgets the schedule."""
        due = datetime.now(UTC) + timedelta(seconds=3)
        task_id = producer.using(eta=due).submit(fleet.name("who"))
        assert producer.get_result(task_id).status is TaskStatus.PENDING
        done = producer.get_result(task_id, timeout=60)

        assert done.unwrap()["id"] == task_id
        assert datetime.now(UTC) >= due
        assert producer.get_result(task_id).task_id == task_id

    def test_an_eta_of_the_past_runs_at_once(self, fleet, producer):
        """There is nothing to wait for."""
        task_id = producer.using(eta=datetime.now(UTC) - timedelta(hours=1)).submit(fleet.name("who"))

        assert producer.get_result(task_id, timeout=20).is_completed

    def test_one_key_is_one_execution(self, fleet, producer):
        """The second submit returns the id of the first; another task may use the same key."""
        once = producer.using(idempotency_key=str(uuid.uuid4()))
        task_id = once.submit(fleet.name("who"))

        assert once.submit(fleet.name("who")) == task_id
        assert once.submit(fleet.name("add"), {"x": 1}) != task_id
        assert producer.get_result(task_id, timeout=20).task_name == fleet.name("who")

    def test_a_submit_without_a_key_is_not_lost(self, fleet, producer):
        """The engine drops it in silence where the workflow has a key expression; ours are two workflows."""
        task_ids = {producer.submit(fleet.name("who")) for _ in range(3)}

        assert len(task_ids) == 3
        assert all(producer.get_result(task_id, timeout=20).is_completed for task_id in task_ids)

    @pytest.mark.usefixtures("high_worker")
    def test_a_queue_is_served_by_its_own_workers_alone(self, fleet, producer):
        """Ten of ten, although the other worker could run it, too."""
        ids = [producer.submit(fleet.name("urgent")) for _ in range(10)]

        assert [producer.get_result(i, timeout=30).unwrap() for i in ids] == ["high_priority"] * 10

    def test_a_submit_may_name_another_queue(self, fleet, high_worker, producer):
        """The task runs on a worker of that queue, five of five, with its own limits."""
        before = high_worker.sum_of("task_started_total")
        ids = [producer.using(queue="high_priority").submit(fleet.name("who")) for _ in range(5)]
        found = [producer.get_result(task_id, timeout=30).unwrap() for task_id in ids]

        assert {(one["queue"], one["pid"]) for one in found} == {("high_priority", high_worker.pid)}
        assert high_worker.sum_of("task_started_total") == before + 5

    @pytest.mark.usefixtures("high_worker")
    def test_a_delayed_submit_may_name_another_queue(self, fleet, producer):
        """The schedule is one of the other queue."""
        soon = timedelta(seconds=1)
        task_id = producer.using(queue="high_priority", delay=soon).submit(fleet.name("who"))

        assert producer.get_result(task_id).task_name == fleet.name("who")
        assert producer.get_result(task_id, timeout=60).unwrap()["queue"] == "high_priority"

    @pytest.mark.usefixtures("high_worker")
    def test_a_key_and_another_queue_go_together(self, fleet, producer):
        """One execution, there."""
        once = producer.using(queue="high_priority", idempotency_key=str(uuid.uuid4()))
        task_id = once.submit(fleet.name("flaky"), 2)

        assert once.submit(fleet.name("flaky"), 2) == task_id
        assert producer.get_result(task_id, timeout=30).result == 2

    def test_a_producer_that_knows_only_the_name_sends_it_home(self, fleet, producer):
        """The queue is the one that the worker gave the task, not a default of the producer."""
        assert producer
        with producing(fleet) as other:
            other.declare(fleet.name("who"))

            assert other.get_result(other.submit(fleet.name("who")), timeout=20).unwrap()["queue"] == "file_processing"

    def test_priority_is_accepted(self, fleet, producer):
        """1 low, 3 high."""
        task_id = producer.using(priority=3).submit(fleet.name("who"))

        assert producer.get_result(task_id, timeout=20).is_completed

    def test_a_batch_goes_in_one_request(self, fleet, producer):
        """Ids come in the order of the calls."""
        ids = producer.submit_many(fleet.name("add"), [Call(({"x": n},)) for n in range(40)])

        assert [producer.get_result(i, timeout=60).unwrap()["x"] for i in ids] == list(range(1, 41))
