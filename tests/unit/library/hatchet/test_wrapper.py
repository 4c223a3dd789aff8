"""Our tasks inside the SDK's: run by its own `mock_run`, registered by its own `to_proto`; no engine."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from task_abstraction import RetryPolicy, current_task
from task_abstraction.config import parse_plan
from task_abstraction.serving import build_job
from tests.support.need import need
from tests.support.workers import samples

need_sdk = pytest.fixture(autouse=True)(lambda: need("hatchet-sdk"))
PLAN = parse_plan({
    "routes": [["far_*", "elsewhere"], ["celery_*", "other"]],
    "queues": {"q": {"backend": "hatchet"}, "elsewhere": {"backend": "hatchet"}, "other": {"backend": "celery"}},
    "tiers": {"t": {"backend": "hatchet", "queues": ["q"], "task": {"max_attempts": 3, "time_limit_s": 60}}},
})  # fmt: skip


@dataclass(frozen=True)
class Envelope:
    """What a producer sends; `mock_run` drops an input that is a plain dictionary (hatchet-sdk 1.43.1)."""

    args: list[object] = field(default_factory=list)
    kwargs: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A point."""

    x: int


def shifted(point: Point, by: int = 1) -> Point:
    """Shift a point.

    Further lines are for readers of the code.
    """
    return Point(point.x + by)


async def who() -> tuple[str, int, str]:
    """Tell what the context says."""
    await asyncio.sleep(0)
    context = current_task()
    return context.name, context.attempt, context.queue


def failing(kind: str) -> None:
    """Fail."""
    raise {"value": ValueError, "os": OSError}[kind]("no")


@dataclass
class Setting:
    """Tasks as the SDK has them, and the metrics of their worker."""

    tasks: dict
    taken: set
    metrics: object

    def counted(self, metric: str, task: str, **labels: str) -> float:
        """Sum of a metric for one task."""
        wanted = [f'task="{task}"', *(f'{key}="{value}"' for key, value in labels.items())]
        found = samples(self.metrics.registry.render())
        return sum(v for s, v in found.items() if s.startswith(metric + "{") and all(w in s for w in wanted))


@pytest.fixture
def setting(make_backend):
    """Four tasks of two queues, and one of another backend."""
    from task_abstraction.backends.hatchet.sdk import client_config, new_client
    from task_abstraction.backends.hatchet.serving import tasks_of

    backend = make_backend(plan=PLAN)
    backend.register_task(shifted, queue="q")
    backend.register_task(who, "far_who")
    backend.register_task(failing, queue="q", retry=RetryPolicy(max_attempts=2, non_retryable=(ValueError,)))
    backend.register_task(shifted, "celery_shifted")
    job = build_job(backend, queues=["q", "elsewhere"])
    hatchet = new_client(client_config(backend.clients.connection))
    tasks = tasks_of(backend, hatchet, job, backend.lookup)
    return Setting({made.name: made for made in tasks.own}, set(tasks.taken), job.metrics)


def test_arguments_and_results_travel_in_envelopes(setting):
    """The function gets its own types, the engine gets JSON."""
    output = setting.tasks["shifted"].mock_run(Envelope([{"x": 1}], {"by": 4}))

    assert output == {"result": {"x": 5}}
    assert setting.counted("task_succeeded_total", "shifted") == 1
    assert setting.counted("task_duration_seconds_count", "shifted") == 1


def test_a_coroutine_is_awaited_with_its_context(setting):
    """Attempt and queue come with the run."""
    task = setting.tasks["far_who"]
    metadata = {"taskgen_queue": "q"}

    assert task.is_async_function
    output = asyncio.run(task.aio_mock_run(Envelope(), additional_metadata=metadata, retry_count=1))
    assert output == {"result": ["far_who", 2, "q"]}


def test_progress_that_nobody_reads_is_said_once(caplog):
    """A task that reports every percent writes one line, which names it, and goes on."""
    from task_abstraction.backends.hatchet.wrapper import NoProgress

    report = NoProgress("shifted")
    report(1)
    report(2)

    (line,) = caplog.messages
    assert "shifted" in line


def test_an_error_that_may_be_repeated_is_raised_as_it_is(setting):
    """The engine repeats it."""
    with pytest.raises(OSError, match="no"):
        setting.tasks["failing"].mock_run(Envelope(["os"]))
    assert setting.counted("task_retried_total", "failing", reason="error") == 1


def test_an_error_that_must_not_be_repeated_ends_the_task(setting):
    """The engine is told so, with class and message of the error."""
    from hatchet_sdk import NonRetryableException

    with pytest.raises(NonRetryableException, match=r"^ValueError: no$"):
        setting.tasks["failing"].mock_run(Envelope(["value"]))
    assert setting.counted("task_failed_total", "failing", reason="error") == 1


