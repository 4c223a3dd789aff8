"""Workflows on a real Temporal server: workers that end, cancellation, progress without a worker, replay."""

import asyncio
from collections import Counter

import pytest
from temporalio import workflow as sdk
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from task_abstraction import Parallel, Sequential, TaskStatus, WorkflowDefinition
from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.backends.temporal.task_workflow import TaskWorkflow
from task_abstraction.backends.temporal.worker import WORKFLOW_FAILURES
from task_abstraction.config import BackendConfig
from task_abstraction.config.plan import parse_plan
from task_abstraction.runtime.loop import PROCESS_LOOP
from tests.acceptance.temporal_support import new_namespace
from tests.support.servers import wait_until
from tests.support.workers import worker

pytestmark = pytest.mark.server
TASKS = """
import time
from datetime import timedelta
from pathlib import Path

from task_abstraction import RetryPolicy, current_task, task


def note(line: str) -> None:
    with Path("journal").open("a") as journal:
        journal.write(line + "\\n")


@task(queue="swift")
def add(value: int, by: int = 1) -> int:
    note(f"add {value} {by} {current_task().id}")
    return value + by


@task(queue="swift")
def refuse(value: int) -> None:
    note("refuse")
    raise ValueError(f"not {value}")


@task(queue="swift", retry=RetryPolicy(max_attempts=3, initial_delay=timedelta(minutes=10)))
def stumble(value: int) -> None:
    note("stumble")
    raise OSError("not yet")


@task(queue="swift")
def hold(value: int, until: str) -> int:
    note(f"hold {value}")
    for _ in range(60):
        if Path(until).exists():
            break
        time.sleep(0.05)
    note(f"held {value}")
    return value


@task(queue="swift")
def work(value: int) -> int:
    note("work")
    try:
        for _ in range(1200):
            time.sleep(0.1)
    finally:
        note("stopped")
    return value


@task(queue="swift")
def total(values: list[int]) -> int:
    return sum(values)


@task(queue="distant")
def double(value: int) -> int:
    note(f"double {value}")
    return 2 * value
"""
PLAN = {
    "tasks": [
        ["hold", {"max_attempts": 2, "time_limit_s": 3.5, "initial_delay_s": 0.1}],
        ["work", {"heartbeat_s": 1.5}],
        ["stumble", {"max_attempts": 3, "initial_delay_s": 600}],
    ]
}
"""What the producer knows of the tasks beside their names; workers read the same file in production."""


class Place:
    """A namespace, a folder with the tasks and their journal, and a producer that knows the tasks by name alone."""

    def __init__(self, address, folder):
        self.folder = folder
        self.namespace = new_namespace(address)
        self.given = {
            "TASK_BACKEND_TYPE": "temporal",
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": self.namespace,
            "TASK_MODULES": "flowtasks",
            "TASK_WORKER_CONCURRENCY": "2",
        }
        folder.mkdir()
        (folder / "flowtasks.py").write_text(TASKS)
        host, _, port = address.partition(":")
        params = {"host": host, "port": int(port), "namespace": self.namespace, "task_queue": "default"}
        self.producer = TemporalBackend(BackendConfig("temporal", params), plan=parse_plan(PLAN))
        for name in ("add", "refuse", "stumble", "hold", "work", "total"):
            self.producer.declare(name, queue="swift")
        self.producer.declare("double", queue="distant")
        self._flows = 0

    def worker(self, queue="swift"):
        """Run a worker of one queue."""
        return worker(self.given, self.folder, "--queues", queue)

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
        wait_until(lambda: line in self.journal(), timeout_s=60, what=line)

    def end(self, workflow_id):
        """Wait for the end of a workflow."""
        return self.producer.get_workflow_result(workflow_id, timeout=60)

    def history(self, workflow_id):
        """What the server has recorded of a workflow."""

        async def fetch():
            client = await self.producer._connection.client()  # noqa: SLF001 - the history is the server's
            return await client.get_workflow_handle(workflow_id).fetch_history()

        return PROCESS_LOOP.run(fetch(), 30)


@pytest.fixture
def make_place(temporal, tmp_path):
    """Make places; their producers are closed at the end."""
    made = []

    def make():
        made.append(Place(temporal.address, tmp_path / f"place{len(made)}"))
        return made[-1]

    yield make
    for place in made:
        place.producer.close()


@pytest.fixture(scope="module")
def place(temporal, tmp_path_factory):
    """A place with a worker of the queue `swift`, for the tests that end no worker."""
    made = Place(temporal.address, tmp_path_factory.mktemp("workflows") / "place")
    with made.worker() as made.running:
        yield made
    made.producer.close()


def replay(*histories, interpreter=TaskWorkflow):
    """Run recorded histories through the interpreter as it is now."""

    async def all_of_them():
        for history in histories:
            replayer = Replayer(workflows=[interpreter], workflow_failure_exception_types=WORKFLOW_FAILURES)
            await replayer.replay_workflow(history)

    asyncio.run(all_of_them())


