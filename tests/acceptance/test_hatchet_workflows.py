"""Workflows on a given Hatchet engine: workers that end, cancellation, a failed member, progress, metrics."""

import base64
import secrets
import signal
from collections import Counter

import pytest

from task_abstraction import Parallel, Sequential, TaskNotRegistered, TaskStatus, WorkflowDefinition
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.config import BackendConfig, WorkerPlan
from tests.acceptance.hatchet_support import given
from tests.support.servers import wait_until
from tests.support.workers import worker

pytestmark = pytest.mark.server
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
TASKS = """
import time
from pathlib import Path

from task_abstraction import current_task, task


def note(line: str) -> None:
    with Path("journal").open("a") as journal:
        journal.write(line + "\\n")


@task(queue="swift")
def add(value: int, by: int = 1) -> int:
    note(f"add {value} {current_task().id}")
    return value + by


@task(queue="swift")
def refuse(value: int) -> None:
    note("refuse")
    raise ValueError(f"not {value}")


@task(queue="swift")
def hold(value: int, until: str) -> int:
    note(f"hold {value}")
    for _ in range(1200):
        if Path(until).exists():
            break
        if current_task().is_cancelled:
            note(f"stopped {value}")
            break
        time.sleep(0.05)
    note(f"held {value}")
    return value
"""