def test_the_last_attempt_fails_the_task(setting):
    """It is counted once, as failed."""
    with pytest.raises(OSError, match="no"):
        setting.tasks["failing"].mock_run(Envelope(["os"]), retry_count=1)
    assert setting.counted("task_failed_total", "failing", reason="error") == 1
    assert setting.counted("task_retried_total", "failing") == 0


def test_an_attempt_beyond_the_policy_is_not_repeated_for_an_error_that_must_not_be(setting):
    """A replay gives attempts anew, and their numbers go on."""
    from hatchet_sdk import NonRetryableException

    with pytest.raises(NonRetryableException, match=r"^ValueError: no$"):
        setting.tasks["failing"].mock_run(Envelope(["value"]), retry_count=2)
    with pytest.raises(OSError, match="no"):
        setting.tasks["failing"].mock_run(Envelope(["os"]), retry_count=2)


class TestRegistration:
    """What the engine is told."""

    def test_limits_and_repetitions_are_explicit(self, setting):
        """Those of the tier, in the engine's own words."""
        (step,) = setting.tasks["shifted"].to_proto().tasks

        assert (step.action, step.readable_id) == ("shifted:shifted", "shifted")
        assert (step.timeout, step.schedule_timeout, step.retries) == ("1m", "24h", 2)
        assert (step.backoff_factor, step.backoff_max_seconds) == (2.0, 600)

    def test_every_task_is_taken_on_every_queue_of_the_worker(self, setting):
        """A submit may name another queue: its workflow has an action of that queue, which the worker takes."""
        assert {name for name in setting.taken if name.endswith(":shifted")} == {
            "shifted.on.q:shifted",
            "shifted.on.elsewhere:shifted",
        }

    def test_a_task_of_another_queue_is_not_registered(self, make_backend):
        """Its own workers do that; it is only taken."""
        from task_abstraction.backends.hatchet.sdk import client_config, new_client
        from task_abstraction.backends.hatchet.serving import tasks_of

        backend = make_backend(plan=PLAN)
        backend.register_task(shifted, queue="q")
        backend.register_task(who, "far_who")
        hatchet = new_client(client_config(backend.clients.connection))
        tasks = tasks_of(backend, hatchet, build_job(backend, queues=["q"]), backend.lookup)

        assert [task.name for task in tasks.own] == ["shifted"]
        assert set(tasks.taken) == {"shifted.on.q:shifted", "far_who.on.q:far_who"}

    def test_the_description_tells_the_queue(self, setting):
        """People read it in the console, the exporter reads its end."""
        assert setting.tasks["shifted"].to_proto().description == "Shift a point. [queue q]"

    def test_a_task_of_another_backend_is_left_out(self, setting):
        """A hybrid deployment has its queue on Celery."""
        assert sorted(setting.tasks) == ["failing", "far_who", "shifted"]

    def test_nothing_is_cut_short_without_settings(self, make_backend):
        """A task that nobody limits may run and wait for a day."""
        from task_abstraction.backends.hatchet.sdk import client_config, new_client
        from task_abstraction.backends.hatchet.serving import tasks_of

        backend = make_backend()
        backend.register_task(shifted)
        hatchet = new_client(client_config(backend.clients.connection))
        (made,) = tasks_of(backend, hatchet, build_job(backend, queues=["default"]), backend.lookup).own
        (step,) = made.to_proto().tasks

        assert (step.timeout, step.schedule_timeout, step.retries) == ("24h", "24h", 0)
        assert timedelta(hours=24) == made.tasks[0].execution_timeout


class TestOverdue:
    """An attempt that the engine has given up."""

    def test_its_late_result_is_no_success(self, setting):
        """Nobody hears it; it counts as a time limit."""
        from task_abstraction.backends.hatchet.wrapper import counted
        from task_abstraction.context import TaskContext

        wrapped = _wrapped(setting, limit=timedelta(0))
        with counted(wrapped, TaskContext(id="i", name="shifted", attempt=3, queue="q", cancelled=lambda: True)):
            pass

        assert setting.counted("task_failed_total", "shifted", reason="time_limit") == 1
        assert setting.counted("task_succeeded_total", "shifted") == 0

    def test_a_cancellation_is_not_repeated(self, setting):
        """It is told apart from a time limit by the time that has passed."""
        from task_abstraction.backends.hatchet.wrapper import counted
        from task_abstraction.context import TaskContext

        wrapped = _wrapped(setting, limit=timedelta(hours=1))
        with counted(wrapped, TaskContext(id="i", name="shifted", attempt=1, queue="q", cancelled=lambda: True)):
            pass

        assert setting.counted("task_failed_total", "shifted", reason="cancelled") == 1


def _wrapped(setting, *, limit):
    from task_abstraction.backends.hatchet.wrapper import Wrapped
    from task_abstraction.policy import TaskPolicy
    from task_abstraction.tasks import TaskDefinition

    return Wrapped(
        definition=TaskDefinition(name="shifted", fn=shifted),
        policy=TaskPolicy(),
        queue="q",
        options={"execution_timeout": limit, "retries": 2},
        metrics=setting.metrics,
    )