def test_another_worker_goes_on_after_a_kill_in_the_middle(make_place):
    """What was done stays done; the killed step runs again when its limit has passed; the rest follows."""
    place = make_place()
    steps = [("add", {"by": 10}), ("hold", {"until": "go"}), "add"]
    with place.worker() as first:
        workflow_id = place.submit(Sequential(steps))
        place.wait_for("hold 11")
        first.kill()
        (place.folder / "go").touch()
        with place.worker():
            done = place.end(workflow_id)

    assert (done.status, done.final_result, done.steps_completed) == (TaskStatus.COMPLETED, 12, 3)
    names = Counter(line.partition(" ")[0] for line in place.journal())
    assert (names["add"], names["hold"], names["held"]) == (2, 2, 1)
    replay(place.history(workflow_id))


def test_progress_needs_no_worker(make_place):
    """Steps on two queues: with no worker left, progress and the queue that waits can be read; then it goes on.

    A step that waits beside one that fails never runs.
    """
    place = make_place()
    with place.worker():
        failed = place.end(place.submit(Parallel(["refuse", ("double", {})]), Sequential(["add"]), given=7))
        workflow_id = place.submit(Sequential(["add"]), Parallel(["double", "double"]), Sequential(["total"]))
        wait_until(lambda: place.producer.get_result(workflow_id).steps_completed, timeout_s=60, what="one step")

    assert (failed.status, failed.error, failed.steps_completed) == (TaskStatus.FAILED, "ValueError: not 7", 0)
    replay(place.history(failed.workflow_id))
    seen = place.producer.get_workflow_result(workflow_id)
    assert (seen.status, seen.steps_completed, seen.total_steps) == (TaskStatus.RUNNING, 1, 4)

    def counted(queue):
        found = place.producer.queue_stats(["swift", "distant"])[queue]
        return found.waiting, found.in_flight

    wait_until(lambda: counted("distant") == (2, 0), timeout_s=60, what="two steps that wait")
    assert counted("swift") == (0, 0)
    with place.worker("distant"):
        wait_until(lambda: counted("swift") == (1, 0), timeout_s=60, what="the workflow that waits for its turn")
    with place.worker():
        assert place.end(workflow_id).final_result == 8
    assert [line for line in place.journal() if "7" in line.split()] == []


def test_a_cancelled_workflow_stops(place):
    """The running step hears of it, what follows does not run, and the steps that were done stay counted."""
    workflow_id = place.submit(Sequential(["add", "work", "refuse"]), given=100)
    place.wait_for("work")
    place.producer.cancel(workflow_id)
    cancelled = place.end(workflow_id)

    assert (cancelled.status, cancelled.steps_completed) == (TaskStatus.CANCELLED, 1)
    assert "stopped" in place.journal()
    assert "refuse" not in place.journal()
    place.producer.cancel(workflow_id)  # it has ended: nothing to do
    replay(place.history(workflow_id))


def test_a_cancelled_workflow_waits_for_nothing_that_does_not_run(place):
    """A step between two attempts, and one whose queue nobody serves, are over at once."""
    workflow_id = place.submit(Parallel(["stumble", "double"]))
    place.wait_for("stumble")
    place.producer.cancel(workflow_id)
    cancelled = place.end(workflow_id)

    assert (cancelled.status, cancelled.steps_completed) == (TaskStatus.CANCELLED, 0)
    replay(place.history(workflow_id))


def test_steps_count_as_tasks_and_the_interpreter_does_not(place):
    """Each step is started and ended under its own name and queue, with its wait; ids of steps differ."""
    before = place.running.metrics()
    done = place.end(place.submit(Parallel(["add", "add"]), given=5))
    failed = place.end(place.submit(Sequential(["refuse"]), given=5))

    assert (done.final_result, failed.error) == ([6, 6], "ValueError: not 5")

    def more(metric, **labels):
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        return sum(
            value - before.get(series, 0)
            for series, value in place.running.metrics().items()
            if series.partition("{")[0] == metric and all(label in series for label in wanted)
        )

    wait_until(lambda: more("task_failed_total") == 1, timeout_s=30, what="the failed step")
    assert more("task_started_total", task="add", queue="swift") == 2
    assert more("task_succeeded_total", task="add", queue="swift") == 2
    assert more("task_queue_wait_seconds_count", task="add") == 2
    assert more("task_failed_total", task="refuse", reason="error") == 1
    assert more("task_started_total") == 3
    ids = {line.split()[3] for line in place.journal() if line.startswith("add 5 ")}
    assert ids == {f"{done.workflow_id}/1", f"{done.workflow_id}/2"}


def test_a_replay_finds_another_interpreter(place):
    """Replaying is a test: an interpreter that does something else with the same history is refused."""
    workflow_id = place.submit(Sequential(["add"]), Parallel(["add", "add"]))
    assert place.end(workflow_id).final_result == [3, 3]
    history = place.history(workflow_id)

    replay(history)
    with pytest.raises(NondeterminismError):
        replay(history, interpreter=Lazy)


@sdk.defn(name="TaskWorkflow", sandboxed=False)
class Lazy:
    """An interpreter that runs nothing."""

    @sdk.run
    async def run(self, layers: list[dict], initial: int) -> int:
        """Return the input."""
        return initial + len(layers)
