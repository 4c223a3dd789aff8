"""Hatchet when things end: SIGTERM, kill -9, a listener that dies, an engine out of reach, short-lived producers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from task_abstraction import TaskStatus
from tests.acceptance.hatchet_support import Fleet, Proxy, listener_of, producing, runs_in
from tests.support.servers import free_port, wait_until
from tests.support.workers import clean_environment

pytestmark = pytest.mark.server
PRODUCER = """
import sys
from task_abstraction import get_backend
backend = get_backend("hatchet")
backend.declare(sys.argv[1], queue="file_processing")
print(backend.get_result(backend.submit(sys.argv[1]), timeout=60).unwrap()["id"])
"""
UNGUARDED = """
import {tasks}
from task_abstraction import get_backend
get_backend("hatchet").run_worker(queues=["low_priority"], health_port={port})
"""
PROCESSES = 6


class TestStopping:
    """A worker that is told to stop, or is killed."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
    def test_a_running_task_ends_well(self, tmp_path, number):
        """Drain: not ready and still live at once, the task runs once and is reported, the exit code is 0."""
        fleet, journal = Fleet(tmp_path), tmp_path / "journal"
        with fleet.worker("low") as running, producing(fleet) as producer:
            task_id = producer.submit(fleet.name("work"), 6.0, journal=str(journal))
            wait_until(lambda: runs_in(journal), timeout_s=30, what="begun")
            running.signal(number)
            wait_until(lambda: running.get("/readyz")[0] == 503, timeout_s=3, what="not ready")
            assert running.get("/livez")[0] == 200
            assert running.sum_of("task_worker_draining") == 1
            assert running.wait(40) == 0, running.text()[-2000:]

            assert producer.get_result(task_id, timeout=20).unwrap() == "done"
            assert len(runs_in(journal)) == 1

    def test_new_tasks_wait_for_another_worker(self, tmp_path):
        """A draining worker takes nothing new soon after the pause; what waits is not lost, and each task runs once."""
        fleet, journal = Fleet(tmp_path), tmp_path / "journal"
        with producing(fleet) as producer:
            with fleet.worker("low") as first:
                ids = [producer.submit(fleet.name("work"), 12.0, journal=str(journal))]
                wait_until(lambda: runs_in(journal), timeout_s=30, what="begun")
                first.signal()
                while first.process.poll() is None:  # the engine's scheduler hears of the pause some seconds later
                    ids.append(producer.submit(fleet.name("work"), 0.0, journal=str(journal)))
                    time.sleep(1.0)
                assert first.wait() == 0
            assert producer.get_result(ids[-1]).status is TaskStatus.PENDING
            with fleet.worker("low") as second:
                assert all(producer.get_result(one, timeout=60).is_completed for one in ids)
                assert runs_in(journal)[-1] == second.pid
            assert len(runs_in(journal)) == len(ids)

    def test_an_idle_worker_stops_soon(self, tmp_path):
        """Nothing runs, nothing is waited for; also while it starts."""
        fleet = Fleet(tmp_path)
        with fleet.worker("low") as running:
            began = time.monotonic()
            running.signal()
            assert running.wait(30) == 0
        assert time.monotonic() - began < 15


class TestListener:
    """The process that holds the connection."""

    def test_a_worker_whose_listener_dies_ends_with_an_error(self, tmp_path):
        """The SDK would end with 0, and no restart policy would notice."""
        fleet = Fleet(tmp_path)
        with fleet.worker("low") as running:
            os.kill(listener_of(running), signal.SIGKILL)
            wait_until(lambda: running.get("/readyz")[0] != 200, timeout_s=10, what="not ready")

            assert running.wait(40) == 1
            assert "the listener process of the worker died" in running.text()

    def test_an_unguarded_script_is_told_what_is_missing(self, tmp_path):
        """The listener imports the main module anew; without a guard it would start a worker in a worker."""
        fleet = Fleet(tmp_path)
        script = tmp_path / "unguarded.py"
        script.write_text(UNGUARDED.format(tasks=fleet.prefix, port=free_port()))
        environment = {**fleet.environment("low"), "TASK_MODULES": ""}
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=clean_environment(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

        assert done.returncode == 1
        assert 'Put the start below `if __name__ == "__main__":`' in done.stderr
        assert "the listener process of the worker died" in done.stderr

    def test_a_port_that_is_taken_is_named(self, tmp_path):
        """The SDK would go on without its server."""
        fleet = Fleet(tmp_path)
        with fleet.worker("low") as running:
            port = json.loads(_environ(running.pid)["_LISTENER_PORT"])
            flags = ["--queues=low_priority"]
            environment = fleet.environment("low", HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT=str(port))
            environment["TASK_HEALTH_PORT"] = str(free_port())
            done = subprocess.run(
                [sys.executable, "-m", "task_abstraction.worker", *flags],
                cwd=tmp_path,
                env=clean_environment(environment),
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        assert done.returncode == 1
        assert f"port {port} of the Hatchet listener cannot be opened" in done.stderr


def _environ(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    found = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {**found, "_LISTENER_PORT": found["HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT"]}


class TestOutage:
    """The engine is out of reach of the workers; behind a proxy, because others use the engine."""

    def test_a_worker_recovers_without_a_restart(self, tmp_path):
        """Live all the time, not ready during the outage, ready and at work after it; a running task runs once."""
        direct = Fleet(tmp_path / "direct")
        proxy = Proxy(direct.address)
        fleet, journal = Fleet(tmp_path, host_port=proxy.address, prefix=direct.prefix), tmp_path / "journal"
        with fleet.worker("low") as running, producing(direct) as producer:
            task_id = producer.submit(fleet.name("work"), 12.0, journal=str(journal))
            wait_until(lambda: runs_in(journal), timeout_s=30, what="begun")
            proxy.cut()
            wait_until(lambda: running.get("/readyz")[0] == 503, timeout_s=20, what="not ready")
            assert running.get("/livez")[0] == 200
            proxy.restore()
            wait_until(lambda: running.get("/readyz")[0] == 200, timeout_s=60, what="ready again")

            assert producer.get_result(task_id, timeout=90).unwrap() == "done"
            assert len(runs_in(journal)) == 1
            assert producer.get_result(producer.submit(fleet.name("work"), 0.0), timeout=60).is_completed
        proxy.cut()

    def test_a_worker_that_cannot_reach_the_engine_ends(self, tmp_path):
        """Exit code 1 within its limit: whoever started it tries again."""
        dead = f"127.0.0.1:{free_port()}"
        fleet = Fleet(tmp_path, host_port=dead)
        environment = fleet.environment("low", TASK_BACKEND_HEALTH_TIMEOUT="2", TASK_HEALTH_PORT=str(free_port()))
        done = subprocess.run(
            [sys.executable, "-m", "task_abstraction.worker", "--queues=low_priority"],
            cwd=tmp_path,
            env=clean_environment(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

        assert done.returncode == 1
        assert f"hatchet at {dead}: no answer within 2 s" in done.stderr


def test_short_lived_producers_end_cleanly(tmp_path):
    """Submit, wait, exit: code 0 each time, nothing on standard error."""
    fleet = Fleet(tmp_path)
    with fleet.worker("file"):
        for _ in range(PROCESSES):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", PRODUCER, fleet.name("who")],
                cwd=tmp_path,
                env={**clean_environment(fleet.environment("file")), "PYTHONWARNINGS": ""},
                capture_output=True,
                text=True,
                check=False,
                timeout=90,
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
