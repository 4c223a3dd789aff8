"""What every backend inherits: registration, routing, submit, waiting."""

import asyncio
import warnings
from datetime import UTC, datetime, timedelta

import pytest

from task_abstraction.config import WorkerPlan, parse_plan
from task_abstraction.context import ENQUEUED_AT_HEADER
from task_abstraction.errors import (
    ResultTimeout,
    TaskAlreadyRegistered,
    TaskNotFound,
    TaskNotRegistered,
    UnsupportedFeature,
)
from task_abstraction.models import Call, Feature, RetryPolicy, Support
from tests.unit.library.fake_backend import FakeBackend


def add(a: int, b: int = 0) -> int:
    """Add."""
    return a + b


@pytest.fixture
def backend():
    """A backend that knows `add`."""
    made = FakeBackend()
    made.register_task(add)
    return made


class TestRegistration:
    """The three forms of `register_task`."""

    def test_the_function_comes_back_unchanged(self, backend):
        """A registered function is the function itself, in every form."""
        assert backend.register_task(add) is add
        assert backend.register_task(add, "named") is add
        assert backend.register_task(name="x.y", queue="q")(add) is add
        assert {"add", "named", "x.y"} <= set(backend.definitions())

    def test_one_name_belongs_to_one_function(self, backend):
        """A second function under a name is refused; the same one again is not."""

        def other() -> None:
            """Do nothing."""

        backend.register_task(add)
        with pytest.raises(TaskAlreadyRegistered, match="Task 'add' is already registered"):
            backend.register_task(other, "add")

    @pytest.mark.parametrize("name", ["Add", "add-it", "ädd", "a b"])
    def test_a_name_that_not_every_backend_carries_is_refused(self, backend, name):
        """Names are a-z, 0-9, underscore and dot."""
        with pytest.raises(ValueError, match="use a-z"):
            backend.register_task(add, name)

    def test_an_option_that_the_backend_lacks_is_refused_at_registration(self):
        """A time limit on a pool that cannot keep it fails when it is declared, not when it is late."""

        class Threads(FakeBackend):
            def facts(self):
                return {"broker": "redis", "pool": "threads"}

        with pytest.raises(UnsupportedFeature, match="Celery cannot honour 'time_limit' on task 'add'"):
            Threads().register_task(add, timeout=timedelta(seconds=1))


class TestSubmit:
    """From a call to a submission."""

    def test_arguments_travel_in_the_envelope(self, backend):
        """The envelope is args and kwargs; the header says since when the task waits."""
        task_id = backend.submit("add", 1, b=2)

        sent = backend.sent[0]
        assert sent.task_id == task_id
        assert sent.envelope == {"args": [1], "kwargs": {"b": 2}}
        assert abs(float(sent.headers[ENQUEUED_AT_HEADER]) - datetime.now(UTC).timestamp()) < 5

    def test_an_unknown_name_is_refused(self, backend):
        """Nothing is sent under a name that nobody registered, routed or declared."""
        with pytest.raises(TaskNotRegistered, match=r"^Task 'ad' not registered"):
            backend.submit("ad", 1)
        assert backend.sent == []

    def test_wrong_arguments_are_refused_where_the_function_is_known(self, backend):
        """A call that the function would refuse never leaves the process."""
        with pytest.raises(TypeError, match="task 'add': missing a required argument: 'a'"):
            backend.submit("add")

    def test_a_declared_name_needs_no_function(self, backend):
        """`declare` makes a name known and gives its queue."""
        backend.declare("elsewhere", queue="far")
        backend.submit("elsewhere", 1, 2, 3)

        assert backend.sent[0].queue == "far"

    def test_a_delay_moves_the_moment_from_which_it_waits(self, backend):
        """Waiting for the eta is no queue wait."""
        backend.using(delay=timedelta(minutes=5)).submit("add", 1)

        sent = backend.sent[0]
        assert sent.due_at is not None
        assert float(sent.headers[ENQUEUED_AT_HEADER]) == pytest.approx(sent.due_at.timestamp(), abs=1e-3)

    def test_an_eta_without_zone_is_refused(self, backend):
        """A naive time means another moment on another machine."""
        with pytest.raises(ValueError, match="has no time zone"):
            backend.using(eta=datetime(2030, 1, 1)).submit("add", 1)  # noqa: DTZ001 - the point of the test

    def test_an_option_that_the_backend_lacks_is_refused(self, backend):
        """Idempotency is refused with the remedy, before anything is sent."""
        with pytest.raises(UnsupportedFeature) as caught:
            backend.using(idempotency_key="k")
        assert str(caught.value) == (
            "Celery cannot honour 'idempotency_key' on task '*' (reuse of a task id does not deduplicate). "
            "Remove it, or use a temporal or hatchet profile."
        )

    def test_unsupported_features_may_be_a_warning(self, backend, monkeypatch, caplog):
        """TASK_UNSUPPORTED=warn says it once for a task and goes on."""
        monkeypatch.setenv("TASK_UNSUPPORTED", "warn")
        backend.using(idempotency_key="k").submit("add", 1)
        backend.using(idempotency_key="l").submit("add", 1)

        assert len(backend.sent) == 2
        assert [record.message for record in caplog.records if "on task 'add'" in record.message][1:] == []

    def test_a_batch_keeps_its_order(self, backend):
        """One id for each call, in order."""
        ids = backend.submit_many("add", [Call((1,)), Call((2,))])

        assert [submission.task_id for submission in backend.sent] == ids
        assert [submission.envelope["args"] for submission in backend.sent] == [[1], [2]]

    def test_async_twins_do_the_same(self, backend):
        """Submit and read work from a running loop."""

        async def both():
            task_id = await backend.asubmit("add", 1)
            return await backend.aget_result(task_id, timeout=5)

        assert asyncio.run(both()).unwrap() == 3


