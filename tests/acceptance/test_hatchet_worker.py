"""Hatchet for real: workers from rendered settings, tasks by name from another process, on a given engine."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from task_abstraction import (
    BackendUnavailable,
    ResultTimeout,
    TaskFailed,
    TaskStatus,
)
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.capabilities import WORKER_METRICS
from task_abstraction.config import load_plan
from tests.acceptance.hatchet_support import Fleet, Proxy, producing
from tests.support.servers import free_port, wait_until
from tests.support.workers import Running, families, http_get, samples

pytestmark = pytest.mark.server
FORGOTTEN = 'TASKS.append(("{}", {{"schedule_timeout": timedelta(seconds=4)}}))\n'


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Fleet:
    """Settings and tasks of this module; one task gives up waiting after 4 s."""
    made = Fleet(tmp_path_factory.mktemp("hatchet"))
    with (made.settings / "hatchet_settings.py").open("a") as module:
        module.write(FORGOTTEN.format(made.name("forgotten")))
    return made


@pytest.fixture(scope="module")
def sdk_port() -> int:
    """The port of the SDK's own server in the worker `file`."""
    return free_port()


@pytest.fixture(scope="module")
def file_worker(fleet, sdk_port) -> Iterator[Running]:
    """A worker of the tier file."""
    with fleet.worker("file", HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT=str(sdk_port)) as running:
        yield running


@pytest.fixture(scope="module")
def producer(fleet, file_worker) -> Iterator[HatchetBackend]:
    """A producer, once workers have registered the tasks; the one of the tier low has ended again."""
    assert file_worker.pid
    with fleet.worker("low"):
        pass
    with producing(fleet) as backend:
        yield backend


class TestResults:
    """What comes back."""

    def test_a_result_comes_back_with_its_record(self, fleet, producer):
        """A submit by name runs in the worker; the value is filed with attempts and times."""
        task_id = producer.submit(fleet.name("add"), {"x": 1}, by=2)
        done = producer.get_result(task_id, timeout=20)

        assert (done.status, done.task_name, done.result) == (
            TaskStatus.COMPLETED,
            fleet.name("add"),
            {"x": 3, "y": 2},
        )
        wait_until(lambda: producer.get_result(task_id).duration is not None, timeout_s=5, what="filed times")
        filed = producer.get_result(task_id)
        assert (filed.result, filed.attempts) == ({"x": 3, "y": 2}, 1)
        assert 0 <= filed.duration < 5

    def test_an_async_body_runs_in_the_process_that_serves_the_metrics(self, fleet, file_worker, producer):
        """A coroutine is native; its context has the id that the submit returned."""
        task_id = producer.submit(fleet.name("who"))

        assert producer.get_result(task_id, timeout=20).unwrap() == {
            "id": task_id,
            "attempt": 1,
            "queue": "file_processing",
            "pid": file_worker.pid,
        }

    def test_a_failed_attempt_is_not_taken_for_the_end(self, fleet, producer):
        """The engine's stream and its records both say FAILED between two attempts; ten tasks in a row do not."""
        for _ in range(10):
            done = producer.get_result(producer.submit(fleet.name("flaky"), 3), timeout=30)
            assert (done.status, done.result) == (TaskStatus.COMPLETED, 3), done.error

    def test_the_last_error_is_the_result(self, fleet, producer):
        """Class and message of the body's own error arrive, after the declared attempts."""
        failed = producer.get_result(producer.submit(fleet.name("flaky"), 9), timeout=30)

        assert (failed.status, failed.error, failed.attempts) == (
            TaskStatus.FAILED,
            "OSError: not yet\nwait: more",
            3,
        )
        with pytest.raises(TaskFailed, match="failed: OSError: not yet"):
            failed.unwrap()

    def test_an_error_that_is_not_retryable_fails_at_once(self, fleet, producer):
        """One attempt, although five are declared."""
        failed = producer.get_result(producer.submit(fleet.name("never")), timeout=30)

        assert (failed.error, failed.attempts) == ("ValueError: no\nnever: ever", 1)

    def test_a_task_that_outlives_its_limit_fails(self, fleet, producer):
        """The engine ends the attempt; the reason is its own."""
        task_id = producer.submit(fleet.name("endless"))
        began = time.monotonic()
        failed = producer.get_result(task_id, timeout=30)

        assert (failed.status, failed.error) == (TaskStatus.FAILED, "Task exceeded timeout of 2s")
        assert 2 <= time.monotonic() - began < 10
        assert producer.get_result(task_id).error == failed.error

    def test_a_task_that_nobody_takes_says_so(self, fleet, producer):
        """The engine leaves the message of a schedule timeout empty."""
        failed = producer.get_result(producer.submit(fleet.name("forgotten")), timeout=60)

        assert failed.status is TaskStatus.FAILED
        assert "no worker took the task within its schedule timeout" in failed.error
        assert failed.attempts == 0

    def test_a_wait_that_runs_out_leaves_the_task_alone(self, fleet, producer):
        """It goes on, and is pending as long as nobody takes it."""
        task_id = producer.submit(fleet.name("work"), 0.0)
        began = time.monotonic()
        with pytest.raises(ResultTimeout):
            producer.get_result(task_id, timeout=0.5)

        assert time.monotonic() - began < 3
        assert producer.get_result(task_id).status is TaskStatus.PENDING
        producer.cancel(task_id)

    def test_a_slot_is_used_again_at_once(self, fleet, producer):
        """Beside slots for workflows the engine would look for free ones once in 1.0 to 1.5 s: every so many tasks."""
        slots, slow = load_plan(fleet.settings).tiers["file"].concurrency, 0
        for _ in range(4 * slots):
            began = time.monotonic()
            producer.get_result(producer.submit(fleet.name("add"), {"x": 1}), timeout=20)
            slow += time.monotonic() - began > 0.9

        assert slow < 2

    def test_thirty_waits_from_a_loop_hold_no_thread(self, fleet, producer):
        """The async twins share one stream."""

        async def there_and_back() -> list[object]:
            ids = [await producer.asubmit(fleet.name("who")) for _ in range(30)]
            results = await asyncio.gather(*(producer.aget_result(task_id, timeout=60) for task_id in ids))
            return [result.unwrap()["id"] == task_id for result, task_id in zip(results, ids, strict=True)]

        assert all(asyncio.run(there_and_back()))


