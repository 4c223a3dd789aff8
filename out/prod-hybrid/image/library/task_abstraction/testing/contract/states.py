"""What the seven answers about an id promise."""

# ruff: noqa: S101 - tests assert

import time
import uuid
from datetime import timedelta

from task_abstraction.base import TaskBackend
from task_abstraction.errors import BackendUnavailable, TaskNotFound
from task_abstraction.models import Feature
from task_abstraction.testing.contract.fixtures import Fixtures

PASSWORD = "contract"  # noqa: S105 - of a server that is not there
FAR_AWAY = timedelta(seconds=60)


class StateContract(Fixtures):
    """Queued, running, completed, failed, cancelled, unknown id and no server are seven different answers."""

    def answer(self, backend: TaskBackend, task_id: str) -> str:
        """What the backend says about an id, in one word."""
        try:
            return backend.get_result(task_id).status.value
        except TaskNotFound:
            return "unknown"
        except BackendUnavailable:
            return "unavailable"

    def test_an_end_is_an_answer(self, backend: TaskBackend) -> None:
        """Completed, failed, and an id that was never given out."""
        good, bad = backend.submit("contract_add", 1), backend.submit("contract_fail", "jam")
        for one in (good, bad):
            self.done(backend, one)
        asked = (good, bad, str(uuid.uuid4()))
        assert [self.answer(backend, one) for one in asked] == ["completed", "failed", "unknown"]

    def test_queued_running_and_cancelled_are_answers(self, backend: TaskBackend) -> None:
        """A task that waits for its delay, the same after its cancel, and one that runs meanwhile."""
        if not (self.can(backend, Feature.CANCEL_PENDING) and self.gives(backend, Feature.DELAY)):
            return
        running = backend.submit("contract_sleep", 2.0)
        waiting = backend.using(delay=FAR_AWAY).submit("contract_add", 1)
        assert self.answer(backend, waiting) == "pending"
        seen = {self.answer(backend, running)}
        while "running" not in seen and not backend.get_result(running).is_finished:
            time.sleep(0.02)
            seen.add(self.answer(backend, running))
        assert "running" in seen
        backend.cancel(waiting)
        self.done(backend, waiting)
        assert self.answer(backend, waiting) == "cancelled"

    def test_no_server_is_an_answer_of_its_own(self) -> None:
        """An outage is neither an unknown id nor a failed task."""
        backend = self.make_unreachable(PASSWORD)
        if backend is None:
            return  # nothing that could be away
        assert self.answer(backend, str(uuid.uuid4())) == "unavailable"
        backend.close()