class TestQueues:
    """Resolution of the queue."""

    plan = parse_plan({"routes": [["add_*", "special"], ["a*", "routed"]], "default_queue": "planned"})

    @pytest.mark.parametrize(
        ("name", "queue"),
        [
            pytest.param("add_two", "special", id="the first route that matches"),
            pytest.param("all", "routed", id="a wider route"),
            pytest.param("zebra", "planned", id="the default of the plan"),
        ],
    )
    def test_routes_of_the_plan(self, name, queue):
        """The plan's routes are tried in their order."""
        assert FakeBackend(plan=self.plan).queue_for(name) == queue

    def test_the_order_of_sources(self, monkeypatch):
        """Override > declaration > route > TASK_DEFAULT_QUEUE > plan > first of TASK_QUEUES > default."""
        backend = FakeBackend(plan=self.plan)
        backend.register_task(add, "add_one", queue="declared")
        assert backend.queue_for("add_one", "override") == "override"
        assert backend.queue_for("add_one") == "declared"
        monkeypatch.setenv("TASK_DEFAULT_QUEUE", "mine")
        assert backend.queue_for("zebra") == "mine"
        assert FakeBackend(plan=WorkerPlan()).queue_for("zebra") == "mine"
        monkeypatch.delenv("TASK_DEFAULT_QUEUE")
        monkeypatch.setenv("TASK_QUEUES", "one,two")
        assert FakeBackend(plan=WorkerPlan()).queue_for("zebra") == "one"
        monkeypatch.delenv("TASK_QUEUES")
        assert FakeBackend(plan=WorkerPlan()).queue_for("zebra") == "default"

    def test_a_bare_star_makes_no_name_known(self):
        """A catch-all route routes every name and vouches for none."""
        backend = FakeBackend(plan=parse_plan({"routes": [["known_*", "q"], ["*", "q"]]}))

        assert backend.is_known("known_task")
        assert not backend.is_known("typo")


class TestResults:
    """Reading and waiting."""

    def test_waiting_ends_with_the_task(self, backend):
        """A wait polls until the task is finished."""
        assert backend.get_result(backend.submit("add", 1), timeout=5).unwrap() == 3

    def test_a_wait_that_runs_out_says_so(self, backend):
        """The timeout is an error of its own; the task goes on."""
        backend.looks = -1000
        with pytest.raises(ResultTimeout, match=r"no result after 0\.05 s"):
            backend.get_result(backend.submit("add", 1), timeout=0.05)

    def test_an_unknown_id_is_an_error(self, backend):
        """Never a for-ever pending."""
        with pytest.raises(TaskNotFound, match="'nope' is unknown"):
            backend.get_result("nope")


def test_support_is_read_from_the_table(backend):
    """`supports` answers for the broker and pool at hand."""
    assert backend.supports(Feature.PRIORITY) is Support.EMULATED
    assert backend.supports(Feature.IDEMPOTENCY) is Support.REFUSED
    assert backend.supports(Feature.CHAIN) is Support.NATIVE


def test_a_worker_serves_health_and_metrics(backend, monkeypatch):
    """`run_worker` opens the server of probes around the backend's own loop."""
    monkeypatch.setenv("TASK_HEALTH_PORT", "0")
    with warnings.catch_warnings():
        backend.run_worker(queues=["default"])


def test_the_policy_merges_plan_code_and_tier():
    """The plan's line for a task beats its declaration, which beats the default of its tier."""
    plan = parse_plan(
        {
            "tiers": {
                "low": {"backend": "celery", "queues": ["default"], "task": {"max_attempts": 9, "time_limit_s": 60}}
            },
            "tasks": [["special", {"max_attempts": 2}]],
        }
    )
    backend = FakeBackend(plan=plan)
    backend.register_task(add)
    backend.register_task(add, "once", retry=RetryPolicy())
    backend.register_task(add, "special", retry=RetryPolicy(max_attempts=5))

    assert backend.policy_for("add").retry.max_attempts == 9
    assert backend.policy_for("once").retry.max_attempts == 1
    assert backend.policy_for("special").retry.max_attempts == 2
    assert backend.policy_for("special").time_limit_s == 60
