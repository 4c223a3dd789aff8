"""The SDK's own worker, in our process, against a double of the engine: in every run, also where there is no engine.

It proves the SDK side only. What the engine decides is tested on a real one, see the other modules on Hatchet.
"""

import json
import os
import signal
import warnings
from dataclasses import dataclass

import pytest

from task_abstraction import TaskNotRegistered, TaskStatus
from task_abstraction.config import BackendConfig, WorkerPlan
from tests.support.servers import free_port, wait_until
from tests.support.workers import Running, http_get, worker

with warnings.catch_warnings():
    # hatchet-sdk 1.43.1 calls tenacity 9 in a way that it warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from task_abstraction.backends.hatchet.backend import HatchetBackend
    from tests.acceptance.hatchet_support import listener_of
    from tests.support.hatchet_double import HatchetDouble, hatchet_double

pytestmark = [pytest.mark.double("hatchet engine: proves the SDK side only"), pytest.mark.server]
TASKS = """
import asyncio
from datetime import timedelta
from pathlib import Path

from task_abstraction import RetryPolicy, current_task, task

TWICE = RetryPolicy(max_attempts=2, initial_delay=timedelta(0), non_retryable=(KeyError,))


@task(queue="parts", timeout=timedelta(seconds=90))
def count(text: str, by: int = 1) -> int:
    return len(text) * by


@task(queue="parts", retry=TWICE)
async def stumble(kind: str) -> int:
    if kind == "key":
        raise KeyError(kind)
    if kind == "always" or current_task().attempt == 1:
        raise OSError(kind)
    return current_task().attempt


@task(queue="parts")
async def hold(gate: str) -> str:
    while not Path(gate).exists():
        await asyncio.sleep(0.02)
    return current_task().id
"""


