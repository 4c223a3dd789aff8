"""Temporal when things end: SIGTERM, kill -9, a server that goes away, short-lived producers, forks."""

import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from task_abstraction import BackendUnavailable, TaskStatus
from tests.acceptance.temporal_support import FAULTY, Fleet, new_namespace, producing
from tests.support import servers
from tests.support.journal import count, starts
from tests.support.servers import wait_until
from tests.support.workers import clean_environment

pytestmark = pytest.mark.server
PROCESSES = 40
BLOCKING = """
import time

from task_abstraction import task


@task(queue="high_priority")
async def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)
"""


@pytest.fixture(scope="module")
def namespace(temporal) -> str:
    """A namespace of this module."""
    return new_namespace(temporal.address)


def start_long_task(producer, seconds):
    """Submit a task that takes so many seconds and wait until it runs."""
    task_id = producer.submit("export_report", 1, seconds_per_page=seconds)
    wait_until(lambda: producer.get_result(task_id).is_running, timeout_s=15, what="running")
    return task_id


class TestStopping:
    """A worker that is told to stop, or is killed."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
    def test_a_running_task_ends_well(self, temporal, namespace, tmp_path, number):
        """Drain: not ready and still live at once, the task ends with one attempt, the exit code is 0."""
        fleet = Fleet(temporal.address, namespace, tmp_path)
        with fleet.worker("low") as running, producing(fleet) as producer:
            task_id = start_long_task(producer, 4.0)
            running.signal(number)
            wait_until(lambda: running.get("/readyz")[0] == 503, timeout_s=3, what="not ready")
            assert running.get("/livez")[0] == 200
            assert running.sum_of("task_worker_draining") == 1
            assert running.wait(30) == 0
            done = producer.get_result(task_id)

        assert done.status is TaskStatus.COMPLETED
        assert done.attempts == 1

    @pytest.mark.parametrize(("heartbeat_s", "limit_s", "predicted_s"), [(3, 600, 4), (None, 8, 9)], ids=str)
    def test_a_killed_worker_is_noticed_in_the_predicted_time(
        self, temporal, namespace, tmp_path, fault_row, heartbeat_s, limit_s, predicted_s
    ):
        """After kill -9 the task runs again within heartbeat timeout (else time limit) + 1 s, as planned."""
        overrides = (f"tiers.low.task.time_limit={limit_s}s", "tiers.low.task.soft_time_limit=null")
        short = ("tiers.low.task.duration.p50=100ms", "tiers.low.task.duration.p99=2s")
        fleet = Fleet(
            temporal.address, namespace, tmp_path, (*overrides, *short, "tiers.low.retry.initial_delay=100ms")
        )
        fleet.beat("low", heartbeat_s)
        place = tmp_path / "lines"
        with producing(fleet) as producer:
            with fleet.worker("low", **FAULTY) as running:
                producer.declare("step", queue="low_priority")
                task_id = producer.submit("step", str(place), "a", seconds=2.0)
                wait_until(lambda: starts(place), timeout_s=15, what="begun")
                time.sleep(1.0)
                running.signal(signal.SIGKILL)
                running.wait(10)
                killed = time.time()
            with fleet.worker("low", **FAULTY):
                counts = count(place, producer, [task_id])
            recovery = starts(place)[-1] - killed
            fault = f"kill -9 of a worker, {'heartbeat' if heartbeat_s else 'time limit'}"
            fault_row("temporal", fault, counts, allowed=1, predicted_s=predicted_s, measured_s=recovery)
            done = producer.get_result(task_id)

        assert done.status is TaskStatus.COMPLETED
        assert (done.attempts, counts.again) == (2, 1)
        assert recovery < predicted_s + 1.5, "the retry delay of a server is at least about 1 s"


class TestLiveness:
    """A loop that stands still."""

    def test_a_blocked_loop_is_not_live(self, temporal, namespace, tmp_path):
        """An async body that blocks stops every queue of its worker: liveness says so, and recovers with it."""
        (tmp_path / "blocking.py").write_text(BLOCKING)
        fleet = Fleet(temporal.address, namespace, tmp_path)
        settings = {"TASK_MODULES": "blocking", "TASK_HEALTH_CHECK_INTERVAL": "1"}
        with fleet.worker("high", **settings) as running, producing(fleet) as producer:
            producer.declare("block_the_loop", queue="high_priority")
            task_id = producer.submit("block_the_loop", 5.0)
            wait_until(lambda: running.get("/livez")[0] == 503, timeout_s=6, what="not live")
            assert "consumer loop has not moved" in str(running.json("/livez"))
            assert producer.get_result(task_id, timeout=20).is_completed
            wait_until(lambda: running.get("/livez")[0] == 200, timeout_s=5, what="live again")


class TestOutage:
    """A server that goes away."""

    def test_a_worker_survives_a_restart_of_the_server(self, tmp_path):
        """Readiness follows the server; liveness does not, so nothing restarts; tasks of before are done after."""
        with servers.temporal() as server:
            fleet = Fleet(server.address, "default", tmp_path)
            with fleet.worker("low", TASK_HEALTH_CHECK_INTERVAL="1") as running, producing(fleet) as producer:
                delayed = producer.submit("export_report", 1)
                assert producer.get_result(delayed, timeout=20).is_completed
                server.server.stop()
                wait_until(lambda: running.get("/readyz")[0] == 503, timeout_s=40, what="not ready")
                assert running.get("/livez")[0] == 200
                with pytest.raises(BackendUnavailable):
                    producer.get_result(delayed)
                server.server.start()
                wait_until(lambda: running.get("/readyz")[0] == 200, timeout_s=60, what="ready again")
                assert producer.get_result(producer.submit("export_report", 1), timeout=30).is_completed
                assert producer.get_result(delayed).is_completed, "the server kept its data"

    def test_a_worker_without_a_server_fails_to_start(self, namespace, tmp_path):
        """Exit code 1 and one line that names the address."""
        fleet = Fleet(f"127.0.0.1:{servers.free_port()}", namespace, tmp_path)
        ended = subprocess.run(
            [sys.executable, "-m", "task_abstraction.worker", "--queues=low_priority"],
            env=clean_environment(fleet.environment("low", TASK_HEALTH_PORT="0")),
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert ended.returncode == 1
        assert f"task-backend-worker: temporal at {fleet.address}: " in ended.stderr
        assert "Traceback" not in ended.stderr


def run_producer(fleet: Fleet, code: str) -> subprocess.CompletedProcess[str]:
    """Run a short program that submits, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=clean_environment({**fleet.environment("low"), "PYTHONFAULTHANDLER": "1"}),
        cwd=fleet.folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