class Place:
    """A namespace of the engine, a folder with the tasks and their journal, a producer that knows the names alone."""

    def __init__(self, folder):
        folder.mkdir()
        (folder / "flowtasks.py").write_text(TASKS)
        self.folder, engine = folder, given()
        params = {
            "token": engine["HATCHET_CLIENT_TOKEN"],
            "server_url": engine["HATCHET_CLIENT_SERVER_URL"],
            "host_port": engine["HATCHET_CLIENT_HOST_PORT"],
            "tls_strategy": engine.get("HATCHET_CLIENT_TLS_STRATEGY", "tls"),
            "namespace": f"flows{secrets.token_hex(4)}",
        }
        self.given = {
            **engine,
            "TASK_BACKEND_TYPE": "hatchet",
            "HATCHET_CLIENT_NAMESPACE": params["namespace"],
            "TASK_MODULES": "flowtasks",
            "TASK_WORKER_CONCURRENCY": "3",
        }
        self.producer = HatchetBackend(BackendConfig("hatchet", params), plan=WorkerPlan())
        for name in ("add", "refuse", "hold", "nobody"):
            self.producer.declare(name, queue="swift")
        self._flows = 0

    def worker(self):
        """Run a worker."""
        return worker(self.given, self.folder, "--queues", "swift")

    def submit(self, *patterns, given=1):
        """Register patterns under a name of their own and submit them."""
        self._flows += 1
        definition = WorkflowDefinition.mixed(patterns, f"flow{self._flows}")
        self.producer.register_workflow(definition)
        return self.producer.submit_workflow(definition.name, given)

    def journal(self):
        """What the tasks have noted."""
        place = self.folder / "journal"
        return place.read_text().splitlines() if place.exists() else []

    def wait_for(self, line):
        """Wait until a task has noted a line."""
        wait_until(lambda: line in self.journal(), timeout_s=90, what=line)

    def end(self, workflow_id):
        """Wait for the end of a workflow."""
        return self.producer.get_workflow_result(workflow_id, timeout=180)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A place with a worker that no test ends."""
    made = Place(tmp_path_factory.mktemp("workflows") / "place")
    with made.worker() as made.running:
        yield made
    made.producer.close()


@pytest.mark.parametrize(("number", "holds"), [(signal.SIGKILL, 2), (signal.SIGTERM, 1)], ids=["SIGKILL", "SIGTERM"])
def test_another_worker_goes_on_in_the_middle(tmp_path, monkeypatch, number, holds):
    """What was done stays done; a killed step runs again, a drained one ends; the rest follows, each once.

    Encrypted arguments differ each time that they are written: to the engine they are the same step all the same.
    """
    monkeypatch.setenv("TASK_ENCRYPTION_KEYS", KEY)
    place = Place(tmp_path / "place")
    place.given["TASK_ENCRYPTION_KEYS"] = KEY
    steps = Sequential([("add", {"by": 10}), ("hold", {"until": "go"}), "add"])
    with place.worker() as first:
        workflow_id = place.submit(steps)
        place.wait_for("hold 11")
        with place.worker():
            if number == signal.SIGKILL:
                first.kill()
                (place.folder / "go").touch()
            else:
                first.signal(number)
                wait_until(lambda: first.sum_of("task_worker_draining") == 1, timeout_s=30, what="draining")
                (place.folder / "go").touch()
                assert first.wait() == 0
            done = place.end(workflow_id)

    place.producer.close()
    assert (done.status, done.final_result, done.steps_completed) == (TaskStatus.COMPLETED, 12, 3)
    names = Counter(line.partition(" ")[0] for line in place.journal())
    assert (names["add"], names["hold"], names["held"]) == (2, holds, 1)


def test_progress_and_cancel(place):
    """The steps that are done are counted; a cancel reaches those that run, those that wait and what follows."""
    holds = Parallel([("hold", {"until": "never"})] * 4)
    workflow_id = place.submit(Sequential(["add"]), holds, Sequential(["refuse"]), given=100)
    wait_until(lambda: place.journal().count("hold 101") == 3, timeout_s=60, what="three of four that run")

    def seen():
        found = place.producer.get_workflow_result(workflow_id)
        return found.status, found.steps_completed, found.total_steps

    wait_until(lambda: seen() == (TaskStatus.RUNNING, 1, 6), timeout_s=30, what="one of six steps")
    place.producer.cancel(workflow_id)
    cancelled = place.end(workflow_id)
    wait_until(lambda: place.journal().count("stopped 101") == 3, timeout_s=30, what="three that stop")

    assert (cancelled.status, cancelled.steps_completed, cancelled.error) == (TaskStatus.CANCELLED, 1, None)
    place.producer.cancel(workflow_id)  # it has ended: nothing to do
    assert place.end(place.submit(Sequential(["add"]), given=1000)).final_result == 1001
    assert "refuse" not in place.journal()
    assert place.journal().count("hold 101") == 3


def test_a_failed_member_ends_the_others(place):
    """The workflow fails at once, and members that run are told to stop."""
    hold = ("hold", {"until": "never"})
    failed = place.end(place.submit(Parallel([hold, "refuse", hold]), Sequential(["add"]), given=7))

    assert (failed.status, failed.error, failed.steps_completed) == (TaskStatus.FAILED, "ValueError: not 7", 0)
    wait_until(lambda: place.journal().count("held 7") == place.journal().count("hold 7"), timeout_s=30, what="the end")
    assert place.journal().count("stopped 7") == place.journal().count("hold 7")


def test_steps_count_as_tasks_and_the_interpreter_does_not(place):
    """Each step is started and ended under its own name and queue, with its wait; each has an id of its own."""
    before = place.running.metrics()
    done = place.end(place.submit(Parallel(["add", "add"]), given=5))

    def more(metric, **labels):
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        return sum(
            value - before.get(series, 0)
            for series, value in place.running.metrics().items()
            if series.partition("{")[0] == metric and all(label in series for label in wanted)
        )

    wait_until(lambda: more("task_succeeded_total", task="add", queue="swift") == 2, timeout_s=30, what="two steps")
    assert more("task_started_total") == 2
    assert more("task_queue_wait_seconds_count", task="add") == 2
    ids = {line.split()[2] for line in place.journal() if line.startswith("add 5 ")}
    assert [place.producer.get_result(one, timeout=30).result for one in ids] == done.final_result == [6, 6]


def test_a_step_that_no_worker_registered_is_refused(place):
    """The engine would lose the run of a name that it does not know, and the workflow would wait for ever."""
    with pytest.raises(TaskNotRegistered, match="Task 'nobody' not registered"):
        place.submit(Sequential(["add", "nobody"]))