@dataclass(frozen=True)
class Place:
    """A double with a worker and a producer."""

    double: HatchetDouble
    worker: Running
    producer: HatchetBackend
    sdk_port: int


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One double, one worker process of ours, one producer."""
    folder, port = tmp_path_factory.mktemp("double"), free_port()
    (folder / "double_tasks.py").write_text(TASKS)
    with hatchet_double() as double:
        settings = {
            **double.environment,
            "TASK_MODULES": "double_tasks",
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_ENABLED": "true",
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_BIND_ADDRESS": "127.0.0.1",
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT": str(port),
            "TASK_HEALTH_CHECK_INTERVAL": "4",
        }
        params = {
            "token": double.environment["HATCHET_CLIENT_TOKEN"],
            "host_port": double.environment["HATCHET_CLIENT_HOST_PORT"],
            "server_url": double.environment["HATCHET_CLIENT_SERVER_URL"],
            "tls_strategy": "none",
            "namespace": "double",
        }
        producer = HatchetBackend(BackendConfig("hatchet", params), plan=WorkerPlan())
        for name in ("count", "stumble", "hold", "nobody"):
            producer.declare(name, queue="parts")
        with worker(settings, folder, "--queues=parts", "--concurrency=3") as running:
            yield Place(double, running, producer, port)
        producer.close()


class TestHatchetDouble:
    """Against the double; in this order, because the last one ends the worker."""

    def test_a_worker_registers_its_tasks(self, place):
        """Limits, repetitions and queue of each task, under the namespace; then itself with slots, actions, labels.

        Slots for workflows are a worker of their own: beside them the engine would fill up those for tasks too late.
        """
        (count,) = place.double.workflows["double_count"].tasks
        (stumble,) = place.double.workflows["double_stumble"].tasks
        workflows, registered = (one.request for one in place.double.workers.values())

        assert (count.timeout, count.retries, stumble.retries) == ("90s", 0, 1)
        assert count.schedule_timeout == "24h"
        assert place.double.workflows["double_count"].description == "[queue parts]"
        assert dict(registered.slot_config) == {"default": 3}
        assert {"double_count:count", "double_count.on.parts:count"} <= set(registered.actions)
        assert registered.labels["queue:parts"].int_value == 1
        assert dict(workflows.slot_config) == {"durable": 1000}
        assert workflows.actions == ["double_taskgen.workflow:taskgen.workflow"]
        assert "queue:parts" not in workflows.labels, "its consumers would be counted twice"
        assert not {*registered.actions} & {*workflows.actions}

    def test_a_result_comes_back(self, place):
        """Submit by name, run in the worker, report, read."""
        task_id = place.producer.submit("count", "four", by=10)
        done = place.producer.get_result(task_id, timeout=30)

        assert (done.status, done.result, done.task_name, done.attempts) == (TaskStatus.COMPLETED, 40, "count", 1)
        reported = [event for event in place.double.events if event.task_run_external_id == task_id]
        assert json.loads(reported[-1].event_payload) == {"result": 40}

    def test_an_answer_never_goes_back(self, place, monkeypatch):
        """What is not filed yet, gRPC tells: after a wait, and to a producer that did not wait."""
        monkeypatch.setattr(place.double, "files", False)
        task_id = place.producer.submit("count", "four")

        assert place.producer.get_result(task_id, timeout=30).result == 4
        assert place.producer.get_result(task_id).result == 4

    def test_a_failed_attempt_may_be_repeated(self, place):
        """The report says so, the second attempt knows that it is one, and its error is the last word."""
        fixed = place.producer.get_result(place.producer.submit("stumble", "once"), timeout=30)
        failed = place.producer.get_result(place.producer.submit("stumble", "always"), timeout=30)

        assert (fixed.result, fixed.attempts) == (2, 2)
        assert (failed.status, failed.error, failed.attempts) == (TaskStatus.FAILED, "OSError: always", 2)

    def test_an_error_that_is_not_retryable_is_reported_as_such(self, place):
        """The engine is told not to repeat it."""
        task_id = place.producer.submit("stumble", "key")
        failed = place.producer.get_result(task_id, timeout=30)

        assert (failed.error, failed.attempts) == ("KeyError: 'key'", 1)
        assert [e.should_not_retry for e in place.double.events if e.task_run_external_id == task_id][-1]

    def test_a_key_has_a_workflow_of_its_own(self, place):
        """With the limits of the task, the key expression of the engine, and the key among the metadata."""
        task_id = place.producer.using(idempotency_key="k1").submit("count", "four")
        registered = place.double.workflows["double_count.once"]

        assert registered.idempotency.expression == "additional_metadata.taskgen_key"
        assert (registered.tasks[0].action, registered.tasks[0].timeout) == ("double_count:count", "90s")
        assert json.loads(place.double.runs[task_id].metadata)["taskgen_key"] == "count:k1"
        assert place.producer.get_result(task_id, timeout=30).result == 4

    def test_a_name_that_nobody_registered_is_refused(self, place):
        """The double loses it as the engine does; the producer asks first."""
        with pytest.raises(TaskNotRegistered, match="'nobody' not registered"):
            place.producer.submit("nobody")

    def test_probes_answer(self, place):
        """Ours and the SDK's own; heartbeats arrive."""
        assert [place.worker.get(path)[0] for path in ("/livez", "/readyz", "/startupz")] == [200, 200, 200]
        assert http_get(place.sdk_port, "/health")[0] == 200
        assert "hatchet_worker_listener_health 1.0" in http_get(place.sdk_port, "/metrics")[1]
        assert sum(one.heartbeats for one in place.double.workers.values()) > 0

    def test_a_listener_that_does_not_come_back_is_no_outage(self, place):
        """No task would reach the worker again: it is not ready, after a while not live, and restarted from outside."""
        os.kill(listener_of(place.worker), signal.SIGSTOP)
        wait_until(lambda: place.worker.get("/livez")[0] == 503, timeout_s=60, what="not live")
        assert "the listener process does not answer" in place.worker.get("/readyz")[1]

        os.kill(listener_of(place.worker), signal.SIGCONT)
        wait_until(lambda: place.worker.get("/readyz")[0] == 200, timeout_s=60, what="ready")
        assert place.worker.get("/livez")[0] == 200

    def test_a_told_worker_drains(self, place, tmp_path):
        """SIGTERM: it pauses itself, takes nothing new, ends and reports what runs, and exits with 0."""
        gate = tmp_path / "gate"
        running = place.producer.submit("hold", str(gate))
        wait_until(lambda: place.producer.get_result(running).is_running, timeout_s=30, what="running")
        place.worker.signal()
        wait_until(lambda: all(one.paused for one in place.double.workers.values()), timeout_s=30, what="paused")
        late = place.producer.submit("count", "late")
        assert place.worker.get("/readyz")[0] == 503
        gate.touch()

        assert place.worker.wait(60) == 0, place.worker.text()[-3000:]
        assert place.producer.get_result(running).unwrap() == running
        assert place.producer.get_result(late).status is TaskStatus.PENDING
