"""What the options of one submit promise."""

# ruff: noqa: S101, PLR2004 - tests assert

import time
import uuid
from datetime import UTC, datetime, timedelta

from task_abstraction.base import TaskBackend
from task_abstraction.models import Feature, TaskStatus
from task_abstraction.testing.contract.fixtures import Fixtures

DELAY_S = 2.0


class OptionsContract(Fixtures):
    """Delay, eta, expiry, priority, keys, cancel, time limit."""

    def test_a_delay_passes_before_the_begin(self, backend: TaskBackend) -> None:
        """A delayed task is pending, and runs after its delay."""
        if not self.gives(backend, Feature.DELAY):
            return
        begin = self.seconds(backend)
        task_id = backend.using(delay=timedelta(seconds=DELAY_S)).submit("contract_add", 1)
        assert backend.get_result(task_id).status is TaskStatus.PENDING
        assert self.done(backend, task_id).unwrap() == 1
        assert self.seconds(backend) - begin >= DELAY_S - 0.1

    def test_an_eta_is_waited_for(self, backend: TaskBackend) -> None:
        """A task with a moment runs not before it."""
        if not self.gives(backend, Feature.ETA):
            return
        begin = self.seconds(backend)
        task_id = backend.using(eta=datetime.now(UTC) + timedelta(seconds=DELAY_S)).submit("contract_add", 2)
        assert self.done(backend, task_id).unwrap() == 2
        assert self.seconds(backend) - begin >= DELAY_S - 0.1

    def test_an_expired_task_does_not_run(self, backend: TaskBackend) -> None:
        """A task that could not begin in time ends, and not as completed."""
        if not self.gives(backend, Feature.EXPIRES):
            return
        if not self.queues_tasks:
            assert self.done(
                backend, backend.using(expires=timedelta(seconds=1)).submit("contract_add", 1)
            ).is_completed
            return
        busy = [backend.submit("contract_sleep", 2.0) for _ in range(2 * self.slots)]
        late = backend.using(expires=timedelta(seconds=1)).submit("contract_add", 1)
        ended = self.done(backend, late)
        assert ended.status in {TaskStatus.CANCELLED, TaskStatus.FAILED}
        for one in busy:
            assert self.done(backend, one).is_completed

    def test_a_priority_is_taken(self, backend: TaskBackend) -> None:
        """A task with a priority runs."""
        if self.gives(backend, Feature.PRIORITY):
            assert self.done(backend, backend.using(priority=1).submit("contract_add", 3)).unwrap() == 3

    def test_one_key_is_one_task(self, backend: TaskBackend) -> None:
        """A second submit with the same key returns the id of the first; another key is another task."""
        if not self.gives(backend, Feature.IDEMPOTENCY):
            return
        key = f"contract-{uuid.uuid4()}"
        first = backend.using(idempotency_key=key).submit("contract_sleep", 0.5)
        second = backend.using(idempotency_key=key).submit("contract_sleep", 0.5)
        other = backend.using(idempotency_key=f"{key}-2").submit("contract_sleep", 0.5)
        assert first == second != other
        assert self.done(backend, second).result == self.done(backend, first).result

    def test_a_cancelled_task_does_not_begin(self, backend: TaskBackend) -> None:
        """A task that waits for its delay can be cancelled, and stays so when the delay is over."""
        if not (self.can(backend, Feature.CANCEL_PENDING) and self.gives(backend, Feature.DELAY)):
            return
        due = self.seconds(backend) + DELAY_S
        task_id = backend.using(delay=timedelta(seconds=DELAY_S)).submit("contract_add", 1)
        backend.cancel(task_id)
        ended = self.done(backend, task_id)
        assert (ended.status, ended.result) == (TaskStatus.CANCELLED, None)
        self.pass_time(backend, max(0.0, due - self.seconds(backend)) + 0.5)
        later = backend.get_result(task_id)
        assert (later.status, later.result, later.attempts) == (TaskStatus.CANCELLED, None, 0)

    def test_a_running_task_is_cancelled(self, backend: TaskBackend) -> None:
        """A task that runs ends early."""
        if not self.can(backend, Feature.CANCEL_RUNNING):
            return
        task_id = backend.submit("contract_patient", 25.0)
        deadline = time.monotonic() + self.wait_s
        while not backend.get_result(task_id).is_running and time.monotonic() < deadline:
            time.sleep(0.05)
        backend.cancel(task_id)
        assert self.done(backend, task_id).status is TaskStatus.CANCELLED

    def test_cancel_of_a_finished_task_changes_nothing(self, backend: TaskBackend) -> None:
        """A result stays what it is."""
        task_id = backend.submit("contract_add", 4)
        assert self.done(backend, task_id).is_completed
        backend.cancel(task_id)
        assert backend.get_result(task_id).unwrap() == 4

    def test_a_time_limit_ends_the_attempt(self, backend: TaskBackend) -> None:
        """A task that runs longer than its limit is failed."""
        if not self.gives(backend, Feature.TIME_LIMIT):
            return
        ended = self.done(backend, backend.submit("contract_long"))
        assert ended.status is TaskStatus.FAILED
        assert ended.error