class TestHealth:
    """What probes and Prometheus see."""

    def test_our_names_are_served_by_the_process_that_runs_the_tasks(self, fleet, file_worker, producer):
        """All of them, from the first scrape; a task counts once."""
        before = file_worker.sum_of("task_succeeded_total", task=fleet.name("add"))
        producer.get_result(producer.submit(fleet.name("add"), {"x": 1}), timeout=20)

        assert families(file_worker.get("/metrics")[1]) == set(WORKER_METRICS)
        assert file_worker.sum_of("task_succeeded_total", task=fleet.name("add")) == before + 1
        assert file_worker.sum_of("task_worker_slots", tier="file") == 4

    @pytest.mark.usefixtures("file_worker")
    def test_the_names_of_the_sdk_are_served_on_its_own_port(self, sdk_port):
        """8001 in a container."""
        served = samples(http_get(sdk_port, "/metrics")[1])

        assert {series.partition("{")[0] for series in served if series.startswith("hatchet_")} == {
            "hatchet_worker_listener_health",
            "hatchet_worker_event_loop_lag_seconds",
            "hatchet_worker_used_slots",
            "hatchet_worker_slot_limit",
        }

    def test_probes_answer_with_their_checks(self, file_worker):
        """Live, ready, started."""
        assert [file_worker.get(path)[0] for path in ("/livez", "/readyz", "/startupz")] == [200, 200, 200]
        assert file_worker.json("/readyz")["checks"] == {"consumer": "ok", "loop": "ok"}


class TestOutage:
    """The engine is out of reach of one process; the engine itself goes on."""

    def test_a_submit_says_so_in_time_and_works_again(self, fleet, producer, tmp_path, monkeypatch):
        """No restart of the producer is needed."""
        assert producer
        monkeypatch.setenv("TASK_BACKEND_HEALTH_TIMEOUT", "1")
        proxy = Proxy(fleet.address)
        behind = Fleet(tmp_path, host_port=proxy.address, prefix=fleet.prefix)
        with producing(behind) as cut_off:
            assert cut_off.get_result(cut_off.submit(fleet.name("who")), timeout=20).is_completed
            proxy.cut()
            began = time.monotonic()
            with pytest.raises(BackendUnavailable, match=rf"^hatchet at {proxy.address}: "):
                cut_off.submit(fleet.name("who"))
            assert time.monotonic() - began < 3
            proxy.restore()

            assert cut_off.get_result(cut_off.submit(fleet.name("who")), timeout=20).is_completed
        proxy.cut()
