"""What worker processes promise."""

# ruff: noqa: S101, PLR2004 - tests assert

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.config import parse_plan
from task_abstraction.models import Feature, TaskStatus
from task_abstraction.testing.contract.fixtures import Fixtures
from task_abstraction.testing.contract.holding import RELEASE, TRACE, contract_hold
from task_abstraction.testing.contract.process import WorkerProcess, wait_for
from task_abstraction.testing.contract.traces import Traces

HOLD = contract_hold.__name__
MODULE = "task_abstraction.testing.contract.worker_holds"
SLOTS = 2
# A lost attempt is given to another worker: several attempts, a heartbeat that notices the loss soon, late
# acknowledgement, for each backend that knows such a thing.
POLICY = {"max_attempts": 4, "initial_delay_s": 0.1, "heartbeat_s": 2.0, "acks_late": True, "idempotent": True}


@dataclass
class Stage:
    """A folder, a queue of its own, a producer, and the workers of one test."""

    folder: Path
    queue: str
    producer: TaskBackend
    environment: Mapping[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)

    def start(self, *, queues: str = "", slots: int = SLOTS) -> WorkerProcess:
        """Start a worker without waiting for it."""
        flags = ("--backend", self.producer.backend_type, "--queues", queues or self.queue, "--concurrency", str(slots))
        self.workers.append(WorkerProcess(self.environment, self.folder, flags))
        return self.workers[-1]

    def hold(self, queue: str = "") -> str:
        """Submit a task that holds a slot."""
        if queue:
            return self.producer.using(queue=queue).submit(HOLD, str(self.folder))
        return self.producer.submit(HOLD, str(self.folder))

    def count(self, word: str) -> int:
        """How often attempts have begun, or ended."""
        trace = self.folder / TRACE
        return sum(line.startswith(word) for line in trace.read_text().splitlines()) if trace.exists() else 0

    def release(self) -> None:
        """Let every task end."""
        (self.folder / RELEASE).touch()


