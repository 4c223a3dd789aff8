"""What the contract asks of a backend under test."""

# ruff: noqa: S101, ANN401 - tests assert; hooks are methods so that a backend can override them

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from task_abstraction.base import TaskBackend
from task_abstraction.errors import UnsupportedFeature
from task_abstraction.models import Feature, RetryPolicy, Support, TaskResult
from task_abstraction.testing.contract.tasks import OTHER_QUEUE, register_tasks
from task_abstraction.testing.contract.traces import Traces
from task_abstraction.workflows import Parallel, WorkflowDefinition

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Ask:
    """How a feature is asked for, and the features that the same call asks for before it."""

    call: Callable[[TaskBackend], object]
    before: tuple[Feature, ...] = ()


def _declaring(**options: Any) -> Callable[[TaskBackend], object]:
    def declare(backend: TaskBackend) -> object:
        def contract_declared() -> None:
            """Is never submitted."""

        return backend.register_task(contract_declared, **options)

    return declare


def _flow(*patterns: Parallel) -> Callable[[TaskBackend], object]:
    return lambda backend: backend.register_workflow(WorkflowDefinition.mixed(patterns, "contract_asked"))


PAIR = Parallel([("contract_add", {"b": 1}), ("contract_add", {"b": 2})])
ASKS: Mapping[Feature, Ask] = {
    Feature.DELAY: Ask(lambda backend: backend.using(delay=SECOND)),
    Feature.ETA: Ask(lambda backend: backend.using(eta=datetime.now(UTC) + SECOND)),
    Feature.EXPIRES: Ask(lambda backend: backend.using(expires=SECOND)),
    Feature.PRIORITY: Ask(lambda backend: backend.using(priority=1)),
    Feature.QUEUE_OVERRIDE: Ask(lambda backend: backend.using(queue=OTHER_QUEUE)),
    Feature.IDEMPOTENCY: Ask(lambda backend: backend.using(idempotency_key="contract")),
    Feature.RETRY: Ask(_declaring(retry=RetryPolicy(max_attempts=2, initial_delay=timedelta(0)))),
    Feature.NON_RETRYABLE: Ask(_declaring(retry=RetryPolicy(non_retryable=(ValueError,)))),
    Feature.TIME_LIMIT: Ask(_declaring(timeout=SECOND)),
    Feature.CHAIN: Ask(
        lambda backend: backend.register_workflow(WorkflowDefinition.sequential(["contract_add"], "contract_asked"))
    ),
    Feature.GROUP: Ask(_flow(PAIR)),
    Feature.CHORD: Ask(_flow(PAIR, Parallel([("contract_sum")])), before=(Feature.CHAIN, Feature.GROUP)),
}
"""Features that a call asks for: the backend either accepts it, or refuses with the words of its capability record."""
ALWAYS = frozenset({Feature.RESULTS, Feature.NOT_FOUND, Feature.ASYNC_TASKS, Feature.BATCH})
"""Features that need no option: each contract's plain tests hold them."""
CANCELS = frozenset({Feature.CANCEL_PENDING, Feature.CANCEL_RUNNING})
"""Features of `cancel`, which asks: what it did shows in the state of the task."""
REPORTS = frozenset({Feature.PROGRESS})
"""Features of the running task, which cannot be refused to the caller: the capability table and a warning say so."""
NO_CALL = frozenset(Feature) - frozenset(ASKS) - ALWAYS - CANCELS - REPORTS
"""Features of engine, profile or worker that no call of the library asks for: no contract here."""


class Fixtures:
    """Derive from it and make a backend; everything else has a default that suits a real server."""

    wait_s: ClassVar[float] = 60.0
    """Longest wait for one result, in seconds."""
    slots: ClassVar[int] = 2
    """Tasks that the worker under test runs at once; it has to be at least 2."""
    queues_tasks: ClassVar[bool] = True
    """Whether a task can wait for a free slot."""
    keeps_delays: ClassVar[bool] = True
    """Whether the delay of a retry passes."""
    lacks: ClassVar[frozenset[Feature]] = frozenset()
    """Features that the worker under test cannot give and the producer cannot know of, for example those of a pool."""

    def make_backend(self) -> TaskBackend:
        """Make a backend whose worker serves the queues `contract` and `contract_other` with the contract's tasks."""
        raise NotImplementedError

    def make_unreachable(self, password: str) -> TaskBackend | None:
        """Make a backend whose server is absent, with this password in its address; None: it has no server."""
        del password
        return None

    def worker_environment(self, folder: Path) -> Mapping[str, str] | None:
        """Variables of `task-backend-worker` for the backend under test; None: it has no worker processes.

        `folder` is its settings folder: write the rendered settings of the backend there, where it needs some.
        """
        del folder
        return None

    def pass_time(self, backend: TaskBackend, seconds: float) -> None:
        """Let time pass for the backend."""
        del backend
        time.sleep(seconds)

    def seconds(self, backend: TaskBackend) -> float:
        """The backend's clock, for intervals."""
        del backend
        return time.monotonic()

    @pytest.fixture
    def backend(self) -> Iterator[TaskBackend]:
        """The backend under test, with the contract's tasks; what a test submits has ended when it ends."""
        made = self.make_backend()
        register_tasks(made, limits=self.can(made, Feature.TIME_LIMIT))
        traces = Traces(made)
        yield made
        traces.end(self.wait_s)
        made.close()

    def can(self, backend: TaskBackend, feature: Feature) -> bool:
        """Whether backend and worker give a feature."""
        return feature not in self.lacks and backend.supports(feature) is not Support.REFUSED

    def gives(self, backend: TaskBackend, feature: Feature) -> bool:
        """Whether the behaviour of a feature has to be tested; where it is refused, test the refusal."""
        if self.can(backend, feature):
            return True
        if feature in ASKS and feature not in self.lacks:
            self.assert_refused(backend, feature)
        return False

    def assert_refused(self, backend: TaskBackend, feature: Feature) -> None:
        """Assert that asking for a feature is refused with the words of its capability record."""
        ask = ASKS[feature]
        first = next((one for one in (*ask.before, feature) if backend.supports(one) is Support.REFUSED), feature)
        record = backend.capability_of(first)
        assert record is not None, f"the backend declares nothing about '{first}': add a record to its `capabilities`"
        with pytest.raises(UnsupportedFeature) as caught:
            ask.call(backend)
        error = caught.value
        name = backend.backend_type.capitalize()
        expected = f"{name} cannot honour '{first}' on task '{error.task_name}' ({record.mechanism}). {record.hint}."
        assert (str(error), error.feature, error.hint) == (expected, first, record.hint)
        assert record.hint, "a refusal has to say what to do instead"

    def done(self, backend: TaskBackend, task_id: str) -> TaskResult[Any]:
        """Wait for the end of a task."""
        return backend.get_result(task_id, timeout=self.wait_s)
