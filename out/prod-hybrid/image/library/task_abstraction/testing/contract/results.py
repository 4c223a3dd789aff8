"""What results promise."""

# ruff: noqa: S101, PLR2004 - tests assert

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.errors import ResultTimeout, TaskFailed, TaskNotFound
from task_abstraction.models import Feature, TaskStatus
from task_abstraction.testing.contract.fixtures import Fixtures

OPEN_FILES = Path("/proc/self/fd")


class ResultContract(Fixtures):
    """Seven honest answers: pending, running, completed, failed, cancelled, unknown id; an outage is no result."""

    def test_a_completed_task_has_its_record(self, backend: TaskBackend) -> None:
        """Id, name, value, one attempt, no error."""
        task_id = backend.submit("contract_add", 2, b=3)
        done = self.done(backend, task_id)
        assert (done.task_id, done.task_name, done.status) == (task_id, "contract_add", TaskStatus.COMPLETED)
        assert (done.unwrap(), done.error, done.attempts) == (5, None, 1)

    def test_a_completed_task_has_its_times(self, backend: TaskBackend) -> None:
        """Begin and end are filed, in order."""
        done = self.done(backend, backend.submit("contract_sleep", 0.2))
        assert done.duration is not None
        assert 0.1 < done.duration < self.wait_s

    def test_a_failed_task_says_why(self, backend: TaskBackend) -> None:
        """The error carries class and message; `unwrap` raises."""
        done = self.done(backend, backend.submit("contract_fail", "paper jam"))
        assert (done.status, done.result, done.error) == (TaskStatus.FAILED, None, "ValueError: paper jam")
        with pytest.raises(TaskFailed, match="Task contract_fail failed: ValueError: paper jam"):
            done.unwrap()

    def test_a_look_right_after_submit_is_a_state(self, backend: TaskBackend) -> None:
        """A queued task is never an unknown id."""
        for _ in range(5):
            assert backend.get_result(backend.submit("contract_add", 1)).status is not TaskStatus.FAILED

    def test_an_unknown_id_is_an_error(self, backend: TaskBackend) -> None:
        """An id that the backend has never seen is not a pending task."""
        unknown = str(uuid.uuid4())
        with pytest.raises(TaskNotFound, match=unknown):
            backend.get_result(unknown)

    def test_cancel_of_an_unknown_id_is_an_error(self, backend: TaskBackend) -> None:
        """There is nothing that could be cancelled."""
        with pytest.raises(TaskNotFound):
            backend.cancel(str(uuid.uuid4()))

    def test_a_running_task_is_running(self, backend: TaskBackend) -> None:
        """A task is seen running before it is seen completed, unless submit itself runs it."""
        task_id = backend.submit("contract_sleep", 2.0)
        seen = [backend.get_result(task_id).status]
        while not backend.get_result(task_id).is_finished:
            seen.append(backend.get_result(task_id).status)
            time.sleep(0.1)
        assert TaskStatus.RUNNING in seen or seen[0] is TaskStatus.COMPLETED

    @pytest.mark.parametrize("name", ["contract_report", "contract_report_async"])
    def test_progress_of_a_running_task_can_be_read(self, backend: TaskBackend, name: str) -> None:
        """What a task reports is seen while it runs, and does not end it; where it is refused, the task still runs."""
        told = {"done": 1, "of": [2, "three"]}
        task_id = backend.submit(name, told, 2.0 if self.queues_tasks else 0.0)
        seen = [backend.get_result(task_id)]
        while seen[-1].progress is None and not seen[-1].is_finished:
            time.sleep(0.02)
            seen.append(backend.get_result(task_id))
        assert seen[-1].progress == (told if self.can(backend, Feature.PROGRESS) else None)
        assert not self.queues_tasks or seen[-1].progress is None or seen[-1].is_running
        assert self.done(backend, task_id).unwrap() == "reported"

    def test_a_wait_that_runs_out_is_no_result(self, backend: TaskBackend) -> None:
        """`ResultTimeout` names id and seconds; the task goes on."""
        task_id = backend.submit("contract_sleep", 1.5)
        if not backend.get_result(task_id).is_finished:
            with pytest.raises(ResultTimeout) as caught:
                backend.get_result(task_id, timeout=0.2)
            assert (caught.value.task_id, caught.value.timeout) == (task_id, 0.2)
        assert self.done(backend, task_id).is_completed

    def test_results_from_a_running_loop(self, backend: TaskBackend) -> None:
        """`aget_result` looks and waits."""

        async def both(task_id: str) -> tuple[bool, int]:
            look = await backend.aget_result(task_id)
            done = await backend.aget_result(task_id, timeout=self.wait_s)
            return look.task_id == done.task_id, done.unwrap()

        assert asyncio.run(both(backend.submit("contract_add", 1, b=1))) == (True, 2)

    def test_two_threads_use_one_backend(self, backend: TaskBackend) -> None:
        """Submits and waits of several threads do not disturb each other."""

        def add(number: int) -> int:
            total: int = self.done(backend, backend.submit("contract_add", number, b=100)).unwrap()
            return total

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(add, range(6))) == [100 + number for number in range(6)]

    def test_many_calls_use_one_client(self, backend: TaskBackend) -> None:
        """Ten calls open no more files than one."""
        if not OPEN_FILES.is_dir():
            pytest.skip("the system has no /proc")
        self.done(backend, backend.submit("contract_add", 1))
        before = len(list(OPEN_FILES.iterdir()))
        for number in range(10):
            self.done(backend, backend.submit("contract_add", number))
        assert len(list(OPEN_FILES.iterdir())) <= before + 2