class WorkerContract(Fixtures):
    """Serves its queues with its slots; stops in order; what it loses runs again once. Needs `worker_environment`."""

    def plan(self, backend_type: str, queue: str, shutdown: str) -> dict[str, Any]:
        """The rendered plan of the workers and of their producer."""
        tier = {
            "backend": backend_type,
            "queues": [queue, f"{queue}_other"],
            "shutdown": shutdown,
            "soft_shutdown_s": 1.0,
            "grace_s": 20.0,
            "prefetch": 1,
        }
        return {
            "profile": "contract",
            "environment": "dev",
            "default_queue": queue,
            "routes": [[HOLD, queue]],
            "tasks": [[HOLD, POLICY]],
            "tiers": {"contract": tier},
        }

    @pytest.fixture
    def shutdown(self) -> str:
        """How the workers of a test stop: `drain` or `cut`."""
        return "drain"

    @pytest.fixture
    def stage(self, tmp_path: Path, shutdown: str) -> Iterator[Stage]:
        """Where a test starts its workers; nothing of them is left when it ends."""
        given = self.worker_environment(tmp_path)
        if given is None:
            pytest.skip("this backend has no worker processes")
        queue = f"contract_{uuid.uuid4().hex[:12]}"
        producer = self.make_backend()
        plan = self.plan(producer.backend_type, queue, shutdown)
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        settings = {"TASK_SETTINGS_DIR": str(tmp_path), "TASK_TIER": "contract", "TASK_MODULES": MODULE}
        producer.plan = parse_plan(plan)
        producer.register_task(contract_hold)
        traces = Traces(producer)
        stage = Stage(tmp_path, queue, producer, {**settings, **given})
        yield stage
        stage.release()
        traces.end(self.wait_s)
        for worker in stage.workers:
            worker.end()
        producer.close()

    def ready(self, worker: WorkerProcess) -> WorkerProcess:
        """Wait until a worker consumes."""
        wait_for(worker.is_ready, "ready", self.wait_s)
        return worker

    def begun(self, stage: Stage, count: int) -> None:
        """Wait until so many attempts have begun."""
        wait_for(lambda: stage.count("begin") >= count, f"{count} attempts have begun", self.wait_s)

    def test_it_serves_its_queues_alone_with_all_its_slots(self, stage: Stage) -> None:
        """As many tasks run as it has slots; one more waits, and so does a task of a queue that it does not serve."""
        elsewhere = stage.hold(f"{stage.queue}_other")
        held = [stage.hold() for _ in range(SLOTS + 1)]
        worker = self.ready(stage.start())
        self.begun(stage, SLOTS)
        assert worker.metric("task_worker_slots") == SLOTS
        wait_for(lambda: worker.metric("task_worker_slots_busy") == SLOTS, "busy", self.wait_s)
        states = [stage.producer.get_result(one) for one in held]
        assert sum(one.is_running for one in states) == SLOTS
        assert sum(one.is_pending for one in states) == 1
        assert stage.count("begin") == SLOTS
        stage.release()
        assert [self.done(stage.producer, one).unwrap() for one in held] == [1] * len(held)
        assert stage.producer.get_result(elsewhere).is_pending
        # Its queue has a worker in the end, so that nothing is left behind.
        self.ready(stage.start(queues=f"{stage.queue}_other"))
        assert self.done(stage.producer, elsewhere).unwrap() == 1

    def test_a_cancel_outlives_the_absence_of_workers(self, stage: Stage) -> None:
        """A task that was cancelled while nobody served its queue does not run when a worker comes."""
        if not self.can(stage.producer, Feature.CANCEL_PENDING):
            return
        called_off, wanted = stage.hold(), stage.hold()
        stage.producer.cancel(called_off)
        self.ready(stage.start(slots=1))
        self.begun(stage, 1)
        stage.release()
        assert self.done(stage.producer, wanted).unwrap() == 1
        assert self.done(stage.producer, called_off).status is TaskStatus.CANCELLED
        assert stage.count("begin") == 1

    def test_a_drain_lets_its_task_end(self, stage: Stage) -> None:
        """Health before, during and after; told to stop it is live and not ready, the task ends, the code is 0."""
        worker = stage.start()
        assert worker.get("/readyz")[0] != 200, "ready before it was started"
        self.ready(worker)
        task_id = stage.hold()
        self.begun(stage, 1)
        assert [worker.get(path)[0] for path in ("/startupz", "/livez", "/readyz")] == [200, 200, 200]
        worker.stop()
        wait_for(lambda: worker.get("/readyz")[0] == 503, "not ready", self.wait_s)
        assert worker.get("/livez")[0] == 200
        stage.release()
        assert worker.exit_code(self.wait_s) == 0
        assert worker.get("/livez")[0] == 0
        assert self.done(stage.producer, task_id).unwrap() == 1
        assert (stage.count("begin"), stage.count("end")) == (1, 1)

    @pytest.mark.parametrize("shutdown", ["cut"])
    def test_a_cut_gives_its_task_back_once(self, stage: Stage, shutdown: str) -> None:
        """Told to stop it ends with code 0 although its task runs; another worker runs the task again, once."""
        del shutdown  # of the fixture
        worker = self.ready(stage.start())
        task_id = stage.hold()
        self.begun(stage, 1)
        following = stage.start()
        worker.stop()
        assert worker.exit_code(self.wait_s) == 0
        self.runs_again_once(stage, task_id, following)

    def test_a_killed_worker_loses_no_task(self, stage: Stage) -> None:
        """After kill -9 another worker runs the task again, once."""
        worker = self.ready(stage.start())
        task_id = stage.hold()
        self.begun(stage, 1)
        following = stage.start()
        worker.kill()
        self.runs_again_once(stage, task_id, following)

    def runs_again_once(self, stage: Stage, task_id: str, following: WorkerProcess) -> None:
        """Assert that the following worker runs a lost task one more time, to its end."""
        self.ready(following)
        self.begun(stage, 2)
        stage.release()
        assert self.done(stage.producer, task_id).is_completed
        following.stop()
        assert following.exit_code(self.wait_s) == 0
        assert (stage.count("begin"), stage.count("end")) == (2, 1)

    def test_exit_codes_tell_why_it_did_not_start(self, stage: Stage) -> None:
        """Wrong usage is 2; a start that failed is 1, and the log says why."""
        misused = WorkerProcess(stage.environment, stage.folder, ("--no-such-flag",))
        missing = {**stage.environment, "TASK_MODULES": "no_such_module"}
        unknown = WorkerProcess(missing, stage.folder, ("--queues", stage.queue))
        stage.workers += [misused, unknown]
        assert misused.exit_code(self.wait_s) == 2
        assert unknown.exit_code(self.wait_s) == 1
        assert "no_such_module" in unknown.text()