class TestProducers:
    """Programs that submit and end."""

    @pytest.mark.slow
    def test_forty_short_processes_end_with_code_0(self, temporal, namespace, tmp_path):
        """The SDK's crash at the exit of short programs (temporalio/sdk-python#300) does not reach our users."""
        fleet = Fleet(temporal.address, namespace, tmp_path)
        code = """
            import docflow.tasks
            from task_abstraction import get_backend
            backend = get_backend()
            print(backend.get_result(backend.submit("export_report", 1)).status)
        """
        with ThreadPoolExecutor(3) as pool:
            ended = list(pool.map(lambda _: run_producer(fleet, code), range(PROCESSES)))

        assert {(process.returncode, process.stderr) for process in ended} == {(0, "")}
        assert {process.stdout.strip() for process in ended} <= {"pending", "running", "completed"}

    def test_a_forked_child_gets_a_client_of_its_own(self, temporal, namespace, tmp_path):
        """The SDK's threads do not survive a fork; parent and child go on submitting."""
        fleet = Fleet(temporal.address, namespace, tmp_path)
        code = """
            import os
            import docflow.tasks
            from task_abstraction import get_backend
            backend = get_backend()
            first = backend.submit("export_report", 1)
            child = os.fork()
            if child == 0:
                print(backend.get_result(backend.submit("export_report", 1)).status, flush=True)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            assert status == 0, status
            print(backend.get_result(first).status, backend.get_result(backend.submit("export_report", 1)).status)
        """
        ended = run_producer(fleet, code)

        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.split() == ["pending"] * 3

    def test_a_closed_backend_connects_again(self, temporal, namespace, tmp_path):
        """A close in the middle of a program is no end of it."""
        fleet = Fleet(temporal.address, namespace, tmp_path)
        with producing(fleet) as producer:
            first = producer.submit("export_report", 1)
            producer.close()

            assert producer.get_result(first).task_id == first
